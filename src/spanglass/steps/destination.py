"""Where a context's steps go beside memory: its span, and the record of that span.

Invariant: everything goes to the session that was in force when the context began, masked, and whole as far as the
bound of a body lets it; what is over is said in its place. A process that inherited the context by fork adds nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from spanglass.model.entry import CallFacts, EnvelopeEntry, OutcomeEntry, StepEntry
from spanglass.model.record import ErrorInfo
from spanglass.model.step import FORMAT, Step
from spanglass.place import current_place
from spanglass.span.operationspan import OperationSpan, claim
from spanglass.steps.snapshot import EMPTY, brief, within

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from spanglass.capture.session import Session
    from spanglass.model.record import State
    from spanglass.span.attributes import Attributes
    from spanglass.steps.snapshot import ErrorText, Snapshot

#: Bytes of one step's data, and of an operation's inputs, that go on the span as they are.
_SPAN_DATA_LIMIT = 1_000


class About(NamedTuple):
    """What a context says of itself, masked."""

    operation: str
    correlation_id: str
    inputs: Snapshot
    breadcrumbs: tuple[str, ...] = ()


class Moment(NamedTuple):
    """A step's place: its number among the steps, when it began in ns since the epoch, and how long it took in ns."""

    number: int
    timestamp: int
    duration_ns: int | None = None


class Ending(NamedTuple):
    """How an operation ended.

    ``error_after`` is the index of the step, or the id of the span, that came last before the error; ``exception`` is
    the error itself, unless the span need not have it.
    """

    state: State
    ended_at: int
    error: ErrorText | None = None
    error_after: int | str | None = None
    exception: BaseException | None = None


class Destination:
    """The span and the record of one operation.

    Args:
        session: in force when it began.
        about: what is known by then.
        started_at: ns since the epoch.
        span: the current one, if it is to be the operation's.
        ends: `finish` will be called.
    """

    def __init__(
        self, session: Session, about: About, started_at: int, span: Span | None = None, *, ends: bool = True
    ) -> None:
        self._session = session
        self._pid = os.getpid()
        self._place = current_place()
        self._content, limit = session.span_policy()
        self._whole = limit is None
        self._span = OperationSpan(
            span, session.tracer(), about.operation, started_at, self._attributes(about), ends=ends
        )
        self._facts = self._call_facts()
        if not self._span.is_gen_ai or not ends:
            if ends:
                self._record_outcome("started", self._span.started_at, None)
            self._record_envelope(about, Ending("started", self._span.started_at))

    @classmethod
    def open(cls, session: Session, about: About, started_at: int) -> Destination:
        """The current span, or else a new one, and its record."""
        return cls(session, about, started_at, claim(about.operation))

    @classmethod
    def on_current_span(cls, session: Session, about: About, started_at: int) -> Destination | None:
        """The current span and its record, for an operation whose end nobody will tell; None if the span is taken."""
        span = claim(about.operation)
        return None if span is None else cls(session, about, started_at, span, ends=False)

    @property
    def span(self) -> Span | None:
        """The span, if it was made for the operation: then it is to be the current one."""
        return None if self._span.shared else self._span.span

    @property
    def span_id(self) -> str:
        """What finds the record."""
        return self._span.span_id

    @property
    def is_ours(self) -> bool:
        """Whether this is the process that the operation began in."""
        return os.getpid() == self._pid

    def record_step(self, name: str, at: Moment, data: Snapshot) -> None:
        """Records a step with its whole data; one of an index that was recorded before takes its place."""
        body, limit = data.body, self._session.settings.max_body_bytes
        if len(body) > limit:
            why = f"{len(body):,} bytes are over SPANGLASS_MAX_BODY_BYTES={limit}; the values are shortened"
            body = msgspec.json.encode({**msgspec.json.decode(brief(data)), "spanglass.missing": why})
        span, step = self._span, Step(name, {}, at.timestamp, at.duration_ns)
        kept = None if data is EMPTY else body
        self._session.recorder.append(StepEntry(span.trace_id, span.span_id, at.number, step, data.redactions, kept))

    def show_step(self, name: str, at: Moment, data: Snapshot, error: ErrorText | None) -> None:
        """Puts a step that has ended on the span."""
        if not self._span.span.is_recording():
            return
        event: dict[str, Any] = {"step_name": name, "index": at.number}
        if at.duration_ns is not None:
            event["duration_ms"] = at.duration_ns / 1e6
        if self._content and data.facts:
            event["data"] = self._shown(data)
        if error is not None:
            event["error.type"] = error.type
        self._span.add_step(event, at.timestamp)

    def finish(self, ending: Ending, about: About, steps: int) -> None:
        """Records how the operation ended, and ends the span unless it is another's."""
        if not self._span.is_gen_ai:
            self._record_outcome(ending.state, ending.ended_at, ending.error)
        self._record_envelope(about, ending)
        failed = ending.error if ending.state == "error" else None
        if self._span.span.is_recording():
            attributes: Attributes = {**self._attributes(about), "spanglass.steps": steps}
            if not self._span.shared:
                attributes["spanglass.state"] = ending.state
                if failed is not None:
                    attributes["error.type"] = failed.type
            self._span.describe(attributes)
        exception = None if failed is None else ending.exception
        self._span.finish(ending.ended_at, None if failed is None else failed.message, exception)

    def _attributes(self, about: About) -> Attributes:
        """What goes on the span, within bounds."""
        attributes: Attributes = {"spanglass.operation": about.operation}
        attributes["spanglass.correlation_id"] = about.correlation_id
        if self._place is not None and self._place.workflow_id:
            attributes["spanglass.workflow"] = self._place.workflow_id
        if self._place is not None and self._place.step_name:
            attributes["spanglass.step"] = self._place.step_name
        if self._content and about.inputs.facts:
            attributes["spanglass.inputs"] = self._shown(about.inputs)
        if self._content and about.breadcrumbs:
            attributes["spanglass.breadcrumbs"] = about.breadcrumbs
        return attributes

    def _shown(self, data: Snapshot) -> str:
        """Data as JSON for the span."""
        return (data.body if self._whole else within(_SPAN_DATA_LIMIT, data)).decode("utf-8", "replace")

    def _call_facts(self) -> CallFacts:
        """Without the workflow's ids: by them the calls of a workflow are found, and this is none."""
        span, owner = self._span, self._session.recorder.owner
        return CallFacts(span.name, span.started_at, owner, span.parent_span_id, span.service, format=FORMAT)

    def _record_outcome(self, state: State, ended_at: int, error: ErrorText | None) -> None:
        span, redactions = self._span, 0 if error is None else error.redactions
        info = None if error is None else ErrorInfo(error.type, error.message)
        entry = OutcomeEntry(span.trace_id, span.span_id, self._facts, state, ended_at, info, redactions=redactions)
        self._session.recorder.append(entry)

    def _record_envelope(self, about: About, ending: Ending) -> None:
        """What the operation says of itself; for a span of generative AI that is not ours, what that says, too."""
        span, recorder = self._span, self._session.recorder
        told: dict[str, Any] = {**span.attributes} if span.is_gen_ai else {}
        told |= {"spanglass.operation": about.operation, "spanglass.correlation_id": about.correlation_id}
        inputs = about.inputs
        whole = len(inputs.body) <= self._session.settings.max_body_bytes // 2
        if inputs is not EMPTY:
            told["spanglass.inputs"] = msgspec.Raw(inputs.body if whole else brief(inputs))
        if about.breadcrumbs:
            told["spanglass.breadcrumbs"] = about.breadcrumbs
        if ending.error_after is not None:
            told["spanglass.error_after"] = ending.error_after
        status = {} if ending.error is None else {"code": "ERROR", "description": ending.error.message}
        body = msgspec.json.encode({"attributes": told, "events": [], "status": status}, enc_hook=repr)
        entry = EnvelopeEntry(
            trace_id=span.trace_id,
            span_id=span.span_id,
            parent_span_id=span.parent_span_id,
            name=span.name,
            service=span.service,
            scope="spanglass",
            started_at=span.started_at,
            ended_at=ending.ended_at,
            body=recorder.mask(body, "application/json", "envelope").body,
        )
        recorder.append(entry)
