"""The span of a generation, above the spans of its calls, and what is recorded of both.

Invariant: there is one only while a session is active and watching; nothing of it reaches the program, whatever fails.
Its record is an envelope: what a generation says beyond its calls is how often it corrected, began anew, and ended.
"""

from __future__ import annotations

import secrets
import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, cast

import msgspec
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode

from spanglass.capture.session import active
from spanglass.guard import Boundary
from spanglass.model.entry import EnvelopeEntry, StepEntry
from spanglass.model.step import GENERATION_STEP, Step
from spanglass.place import one_try

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from opentelemetry.trace import Span

    from spanglass.capture.session import Session
    from spanglass.generation.conversation import Judged, Task, Try
    from spanglass.span.attributes import Attributes

_BEGIN = Boundary("generation.begin")
_STEP = Boundary("generation.step")
_END = Boundary("generation.end")
_OPERATION = "generate"


class Generation:
    """One generation as it is watched; without a session that watches, it does nothing.

    Args:
        task: what is generated.
        model: the model that is asked.
    """

    def __init__(self, task: Task, model: str) -> None:
        self.refs: list[str] = []
        self._task = task
        self._parent: _Parent | None = None
        with _BEGIN:
            session = active()
            if session is not None and session.watching():
                self._parent = _Parent(session, model)

    def inside(self) -> AbstractContextManager[Any]:
        """What is done inside is done below the generation's span."""
        if self._parent is None:
            return nullcontext()
        return trace.use_span(self._parent.span, record_exception=False, set_status_on_exception=False)

    @contextmanager
    def calling(self, at: Try) -> Iterator[None]:
        """The call made inside is this try's."""
        number = at.restart * (self._task.max_correction_steps + 1) + at.correction + 1
        with self.inside(), one_try(number, correction=at.correction, restart=at.restart):
            yield

    def called(self, ref: str | None) -> None:
        """A call has ended; ``ref`` finds its record, if there is one."""
        if ref is not None:
            self.refs.append(ref)

    def judged(self, judged: Judged) -> None:
        """Says in the latest call's record which try it was, and what became of its answer."""
        if self._parent is not None and self.refs:
            with _STEP:
                self._parent.add_step(self.refs[-1], judged)

    def end(self, at: Try | None, error: BaseException | None = None) -> None:
        """The generation is over, after the try ``at``."""
        parent, self._parent = self._parent, None
        if parent is not None:
            with _END:
                parent.end(len(self.refs), at, error)


class _Parent:
    """The span, recording or not, and the session that it belongs to."""

    def __init__(self, session: Session, model: str) -> None:
        self._session = session
        self._started_at = time.time_ns()
        self._name = f"{_OPERATION} {model}"
        above = trace.get_current_span().get_span_context()
        self._above = above if above.is_valid else None
        self._attributes: Attributes = {"gen_ai.operation.name": _OPERATION, "gen_ai.request.model": model}
        attributes = cast("dict[str, Any]", self._attributes)
        span = session.tracer().start_span(self._name, attributes=attributes, start_time=self._started_at)
        self.span = span if _is_own(span, above) else _without_sdk(above)
        context = self.span.get_span_context()
        self.trace_id, self.span_id = trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id)
        self._attributes["spanglass.ref"] = f"{self.trace_id}/{self.span_id}"

    def add_step(self, ref: str, judged: Judged) -> None:
        trace_id, _, span_id = ref.partition("/")
        data = {
            "generation": self.span_id,
            "correction": judged.at.correction,
            "restart": judged.at.restart,
            "accepted": judged.accepted,
            "error": judged.error,
        }
        masked = self._session.recorder.mask(msgspec.json.encode(data), "application/json", "steps[0].data")
        step = Step(GENERATION_STEP, {}, time.time_ns())
        self._session.recorder.append(StepEntry(trace_id, span_id, 0, step, masked.redactions, masked.body))

    def end(self, calls: int, at: Try | None, error: BaseException | None) -> None:
        ended_at = time.time_ns()
        self._attributes["spanglass.calls"] = calls
        if at is not None:
            self._attributes["spanglass.correction"] = at.correction
            self._attributes["spanglass.restart"] = at.restart
        description = None
        if error is not None:
            info = self._session.recorder.mask_error(error)
            description = info.message
            self._attributes["error.type"] = info.type
            self.span.set_status(Status(StatusCode.ERROR, description))
        self.span.set_attributes(cast("dict[str, Any]", self._attributes))
        self.span.end(ended_at)
        self._session.recorder.append(self._envelope(ended_at, description))

    def _envelope(self, ended_at: int, description: str | None) -> EnvelopeEntry:
        code = "ERROR" if "error.type" in self._attributes else "UNSET"
        body = {
            "attributes": self._attributes,
            "events": [],
            "status": {"code": code, "description": description},
        }
        resource = getattr(self.span, "resource", None)
        return EnvelopeEntry(
            trace_id=self.trace_id,
            span_id=self.span_id,
            parent_span_id=None if self._above is None else trace.format_span_id(self._above.span_id),
            name=self._name,
            service="" if resource is None else str(resource.attributes.get("service.name", "")),
            scope="spanglass",
            started_at=self._started_at,
            ended_at=ended_at,
            body=self._session.recorder.mask(msgspec.json.encode(body), "application/json", "envelope").body,
        )


def _is_own(span: Span, above: SpanContext) -> bool:
    """Whether a tracer made a span, rather than pass the one above on."""
    context = span.get_span_context()
    return context.is_valid and (span.is_recording() or context.span_id != above.span_id)


def _without_sdk(above: SpanContext) -> Span:
    """Where no SDK gives ids, ones of our own: the calls below need a parent that can be found."""
    trace_id = above.trace_id if above.is_valid else secrets.randbits(128) or 1
    return NonRecordingSpan(SpanContext(trace_id, secrets.randbits(64) or 1, is_remote=False))
