"""Generators whose chunks are an answer that is logged by hand: each chunk passes on as the very object that came.

Invariant: the call begins when the first chunk is asked for, and ends once: at the end, by an error, closed early, or
dropped. A chunk's JSON is made at the end, so one that changes later is recorded as it is then.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Any

from spanglass.guard import Boundary
from spanglass.place import Between

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from spanglass.capture.manual import Handle

_DROPPED = Boundary("chunks.dropped")


class _Collected:
    """What has come so far, and whose answer it is."""

    def __init__(self, begin: Callable[[], Handle]) -> None:
        self._begin = begin
        self._handle: Handle | None = None
        self._between: Between | None = None
        self._chunks: list[Any] = []
        self._first_at: int | None = None

    def handle(self) -> Handle:
        """The call, begun at the first time of asking."""
        if self._handle is None:
            self._handle = self._begin()
        return self._handle

    def resume(self) -> AbstractContextManager[None]:
        """A block in which the generator runs to its next chunk."""
        if self._between is None:
            self._between = Between(self.handle().offering.context())
        return self._between.resume()

    def add(self, chunk: Any) -> None:
        if not self._chunks:
            self._first_at = time.time_ns()
        self._chunks.append(chunk)

    def ended(self) -> None:
        self.handle().stop(None, self._chunks, self._first_at)

    def broke(self, error: BaseException) -> None:
        if isinstance(error, GeneratorExit):
            self._left()
        else:
            self.handle().fail(error, self._chunks, self._first_at)

    def dropped(self) -> None:
        """Called by the collector, at any point of any thread."""
        if self._handle is not None and self._handle.is_open:
            self._handle.later(self._left)

    def _left(self) -> None:
        self.handle().stop("cancelled" if self._chunks else "abandoned", self._chunks, self._first_at)


class Chunks(Generator[Any, Any, Any]):
    """A generator of chunks.

    Args:
        inner: the program's own.
        begin: begins the call.
    """

    def __init__(self, inner: Generator[Any, Any, Any], begin: Callable[[], Handle]) -> None:
        self._inner = inner
        self._collected = _Collected(begin)

    def send(self, value: Any) -> Any:
        """The next chunk."""
        return self._resume(self._inner.send, value)

    def throw(self, *error: Any) -> Any:
        """The next chunk after an error that the caller throws in; closing is such an error, too."""
        return self._resume(self._inner.throw, *error)

    def _resume(self, resume: Callable[..., Any], *args: Any) -> Any:
        collected = self._collected
        try:
            with collected.resume():
                chunk = resume(*args)
        except StopIteration:
            collected.ended()
            raise
        except BaseException as error:
            collected.broke(error)
            raise
        collected.add(chunk)
        return chunk

    def __del__(self) -> None:
        with _DROPPED:
            self._collected.dropped()


class AsyncChunks(AsyncGenerator[Any, Any]):
    """The async twin of `Chunks`."""

    def __init__(self, inner: AsyncGenerator[Any, Any], begin: Callable[[], Handle]) -> None:
        self._inner = inner
        self._collected = _Collected(begin)

    async def asend(self, value: Any) -> Any:
        """The next chunk."""
        return await self._resume(self._inner.asend, value)

    async def athrow(self, *error: Any) -> Any:
        """The next chunk after an error that the caller throws in; closing is such an error, too."""
        return await self._resume(self._inner.athrow, *error)

    async def _resume(self, resume: Callable[..., Any], *args: Any) -> Any:
        collected = self._collected
        try:
            with collected.resume():
                chunk = await resume(*args)
        except StopAsyncIteration:
            collected.ended()
            raise
        except BaseException as error:
            collected.broke(error)
            raise
        collected.add(chunk)
        return chunk

    def __del__(self) -> None:
        with _DROPPED:
            self._collected.dropped()
