"""What a tap collects of a streamed answer on its way to the host.

Invariant: a chunk goes on as the very object that came, and nothing is parsed on the way; the copy is references. The
stream ends once: at its end, by an error, closed by the caller, or collected.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from spanglass.capture.exchange import Incoming
from spanglass.guard import Boundary
from spanglass.wire.read import decode_content

if TYPE_CHECKING:
    from spanglass.capture.attempt import Attempt
    from spanglass.capture.session import Session
    from spanglass.model.record import State

_DROPPED = Boundary("stream.dropped")


class StreamCopy:
    """The chunks of one answer so far, and how it ended.

    Args:
        session: in force when the request left.
        attempt: whose answer it is; its head has been seen.
        encoding: the answer's content-encoding, as its header says.
    """

    #: Bytes above which an error's answer is not read to its end for the record's sake.
    LONG = 65_536

    __slots__ = ("_attempt", "_bound", "_chunks", "_encoding", "_first_at", "_over", "_session", "_size", "open")

    def __init__(self, session: Session, attempt: Attempt, encoding: str) -> None:
        self._session = session
        self._attempt: Attempt | None = attempt
        self._encoding = encoding
        self._bound = session.settings.max_body_bytes
        self._chunks: list[bytes] = []
        self._size = 0
        self._over = 0
        self._first_at = 0
        self.open = True

    @property
    def unread(self) -> bool:
        """Nothing of it has been read yet, nor has it ended."""
        return self.open and not self._size

    @property
    def is_short(self) -> bool:
        """No more than `LONG` bytes of it have been read."""
        return self._size <= self.LONG

    def add(self, chunk: bytes) -> None:
        """One chunk went by."""
        if not self._size:
            self._first_at = time.time_ns()
        self._size += len(chunk)
        if self._size <= self._bound:
            self._chunks.append(chunk)
        else:
            self._over += len(chunk)

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

    def _finish_dropped(self) -> None:
        with _DROPPED:
            self._finish(None, "cancelled" if self._chunks else "abandoned", complete=False)

    def _finish(self, error: BaseException | None, state: State | None, *, complete: bool) -> None:
        attempt, self._attempt, self.open = self._attempt, None, False
        if attempt is None:
            return
        body, missing = self._decoded(b"".join(self._chunks), attempt.path)
        self._chunks = []
        if self._over:
            where = f"{attempt.path}.response_body"
            missing += (f"{where}: the last {self._over:,} bytes are over SPANGLASS_MAX_BODY_BYTES={self._bound}",)
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

    def _decoded(self, body: bytes, path: str) -> tuple[bytes, tuple[str, ...]]:
        if not self._encoding or not body:
            return body, ()
        try:
            return decode_content(body, self._encoding), ()
        except ValueError as why:
            return body, (f"{path}.response_body: kept in its content-encoding {self._encoding!r}: {why}",)
