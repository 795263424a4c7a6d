"""What a tap collects of a body that goes by in pieces: an answer that streams, a request that the host generates.

Invariant: nothing is parsed on the way; the copy is references, up to the bound of a body. It ends once: at its end, by
an error, closed by the caller, collected, or because the session is over.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from spanglass.capture.exchange import Incoming, header_of
from spanglass.guard import Boundary
from spanglass.wire.read import decode_content

if TYPE_CHECKING:
    from spanglass.capture.attempt import Attempt
    from spanglass.capture.session import Session
    from spanglass.model.record import State

_DROPPED = Boundary("stream.dropped")


class _Copy:
    """The chunks of a body so far."""

    __slots__ = ("_attempt", "_bound", "_chunks", "_first_at", "_size")

    def __init__(self, attempt: Attempt, bound: int) -> None:
        self._attempt: Attempt | None = attempt
        self._bound = bound
        self._chunks: list[bytes] = []
        self._size = 0
        self._first_at = 0

    def add(self, chunk: bytes) -> None:
        """One chunk went by."""
        if type(chunk) is not bytes:  # a transport of the host's own may use its buffer again
            chunk = _bytes_of(chunk)
        if not self._size:
            self._first_at = time.time_ns()
        self._size += len(chunk)
        if self._size <= self._bound:
            self._chunks.append(chunk)
        elif self._size - len(chunk) < self._bound:
            self._chunks.append(chunk[: self._bound - self._size])

    def _take(self, where: str) -> tuple[bytes, tuple[str, ...]]:
        """What was kept, and what is missing of it; what still comes is counted only."""
        body, over = b"".join(self._chunks), self._size - self._bound
        missing = f"{where}: the last {over:,} bytes are over SPANGLASS_MAX_BODY_BYTES={self._bound}"
        self._chunks, self._bound = [], 0
        return body, (missing,) if over > 0 else ()


def _bytes_of(chunk: Any) -> bytes:
    return chunk.encode() if isinstance(chunk, str) else bytes(chunk)


class RequestCopy(_Copy):
    """The body of a request that the host generates while it leaves."""

    __slots__ = ()

    def ended(self) -> None:
        """All of it has left."""
        self._tell(())

    def broke_off(self) -> None:
        """The exchange is over, and it has not left whole."""
        if self._attempt is not None:
            path = f"{self._attempt.path}.request_body"
            self._tell((f"{path}: no more than {self._size:,} bytes had left when the exchange was over",))

    def _tell(self, missing: tuple[str, ...]) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            body, over = self._take(f"{attempt.path}.request_body")
            attempt.body_sent(body, (*over, *missing))


class StreamCopy(_Copy):
    """The chunks of one answer so far, and how it ended.

    Args:
        session: in force when the request left.
        attempt: whose answer it is; its head has been seen.
        encoding: the answer's content-encoding, as its header says.
    """

    #: Bytes above which an error's answer is not read to its end for the record's sake.
    LONG = 65_536

    __slots__ = ("_encoding", "_session", "open")

    def __init__(self, session: Session, attempt: Attempt, encoding: str) -> None:
        super().__init__(attempt, session.settings.max_body_bytes)
        self._session = session
        self._encoding = encoding
        self.open = True
        attempt.copy = self

    @property
    def unread(self) -> bool:
        """Nothing of it has been read yet, nor has it ended."""
        return self.open and not self._size

    @property
    def is_short(self) -> bool:
        """No more than `LONG` bytes of it have been read."""
        return self._size <= self.LONG

    def ended(self) -> None:
        """The answer is whole."""
        self._finish(None, None, complete=True)

    def broke(self, error: BaseException) -> None:
        """Reading it raised ``error`` to the host, cancellation included."""
        self._finish(error, None, complete=False)

    def closed(self) -> None:
        """The host closed it before its end."""
        self._finish(None, "cancelled", complete=False)

    def dropped(self) -> None:
        """It was collected, which may be at any point of any thread: so the work is handed to the drain's thread."""
        self._session.drain.call_soon(self._finish_dropped)

    def abandon(self, error: BaseException | None) -> None:
        """The call is over while it is still arriving, by ``error`` or because the session ends."""
        self._finish(error, None if error is not None else "abandoned", complete=False)

    def _finish_dropped(self) -> None:
        with _DROPPED:
            self._finish(None, "cancelled" if self._size else "abandoned", complete=False)

    def _finish(self, error: BaseException | None, state: State | None, *, complete: bool) -> None:
        attempt, self._attempt, self.open = self._attempt, None, False
        if attempt is None:
            return
        attempt.copy = None
        if (
            not complete
            and error is None
            and self._size
            and header_of(attempt.head, b"content-length") == str(self._size)
        ):
            complete, state = True, None  # to the last byte, though nobody asked for one more
        where = f"{attempt.path}.response_body"
        body, missing = self._take(where)
        if self._encoding and body:
            body, undone = self._decoded(body, where)
            missing += undone
        attempt.end(
            Incoming(
                status=attempt.status,
                headers=attempt.head,
                body=body,
                complete=complete,
                ended_at=time.time_ns(),
                first_byte_ns=self._first_at - attempt.started_at if self._first_at else None,
                missing=missing,
            ),
            error,
            state,
        )

    def _decoded(self, body: bytes, where: str) -> tuple[bytes, tuple[str, ...]]:
        limit = self._session.settings.max_body_bytes
        try:
            plain = decode_content(body, self._encoding, limit)
        except ValueError as why:
            return body, (f"{where}: kept in its content-encoding {self._encoding!r}: {why}",)
        if len(plain) <= limit:
            return plain, ()
        return plain[:limit], (f"{where}: undone, the rest is over SPANGLASS_MAX_BODY_BYTES={limit}",)
