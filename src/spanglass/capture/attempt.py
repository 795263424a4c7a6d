"""One HTTP exchange of a call while it happens.

Invariant: an attempt ends once, and what may be large in it is let go of as soon as its call has ended, because the
host may hold on to its response for long.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from spanglass.capture.exchange import content_type_of, header_of
from spanglass.export.recorder import attempt_path
from spanglass.guard import Boundary
from spanglass.model.record import ErrorInfo
from spanglass.span.events import AttemptFacts
from spanglass.wire.base import ResponseView
from spanglass.wire.glance import has_last_event, may_tell_error
from spanglass.wire.unread import Answer, ReadAnswer

if TYPE_CHECKING:
    from spanglass.capture.call import Call
    from spanglass.capture.exchange import Incoming, Outgoing, Pairs
    from spanglass.capture.stream import RequestCopy, StreamCopy
    from spanglass.model.record import State

_RECORD = Boundary("attempt.record")
_ANSWER = Boundary("attempt.read_response")
_SENT = Boundary("attempt.request_body")
_UNREAD = ResponseView()
_HTTP_ERROR = 400


class Attempt:
    """One HTTP exchange of a call while it happens."""

    def __init__(self, call: Call, number: int, outgoing: Outgoing) -> None:
        self.call = call
        self.number = number
        self.started_at = outgoing.started_at
        self.status: int | None = None
        self.content_type = ""
        self.first_byte_ns: int | None = None
        self.ended_at = 0
        self.shown = False
        #: An answer came: over HTTP with a status, or logged by hand without one.
        self.has_answer = False
        self.masked_body: bytes | None = None
        #: The request, if its body comes later.
        self.late = outgoing if outgoing.body is None else None
        self.head: Pairs = ()
        #: What has come of an answer that is still arriving.
        self.copy: StreamCopy | None = None
        #: What has left of a request that the host generates.
        self.sending: RequestCopy | None = None
        self._view: ResponseView | None = None

    @property
    def path(self) -> str:
        """Where the record's JSON has it, such as ``attempts[0]``."""
        return attempt_path(self.number)

    @property
    def ended(self) -> bool:
        """The exchange is over."""
        return self.ended_at != 0

    def answered(self, status: int, headers: Pairs) -> None:
        """The head of the answer is here."""
        self.status = status
        self.has_answer = True
        self.head = headers
        self.content_type = content_type_of(headers)

    def streams(self) -> None:
        """The answer will arrive in pieces. A span that is another's may end before it has; so it is told now."""
        if self.call.span.adopted:
            self.call.show_attempt(self)

    def end(self, incoming: Incoming | None, error: BaseException | None = None, state: State | None = None) -> None:
        """The exchange is over: with an answer, whole or cut, or with an error, or dropped (``state``)."""
        if self.ended_at:
            return
        if self.sending is not None:
            with _SENT:
                self.sending.broke_off()
        if incoming is None:
            self.ended_at = time.time_ns()
        else:
            self.ended_at = incoming.ended_at
            self.first_byte_ns = incoming.first_byte_ns
            if incoming.status is not None and incoming.headers is not self.head:
                self.answered(incoming.status, incoming.headers)
        try:
            state = self.call.end_attempt(self, incoming, error, state)
        except Exception as fault:  # noqa: BLE001 - the boundary
            _RECORD.took(fault)
        self.call.attempt_ended(self, error, state)

    def abandon(self, error: BaseException | None) -> None:
        """The call is over, by ``error`` or because its session is; what has come of the answer is kept."""
        if self.copy is not None:
            self.copy.abandon(error)
        elif not self.ended_at:
            self.end(None, error, None if error is not None else "abandoned")

    def body_sent(self, body: bytes, missing: tuple[str, ...] = ()) -> None:
        """A request body that the host generated has left, all of it but for what is ``missing``."""
        if self.late is not None:
            self.call.late_body(self.number, self.late, body, missing)

    @property
    def is_good(self) -> bool:
        """An answer came, and its status, if it has one, is no error's."""
        return self.has_answer and not self.is_refused

    @property
    def is_refused(self) -> bool:
        """The status of its answer is an error's."""
        return (self.status or 0) >= _HTTP_ERROR

    def told_error(self) -> ErrorInfo | None:
        """The error that the answer reports: by its status, or in a body that a good status came with."""
        good = self.is_good
        if good and not may_tell_error(self.masked_body or b"", self.content_type):
            return None
        error = self._read().error
        return error if error is not None or good else ErrorInfo(str(self.status or ""), "")

    def answer(self) -> Answer | ReadAnswer:
        """The answer, to be read later without holding on to the attempt."""
        if self._view is not None:
            return ReadAnswer(self._view)
        return Answer(self.call.format, self.masked_body or b"", self.content_type, self.status or 0)

    def release(self) -> None:
        """Lets go of what may be large; the host may hold on to the response for long."""
        self.masked_body = None
        self._view = None

    def is_at_end(self) -> bool:
        """What has arrived holds its format's own last event, be it an error."""
        if self.is_refused:  # an error's answer reads as one wherever it is cut
            return False
        if has_last_event(self.masked_body or b""):
            return True
        view = self._read()
        return view.complete or view.error is not None

    def _read(self) -> ResponseView:
        """The answer as its wire format reads; read once."""
        if self._view is None:
            view = _UNREAD
            if self.masked_body is not None:
                with _ANSWER:
                    view = self.answer().read()
            self._view = view
        return self._view

    def facts(self, error: BaseException | None) -> AttemptFacts:
        """What the attempt's event says."""
        retry_after = "" if self.is_good else header_of(self.head, b"retry-after")
        kind = "" if error is None else type(error).__qualname__
        return AttemptFacts(self.number, self.started_at, self.ended_at, self.status, kind, retry_after)
