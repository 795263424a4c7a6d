"""Calls that no wire leads to, such as to a model in the process itself: the program says what it asks and is answered.

Invariant: what is logged goes the way of every call: written ahead before the model is asked, masked, one span. Where
nothing is captured a handle does nothing, and nothing here ever raises into the program.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context

from spanglass.capture.call import Call
from spanglass.capture.exchange import Incoming, Outgoing, Server
from spanglass.capture.session import active
from spanglass.errors import LoggedError
from spanglass.guard import Boundary
from spanglass.place import handing, offering
from spanglass.wire import manual
from spanglass.wire.route import Route
from spanglass.wire.wording import to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from spanglass.capture.attempt import Attempt
    from spanglass.capture.session import Session
    from spanglass.model.record import State
    from spanglass.span.callspan import CallSpan

_BEGIN = Boundary("manual.begin")
_END = Boundary("manual.end")
_ROUTE = Route(manual.name, None, manual.operation)
_NOWHERE = Server("", None)
_NO_ANSWER = ("attempts[0].response_body: the program logged no answer",)


class Handle:
    """A call that the program logs by hand; what `log_request` gives.

    As a context manager it ends what was begun: an exception that leaves the block is logged, and passes; a call over a
    known wire that is made in the block, after all, is recorded instead, under the same reference.

    Attributes:
        ref: ``trace_id/span_id``, which `spanglass.fetch` takes; None if nothing is captured.
        offering: a block in which a call over a wire takes this one over.
    """

    __slots__ = ("_attempt", "_call", "_session", "_taken", "offering", "ref")

    def __init__(self) -> None:
        self.ref: str | None = None
        self._session: Session | None = None
        self._call: Call | None = None
        self._attempt: Attempt | None = None
        self._taken = False
        self.offering = offering(self._give_up)

    @property
    def is_open(self) -> bool:
        """What is logged now is recorded: the call was begun and has not ended."""
        return self._attempt is not None and not self._attempt.ended and not self._taken

    @property
    def is_taken(self) -> bool:
        """The call turned out to go over a wire, where it is seen."""
        return self._taken

    def begin(self, session: Session, payload: Any, started_at: int) -> None:
        """Writes the request ahead."""
        body = to_json(payload)
        masked = session.recorder.mask(body, "application/json", "request_body", 1)
        call = Call(session, _ROUTE, started_at, _NOWHERE, masked.body, otel_context.get_current(), scoped=False)
        self._session, self._call, self.ref = session, call, call.span.ref
        self._attempt = call.begin_attempt(Outgoing("", "", _NOWHERE, "", (), body, started_at), masked)

    def respond(self, response: Any) -> None:
        """The whole answer."""
        self._end(lambda: to_json(response), None, None, whole=True)

    def fail(self, error: BaseException, chunks: Sequence[Any] = (), first_at: int | None = None) -> None:
        """The model was not reached, or broke after ``chunks``, the first of which came at ``first_at``."""
        self._end(_listed(chunks), error, None, first_at=first_at)

    def stop(self, state: State | None, chunks: Sequence[Any], first_at: int | None = None) -> None:
        """A streamed answer ended after ``chunks``: whole, or in a state that says why not."""
        body = _listed(chunks) if state else lambda: to_json(list(chunks))
        self._end(body, None, state, whole=state is None, first_at=first_at)

    def later(self, work: Callable[[], None]) -> None:
        """Does ``work`` soon, on a thread of ours: for what is noticed by the garbage collector."""
        if self._session is not None:
            self._session.drain.call_soon(work)

    def __enter__(self) -> Self:
        self.offering.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.offering.__exit__(kind, error, tb)
        if error is not None:
            self.fail(error)
        elif self.is_open:
            self._end(None, None, "abandoned")

    def _give_up(self) -> CallSpan | None:
        if self._call is None or not self.is_open:
            return None
        span = self._call.hand_over()
        self._taken = span is not None
        return span

    def _end(
        self,
        body: Callable[[], bytes] | None,
        error: BaseException | None,
        state: State | None,
        *,
        whole: bool = False,
        first_at: int | None = None,
    ) -> None:
        with _END:
            if self._attempt is None or not self.is_open:
                return
            missing = _NO_ANSWER if body is None and error is None else ()
            said = None if body is None else body()
            waited = None if first_at is None else first_at - self._attempt.started_at
            self._attempt.end(Incoming(None, (), said, whole, time.time_ns(), waited, missing), error, state)


def log_request(payload: Any, *, upstream_context: Any = None) -> Handle:
    """Begins a call to a model that is reached over no wire that is watched: in the process, over gRPC.

    The request is on disk when this returns. Say how it went with `log_response` or `log_error`; or use the handle in a
    ``with`` block, which logs exceptions by itself. Where nothing is captured, the handle does nothing.

    Args:
        payload: what the model is given: a prompt, a list of messages, or a dictionary with ``messages`` or ``prompt``
            and, beside it, ``model``, ``tools`` and options. Stored as JSON; what JSON cannot hold is put into words.
        upstream_context: what the steps before handed on, if other than the step's own.

    Example:
        >>> with log_request({"model": "tiny", "prompt": "2 + 2?"}) as call:
        ...     log_response(call, "4")
    """
    return begin_call(lambda: payload, upstream_context)


def log_response(handle: Handle, response: Any) -> None:
    """Says what the model answered, and ends the call.

    Args:
        handle: what `log_request` gave.
        response: a text, a `ChatMessage`, or an answer in the shape of OpenAI's or Anthropic's, whose model, usage and
            finish reason are then read too; as a dictionary or an object that can be dumped to one.
    """
    handle.respond(response)


def log_error(handle: Handle, reason: Any) -> None:
    """Says that the model did not answer, and ends the call in the state ``error``.

    Args:
        handle: what `log_request` gave.
        reason: an exception, whose class and text are recorded, or anything else, of which the text is. A cancelled
            task ends the call in the state ``cancelled``.
    """
    with _END:
        handle.fail(reason if isinstance(reason, BaseException) else LoggedError(str(reason)))


def begin_call(payload: Callable[[], Any], upstream_context: Any = None, started_at: int | None = None) -> Handle:
    """A handle on a call whose payload is made only if it is captured; ``started_at`` in ns since the epoch, or now."""
    handle = Handle()
    with _BEGIN:
        session = active()
        if session is not None and session.watching():
            with handing(upstream_context):
                handle.begin(session, payload(), started_at or time.time_ns())
    return handle


def _listed(chunks: Sequence[Any]) -> Callable[[], bytes] | None:
    """What of a streamed answer has arrived, or None where that is nothing."""
    return (lambda: to_json(list(chunks))) if chunks else None
