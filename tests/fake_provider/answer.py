"""What the provider is to say, as a plot: head and pieces of body in their order, with waits and cuts between them.

Invariant: an `Answer` is plain data; it can be told again and says the same.
"""

from __future__ import annotations

import enum
import json
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Encoding: TypeAlias = Literal["", "gzip", "deflate"]


class Step(enum.Enum):
    """A point of the plot that is no piece of the body."""

    HEAD = "send the status line and the headers"
    HOLD = "say nothing until the exchange is released"
    CUT = "drop the connection"


class Pause(NamedTuple):
    """Says nothing for so long."""

    seconds: float


@dataclass(frozen=True)
class Answer:
    """One answer. Without a `Step.HEAD` in it, the plot begins with the head.

    Args:
        status: the HTTP status.
        headers: further headers; content-type is among them.
        plot: pieces of the body, `Step` and `Pause`, in order.
        chunked: each piece is one chunk; otherwise the body has a content-length.
        encoding: the body is sent in this content-encoding; each piece can be decoded as soon as it has arrived.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    plot: tuple[bytes | Step | Pause, ...] = ()
    chunked: bool = False
    encoding: Encoding = ""

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Answer:
        """A JSON body in one piece."""
        body = json.dumps(value, ensure_ascii=False).encode()
        return cls(status, (("content-type", "application/json"), *headers), (body,))

    @classmethod
    def stream(cls, events: Iterable[bytes | Step | Pause]) -> Answer:
        """Server-sent events, each in a chunk of its own."""
        return cls(200, (("content-type", "text/event-stream; charset=utf-8"),), tuple(events), chunked=True)

    @classmethod
    def dropped(cls) -> Answer:
        """The connection is dropped before any answer."""
        return cls(plot=(Step.CUT, Step.HEAD))

    @property
    def body(self) -> bytes:
        """The body whole, before any content-encoding."""
        return b"".join(step for step in self.plot if isinstance(step, bytes))

    def held(self) -> Answer:
        """The same, but not even the head is sent until the exchange is released."""
        return replace(self, plot=(Step.HOLD, Step.HEAD, *self.plot))

    def interrupted(self, after: int, by: Step | Pause) -> Answer:
        """The same, with `by` after so many steps of the plot."""
        return replace(self, plot=(*self.plot[:after], by, *self.plot[after:]))

    def rechunked(self, size: int) -> Answer:
        """The same body in pieces of `size` bytes, so that borders of chunks are not borders of events."""
        body = self.body
        return replace(self, plot=tuple(body[at : at + size] for at in range(0, len(body), size)))

    def encoded(self, encoding: Encoding) -> Answer:
        """The same, sent in a content-encoding."""
        return replace(self, encoding=encoding)


class Encoder:
    """Applies a content-encoding piece by piece; what it has given so far can always be decoded."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._deflate = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)

    def __call__(self, piece: bytes) -> bytes:
        if not self._encoding:
            return piece
        return self._deflate.compress(piece) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        """What closes the body."""
        return self._deflate.flush() if self._encoding else b""
