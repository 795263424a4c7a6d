"""The life of a call: begin, attempt, finish exactly once.

Invariant: a call finishes once, in one state, whoever is first of the tap, the client, the garbage collector and the
exit of the process. It finishes when its scope has ended and no answer is still arriving; without a scope, with its
attempt. A process that inherited the call by fork never finishes it.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from msgspec.structs import force_setattr

from spanglass.capture.attempt import Attempt
from spanglass.capture.exchange import content_type_of
from spanglass.capture.surroundings import call_begun, taken_over, upstream_entries
from spanglass.export.recorder import Masked
from spanglass.guard import Boundary
from spanglass.listener import current_listener
from spanglass.model.entry import AttemptEntry, CallFacts, OutcomeEntry, RequestEntry
from spanglass.place import current_place
from spanglass.span.attributes import Begun
from spanglass.span.callspan import CallSpan, Ending
from spanglass.wire.glance import Head, read_head
from spanglass.wire.unread import Question

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from spanglass.capture.exchange import Incoming, Outgoing, Server
    from spanglass.capture.session import Session
    from spanglass.model.entry import Entry
    from spanglass.model.record import ErrorInfo, State
    from spanglass.place import Place
    from spanglass.wire.route import Route

_HEAD = Boundary("call.read_head")
_SPAN = Boundary("call.span")
_RECORD = Boundary("call.record")
_NO_HEAD = Head()
_NOTHING = Masked(None)


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

    Attributes:
        format: its wire format.
        span: its span.
    """

    _attempt_count = 0
    _redactions = 0
    #: How many bytes the request's body has.
    _size = 0
    #: The answer that waits to be written with what comes next.
    _held: AttemptEntry | None = None
    #: An entry with the call's facts is written.
    _is_told = False

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
        self._process = _process
        self._scoped = scoped
        self._attempts: list[Attempt] = []
        self._missing: list[str] = []
        self.format = route.format
        self._place = place = current_place(context)
        begun = _begun(route, server, request, place)
        self.span = span = self._begin_span(begun, started_at, context)
        self._facts = CallFacts(
            name=span.name,
            started_at=span.started_at,
            owner=session.recorder.owner,
            parent_span_id=span.parent_span_id,
            service=span.service,
            workflow_id=begun.workflow_id,
            step_name=begun.step_name,
            step_attempt=None if place is None else place.step_attempt,
            format=route.format,
            provider=begun.provider,
            operation=begun.operation,
            request_model=begun.model,
        )
        if place is not None:
            call_begun(place, span, begun.operation)
        session.open_calls[id(self)] = self
        listener = current_listener(context)
        if listener is not None:
            listener.call_began(span.span_id, span.name)

    def _begin_span(self, begun: Begun, started_at: int, context: Context) -> CallSpan:
        taken = None if self._place is None else taken_over(self._place, begun.operation)
        if taken is not None:
            taken.rename(begun)
            return taken
        session = self._session
        return CallSpan(session.maker(), begun, started_at, context, session.span_policy(), session.settings.spans)

    @property
    def attempt_count(self) -> int:
        """How many HTTP exchanges it has made so far."""
        return self._attempt_count

    @property
    def awaits_retry(self) -> bool:
        """Its last exchange failed; it is neither under way nor well answered."""
        last = self._attempts[-1] if self._attempts else None
        return last is None or ((last.ended or last.has_answer) and not last.is_good)

    def begin_attempt(self, outgoing: Outgoing, masked: Masked | None) -> Attempt:
        """Writes the request ahead; when this returns, it may leave the process."""
        if self._attempts:
            self._attempts[-1].release()
        self._attempt_count = number = self._attempt_count + 1
        attempt = Attempt(self, number, outgoing)
        self._attempts.append(attempt)
        masked = masked or _NOTHING
        entry = self._request(number, outgoing, masked)
        place = self._place if number == 1 else None
        upstream = () if place is None else upstream_entries(self._session, place, self.span)
        self._is_told = self._record(entry, *upstream) or self._is_told
        if number == 1:
            body = masked.body or b""
            self._size = len(body)
            try:
                self.span.describe_request(Question(self.format, body))
            except Exception as fault:  # noqa: BLE001 - the boundary
                _SPAN.took(fault)
        return attempt

    def late_body(self, number: int, outgoing: Outgoing, body: bytes, missing: tuple[str, ...]) -> None:
        """Records a request body that was not at hand when the request left."""
        content_type = content_type_of(outgoing.headers) or "application/json"
        masked = self._session.recorder.mask(body, content_type, "request_body", number)
        if missing:
            masked = Masked(masked.body, masked.redactions, (*masked.missing, *missing))
        self._record(self._request(number, outgoing, masked))

    def _record(self, *entries: Entry) -> bool:
        """Writes ahead what was held back, and then ``entries``, in one piece; says whether all of it is written."""
        held = self._held
        if held is None:
            return self._session.recorder.append(*entries)
        self._held = None
        return self._session.recorder.append(held, *entries)

    def _request(self, number: int, outgoing: Outgoing, masked: Masked) -> RequestEntry:
        recorder, span = self._session.recorder, self.span
        headers, in_headers = recorder.mask_headers(outgoing.headers)
        url, in_url = recorder.mask_url(outgoing.url)
        redactions = in_headers + in_url + masked.redactions
        self._redactions += redactions
        self._missing += masked.missing
        return RequestEntry(
            trace_id=span.trace_id,
            span_id=span.span_id,
            call=self._facts,
            number=number,
            method=outgoing.method,
            url=url,
            started_at=outgoing.started_at,
            headers=headers,
            redactions=redactions,
            missing=[*masked.missing],
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
            attempt.abandon(error)
        self._finish(error, self._attempts[-1] if self._attempts else None)

    def attempt_ended(self, attempt: Attempt, error: BaseException | None, state: State | None) -> None:
        """An exchange is over; ends the call if nobody else will."""
        if not self._scoped:
            self._finish(error, attempt, state)

    def abandon(self) -> None:
        """The process ends while an answer is still arriving."""
        self._scoped = False
        last = self._attempts[-1] if self._attempts else None
        for attempt in self._attempts:
            attempt.abandon(None)
        self._finish(None, last, "abandoned")

    def hand_over(self) -> CallSpan | None:
        """Gives its span and its place in the record to the call that goes over a wire instead; None if it is over."""
        if self._process is not _process or self._session.open_calls.pop(id(self), None) is None:
            return None
        self._attempts = []
        return self.span

    def _finish(self, error: BaseException | None, last: Attempt | None, state: State | None = None) -> None:
        session = self._session
        if self._process is not _process or session.open_calls.pop(id(self), None) is None:
            return
        ended_at = time.time_ns()
        answered = last if last is not None and last.has_answer else None
        info = answered.told_error() if answered is not None and error is None else None
        if error is not None:
            info = session.recorder.mask_error(error)
            state = state or _state_of(error)
        elif info is not None:
            state = "error" if state in (None, "done") else state
        state = state or "done"
        try:
            if state == "done" and self._held is not None and self._is_told:
                force_setattr(self._held, "call_ended_at", ended_at)  # nobody else has seen it yet
                self._record()
            else:
                self._record(self._outcome(state, info, ended_at))
        except Exception as fault:  # noqa: BLE001 - the boundary
            _RECORD.took(fault)
        try:
            self._tell(self._ending(state, info, ended_at), error, answered)
        except Exception as fault:  # noqa: BLE001 - the boundary
            _SPAN.took(fault)
        if answered is not None:
            answered.release()
        self._attempts = []  # they know the call: without the cycle all of it goes at once, not when the GC comes by

    def _tell(self, ending: Ending, error: BaseException | None, answered: Attempt | None) -> None:
        span, size = self.span, self._size
        if answered is None:
            span.finish(ending, error, None)
        else:
            size += len(answered.masked_body or b"")
            span.finish(ending, error, answered.answer())
        if span.late is not None:
            self._session.backlog.add(span.late, size)

    def _outcome(self, state: State, info: ErrorInfo | None, ended_at: int) -> OutcomeEntry:
        return OutcomeEntry(
            trace_id=self.span.trace_id,
            span_id=self.span.span_id,
            call=self._facts,
            state=state,
            ended_at=ended_at,
            error=info,
            missing=[] if self._attempts else ["attempts: the request never left the process"],
        )

    def _ending(self, state: State, info: ErrorInfo | None, ended_at: int) -> Ending:
        attempts = self._attempts
        return Ending(
            state=state,
            error=info,
            attempts=len(attempts),
            redactions=self._redactions,
            complete=not self._missing,
            first_byte_ns=attempts[-1].first_byte_ns if attempts else None,
            ended_at=ended_at,
        )

    def end_attempt(
        self, attempt: Attempt, incoming: Incoming | None, error: BaseException | None, state: State | None
    ) -> State | None:
        """Records what came back of an exchange and shows it on the span; gives the state as the answer shows it."""
        recorder, span = self._session.recorder, self.span
        headers: list[tuple[str, str]] = []
        redactions, complete = 0, False
        missing: list[str] = []
        if incoming is not None:
            headers, redactions = recorder.mask_headers(incoming.headers)
            complete = incoming.complete
            missing += incoming.missing
            if incoming.body is not None:
                redactions += self._mask_answer(attempt, incoming.body, missing)
                if error is None:
                    complete, state = _end_of(attempt, state, complete=complete)
                if not complete:
                    missing.append(f"{attempt.path}.response_body: {_cut(incoming.body, error, state)}")
        self._redactions += redactions
        self._missing += missing
        if self._held is not None:
            self._record()
        self._held = AttemptEntry(
            trace_id=span.trace_id,
            span_id=span.span_id,
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

    def _mask_answer(self, attempt: Attempt, body: bytes, missing: list[str]) -> int:
        """Gives the attempt its answer as it may be kept; adds to what is missing, and says how much was masked."""
        masked = self._session.recorder.mask(body, attempt.content_type, "response_body", attempt.number)
        attempt.masked_body = masked.body
        attempt.has_answer = attempt.has_answer or masked.body is not None
        missing += masked.missing
        return masked.redactions

    def show_attempt(self, attempt: Attempt, error: BaseException | None = None) -> None:
        """Puts the attempt's event on the span, once."""
        if attempt.shown:
            return
        attempt.shown = True
        try:
            self.span.add_attempt(attempt.facts(error))
        except Exception as fault:  # noqa: BLE001 - the boundary
            _SPAN.took(fault)


#: Stands for this process; a forked child has one of its own.
_process = object()


def _after_fork_in_child() -> None:
    global _process  # noqa: PLW0603 - once a process
    _process = object()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def _begun(route: Route, server: Server, request: bytes | None, place: Place | None) -> Begun:
    """What is known of a call before it leaves."""
    head = _NO_HEAD
    if request is not None:
        try:
            head = read_head(route.format, request)
        except Exception as fault:  # noqa: BLE001 - the boundary
            _HEAD.took(fault)
    return Begun(
        route.operation,
        route.provider,
        head.model or route.model,
        server.host,
        server.port,
        head.stream,
        None if place is None else place.workflow_id,
        None if place is None else place.step_name,
    )


def _end_of(attempt: Attempt, state: State | None, *, complete: bool) -> tuple[bool, State | None]:
    """Whether an answer is whole that nothing broke, and the call's state as its end shows it."""
    if not complete and attempt.is_at_end():
        # The caller stopped at the format's own last event; what HTTP would still have sent says nothing.
        return True, None
    # That a call failed says more than that nobody read why.
    return complete, None if attempt.is_refused else state


def _cut(body: bytes, error: BaseException | None, state: State | None) -> str:
    """In words, why an answer is not whole, and where it ends."""
    why = "dropped by the caller" if state == "abandoned" else "closed by the caller"
    if error is not None:
        why = f"broke with {type(error).__qualname__}"
    return f"{why} after {len(body):,} bytes"


def _state_of(error: BaseException) -> State:
    """Cancellation is the caller's will, whichever library says it; what is no `Exception` never is a failure."""
    cancelled = isinstance(error, asyncio.CancelledError) or not isinstance(error, Exception)
    return "cancelled" if cancelled else "error"
