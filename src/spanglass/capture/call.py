"""The life of a call: begin, attempt, finish exactly once.

Invariant: a call finishes once, in one state, whoever is first of the tap, the client, the garbage collector and the
exit of the process. It finishes when its scope has ended and no answer is still arriving; without a scope, with its
attempt. A process that inherited the call by fork never finishes it.
"""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from spanglass.capture.attempt import Attempt
from spanglass.capture.surroundings import call_begun, taken_over, upstream_entries
from spanglass.export.recorder import Masked
from spanglass.guard import Boundary
from spanglass.listener import current_listener
from spanglass.model.entry import AttemptEntry, CallFacts, OutcomeEntry, RequestEntry
from spanglass.place import current_place
from spanglass.span.callspan import CallSpan, Ending
from spanglass.wire.glance import Head, read_head
from spanglass.wire.read import read_request

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from spanglass.capture.exchange import Incoming, Outgoing
    from spanglass.capture.session import Session
    from spanglass.model.entry import Entry
    from spanglass.model.record import ErrorInfo, State
    from spanglass.place import Place
    from spanglass.span.attributes import Attributes
    from spanglass.wire.route import Route

_HEAD = Boundary("call.read_head")
_SPAN = Boundary("call.span")
_RECORD = Boundary("call.record")
_NO_HEAD = Head()


class Server(NamedTuple):
    """Where a call goes."""

    host: str
    port: int | None


class Call:
    """One logical request to a model, retries included; one span.

    Args:
        session: in force when it began.
        route: its wire format, provider and operation.
        started_at: ns since the epoch.
        server: where it goes.
        request: its masked body, as far as there is one.
        context: OpenTelemetry's, in which it begins.
        scoped: a client says when it returns or fails.
    """

    def __init__(
        self,
        session: Session,
        route: Route,
        started_at: int,
        server: Server,
        request: bytes | None,
        context: Context,
        *,
        scoped: bool,
    ) -> None:
        self._session = session
        self._route = route
        self._process = _process
        self._scoped = scoped
        self._attempts: list[Attempt] = []
        self._attempt_count = 0
        self._redactions = 0
        self._missing: list[str] = []
        self._held: AttemptEntry | None = None
        self._size = 0
        self._head = _NO_HEAD
        if request is not None:
            try:
                self._head = read_head(route.format, request)
            except Exception as fault:  # noqa: BLE001 - the boundary
                _HEAD.took(fault)
        #: Its wire format.
        self.format = route.format
        place = current_place(context)
        #: Its span.
        self.span = self._begin_span(started_at, server, place, context)
        self._facts = self._call_facts(place)
        self._place = place
        if place is not None:
            call_begun(place, self.span, route.operation)
        session.open_calls[id(self)] = self
        listener = current_listener(context)
        if listener is not None:
            listener.call_began(self.span.span_id, self.span.name)

    @property
    def attempt_count(self) -> int:
        """How many HTTP exchanges it has made so far."""
        return self._attempt_count

    def begin_attempt(self, outgoing: Outgoing, masked: Masked | None) -> Attempt:
        """Writes the request ahead; when this returns, it may leave the process."""
        if self._attempts:
            self._attempts[-1].release()
        self._attempt_count = number = self._attempt_count + 1
        attempt = Attempt(self, number, outgoing)
        self._attempts.append(attempt)
        masked = masked or Masked(None)
        place = self._place if number == 1 else None
        upstream = () if place is None else upstream_entries(self._session, place, self.span)
        self._record(self._request(attempt, masked), *upstream)
        if number == 1:
            self._size = len(masked.body or b"")
            try:
                self.span.describe_request(partial(read_request, self.format, masked.body or b""))
            except Exception as fault:  # noqa: BLE001 - the boundary
                _SPAN.took(fault)
        return attempt

    def late_body(self, attempt: Attempt, body: bytes) -> None:
        """Records a request body that was not at hand when the request left."""
        masked = self._session.recorder.mask(body, "application/json", f"{attempt.path}.request_body")
        self._record(self._request(attempt, masked))

    def _record(self, *entries: Entry) -> None:
        """Writes ahead what was held back, and then ``entries``, in one piece."""
        held, self._held = self._held, None
        self._session.recorder.append(*entries if held is None else (held, *entries))

    def _request(self, attempt: Attempt, masked: Masked) -> RequestEntry:
        recorder, outgoing = self._session.recorder, attempt.outgoing
        headers, in_headers = recorder.mask_headers(outgoing.headers)
        url, in_url = recorder.mask_url(outgoing.url)
        redactions = in_headers + in_url + masked.redactions
        self._redactions += redactions
        self._missing += masked.missing
        return RequestEntry(
            trace_id=self.span.trace_id,
            span_id=self.span.span_id,
            call=self._facts,
            number=attempt.number,
            method=outgoing.method,
            url=url,
            started_at=outgoing.started_at,
            headers=headers,
            redactions=redactions,
            missing=list(masked.missing),
            body=masked.body,
        )

    def scope_returned(self) -> None:
        """The SDK gave its result to the caller; an answer that still streams ends the call later."""
        self._scoped = False
        if all([attempt.ended_at for attempt in self._attempts]):  # noqa: C419 - a generator is one frame more
            self._finish(None, self._attempts[-1] if self._attempts else None)

    def scope_failed(self, error: BaseException) -> None:
        """The SDK raised to the caller."""
        self._scoped = False
        for attempt in self._attempts:
            if not attempt.ended:
                attempt.end(None, error)
        self._finish(error, self._attempts[-1] if self._attempts else None)

    def attempt_ended(self, attempt: Attempt, error: BaseException | None, state: State | None) -> None:
        """An exchange is over; ends the call if nobody else will."""
        if not self._scoped:
            self._finish(error, attempt, state)

    def abandon(self) -> None:
        """The process ends while an answer is still arriving."""
        self._scoped = False
        for attempt in self._attempts:
            if not attempt.ended:
                attempt.end(None, None, "abandoned")
        self._finish(None, None, "abandoned")

    def hand_over(self) -> CallSpan | None:
        """Gives its span and its place in the record to the call that goes over a wire instead; None if it is over."""
        if self._process is not _process or self._session.open_calls.pop(id(self), None) is None:
            return None
        self._attempts = []
        return self.span

    def _begin_span(self, started_at: int, server: Server, place: Place | None, context: Context) -> CallSpan:
        route = self._route
        model = self._head.model or route.model
        attributes: Attributes = {"gen_ai.operation.name": route.operation}
        if route.provider:
            attributes["gen_ai.provider.name"] = route.provider
        if model:
            attributes["gen_ai.request.model"] = model
        if server.host:
            attributes["server.address"] = server.host
        if server.port:
            attributes["server.port"] = server.port
        if self._head.stream:
            attributes["gen_ai.request.stream"] = True
        if place is not None and place.workflow_id:
            attributes["spanglass.workflow"] = place.workflow_id
        if place is not None and place.step_name:
            attributes["spanglass.step"] = place.step_name
        name = f"{route.operation} {model}" if model else route.operation
        taken = None if place is None else taken_over(place, route.operation)
        if taken is not None:
            taken.rename(name, attributes)
            return taken
        session = self._session
        tracer = session.tracer()
        content, limit = session.span_policy()
        mask_all = session.attributes.mask_all
        spans = session.settings.spans
        return CallSpan(
            tracer, name, started_at, attributes, context, content=content, limit=limit, mask_all=mask_all, spans=spans
        )

    def _call_facts(self, place: Place | None) -> CallFacts:
        span = self.span
        return CallFacts(
            name=span.name,
            started_at=span.started_at,
            owner=self._session.recorder.owner,
            parent_span_id=span.parent_span_id,
            service=span.service,
            workflow_id=place.workflow_id if place else None,
            step_name=place.step_name if place else None,
            step_attempt=place.step_attempt if place else None,
            format=self.format,
            provider=self._route.provider,
            operation=self._route.operation,
            request_model=self._head.model or self._route.model,
        )

    def _finish(self, error: BaseException | None, last: Attempt | None, state: State | None = None) -> None:
        if self._process is not _process or self._session.open_calls.pop(id(self), None) is None:
            return
        ended_at = time.time_ns()
        answered = last if last is not None and last.has_answer else None
        info = answered.told_error() if answered is not None and error is None else None
        if error is not None:
            info = self._session.recorder.mask_error(error)
            state = state or _state_of(error)
        elif info is not None:
            state = "error" if state in (None, "done") else state
        try:
            self._record(self._outcome(state or "done", info, ended_at))
        except Exception as fault:  # noqa: BLE001 - the boundary
            _RECORD.took(fault)
        try:
            self._tell(self._ending(state or "done", info, ended_at), error, answered)
        except Exception as fault:  # noqa: BLE001 - the boundary
            _SPAN.took(fault)
        if answered is not None:
            answered.release()
        self._attempts = []  # they know the call: without the cycle all of it goes at once, not when the GC comes by

    def _tell(self, ending: Ending, error: BaseException | None, answered: Attempt | None) -> None:
        read = None if answered is None else answered.reading()
        self.span.finish(ending, error, read)
        if self.span.late is not None:
            size = self._size + len(answered.masked_body or b"" if answered is not None else b"")
            self._session.backlog.add(self.span.late, size)

    def _outcome(self, state: State, info: ErrorInfo | None, ended_at: int) -> OutcomeEntry:
        unsent = () if self._attempts else ("attempts: the request never left the process",)
        return OutcomeEntry(
            trace_id=self.span.trace_id,
            span_id=self.span.span_id,
            call=self._facts,
            state=state,
            ended_at=ended_at,
            error=info,
            missing=list(unsent),
        )

    def _ending(self, state: State, info: ErrorInfo | None, ended_at: int) -> Ending:
        return Ending(
            state=state,
            error=info,
            attempts=len(self._attempts),
            redactions=self._redactions,
            complete=not self._missing,
            first_byte_ns=self._attempts[-1].first_byte_ns if self._attempts else None,
            ended_at=ended_at,
        )

    def end_attempt(
        self, attempt: Attempt, incoming: Incoming | None, error: BaseException | None, state: State | None
    ) -> State | None:
        """Records what came back of an exchange and shows it on the span; gives the state as the answer shows it."""
        recorder = self._session.recorder
        headers: list[tuple[str, str]] = []
        redactions, complete = 0, False
        missing: list[str] = []
        if incoming is not None:
            headers, redactions = recorder.mask_headers(incoming.headers)
            complete = incoming.complete
            missing += incoming.missing
        if incoming is not None and incoming.body is not None:
            masked = recorder.mask(incoming.body, attempt.content_type, f"{attempt.path}.response_body")
            attempt.masked_body = masked.body
            missing += masked.missing
            redactions += masked.redactions
            if not complete and error is None and attempt.is_at_end():
                # The caller stopped at the format's own last event; what HTTP would still have sent says nothing.
                complete, state = True, None
            if not complete:
                missing.append(f"{attempt.path}.response_body: {_cut(error, state)} after {len(incoming.body):,} bytes")
        self._redactions += redactions
        self._missing += missing
        self._held = AttemptEntry(
            trace_id=self.span.trace_id,
            span_id=self.span.span_id,
            number=attempt.number,
            status=attempt.status,
            ended_at=attempt.ended_at,
            complete=complete,
            headers=headers,
            first_byte_ns=attempt.first_byte_ns,
            error=recorder.mask_error(error) if error is not None else None,
            redactions=redactions,
            missing=missing,
            format=self.format,
            body=attempt.masked_body,
        )
        if self._scoped and not (complete and attempt.is_good):
            self._record()  # what follows may take long: the SDK waits, and tries again
        self.show_attempt(attempt, error)
        return state

    def show_attempt(self, attempt: Attempt, error: BaseException | None = None) -> None:
        """Puts the attempt's event on the span, once."""
        if attempt.shown:
            return
        attempt.shown = True
        try:
            self.span.add_attempt(attempt.number, attempt.started_at, attempt.event_attributes(error))
        except Exception as fault:  # noqa: BLE001 - the boundary
            _SPAN.took(fault)


#: Stands for this process; a forked child has one of its own.
_process = object()


def _after_fork_in_child() -> None:
    global _process  # noqa: PLW0603 - once a process
    _process = object()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def _cut(error: BaseException | None, state: State | None) -> str:
    """In words, why an answer is not whole."""
    if error is not None:
        return f"broke with {type(error).__qualname__}"
    return "dropped by the caller" if state == "abandoned" else "closed by the caller"


def _state_of(error: BaseException) -> State:
    """Cancellation is the caller's will, whichever library says it; what is no `Exception` never is a failure."""
    cancelled = isinstance(error, asyncio.CancelledError) or not isinstance(error, Exception)
    return "cancelled" if cancelled else "error"
