"""Generators whose chunks are an answer that is logged by hand: each chunk passes on as the very object that came.

Invariant: the call begins when the first chunk is asked for, and ends once: at the end, by an error, closed early, or
dropped. A chunk's JSON is made at the end, so one that changes later is recorded as it is then.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Any

from spanglass.guard import Boundary

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanglass.capture.manual import Handle

_DROPPED = Boundary("chunks.dropped")


class _Collected:
    """What has come so far, and whose answer it is."""

    def __init__(self, begin: Callable[[], Handle]) -> None:
        self._begin = begin
        self._handle: Handle | None = None
        self._chunks: list[Any] = []

    def handle(self) -> Handle:
        """The call, begun at the first time of asking."""
        if self._handle is None:
            self._handle = self._begin()
        return self._handle

    def add(self, chunk: Any) -> None:
        self._chunks.append(chunk)

    def ended(self) -> None:
        self.handle().stop(None, self._chunks)

    def broke(self, error: BaseException) -> None:
        if isinstance(error, GeneratorExit):
            self.handle().stop("cancelled" if self._chunks else "abandoned", self._chunks)
        else:
            self.handle().fail(error, self._chunks)

    def dropped(self) -> None:
        """Called by the collector, at any point of any thread."""
        handle = self._handle
        if handle is not None and handle.is_open:
            chunks = self._chunks
            handle.later(lambda: handle.stop("cancelled" if chunks else "abandoned", chunks))


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
            with collected.handle().offering():
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
            with collected.handle().offering():
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
