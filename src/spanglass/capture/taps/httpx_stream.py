"""Byte streams that copy what goes through them, in the shape that httpx and httpx2 demand of a stream.

Invariant: each chunk goes on as the very object that came, and every exception as the one that was raised. The library
checks the type of a stream before it reads, so the classes are made for the library that is handed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.capture.stream import StreamCopy
from spanglass.guard import Boundary

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

    from spanglass.capture.attempt import Attempt

_CHUNK = Boundary("tap.chunk")
_END = Boundary("tap.end")
_REST = Boundary("tap.rest")
_HTTP_ERROR = 400
_HURRY_S = 0.1


class _Tee:
    """What both tees share: the inner stream shows through, and being collected ends the copy."""

    _inner: Any
    _copy: StreamCopy

    def __init__(self, inner: Any, copy: StreamCopy, response: Any) -> None:
        self._inner = inner
        self._copy = copy
        timeouts = _timeouts_of_an_error(response)
        self._hurry = None if timeouts is None else _Hurry(timeouts)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __del__(self) -> None:
        copy: StreamCopy | None = self.__dict__.get("_copy")
        if copy is not None and copy.open:
            with _END:
                copy.dropped()


class _SyncTee(_Tee):
    """The byte stream of a sync response."""

    def __iter__(self) -> Iterator[bytes]:
        add = self._copy.add
        try:
            for chunk in self._inner:
                try:
                    add(chunk)
                except Exception as fault:  # noqa: BLE001 - the boundary
                    _CHUNK.took(fault)
                yield chunk
        except GeneratorExit:
            raise  # left early: how the answer ended, `close` says, or that nobody holds it any more
        except BaseException as error:
            with _END:
                self._copy.broke(error)
            raise
        with _END:
            self._copy.ended()

    def close(self) -> None:
        with _REST:
            self._read_rest()
        try:
            self._inner.close()
        finally:
            with _END:
                self._copy.closed()

    def _read_rest(self) -> None:
        if self._hurry is None or not self._copy.unread:
            return
        chunks = iter(self._inner)
        with self._hurry:
            while self._copy.is_short:
                try:
                    chunk = next(chunks)
                except StopIteration:
                    self._copy.ended()
                    return
                except Exception:  # noqa: BLE001 - the library's, about what the host does not want
                    return  # and the record says what is missing
                self._copy.add(chunk)


class _AsyncChunks:
    """The chunks of an async answer.

    By its methods an async generator, as what it stands for is: httpx2 closes such a one when the host stops early. It
    is none, because what nobody closes is closed by the event loop, several times at once.
    """

    __slots__ = ("_add", "_copy", "_inner", "_next", "_tee")

    def __init__(self, inner: AsyncGenerator[bytes, Any], copy: StreamCopy, tee: Any) -> None:
        self._inner = inner
        self._next = inner.__anext__
        self._copy = copy
        self._add = copy.add
        self._tee = tee

    def __aiter__(self) -> _AsyncChunks:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._next()
        except StopAsyncIteration:
            with _END:
                self._copy.ended()
            raise
        except BaseException as error:
            with _END:
                self._copy.broke(error)
            raise
        try:
            self._add(chunk)
        except Exception as fault:  # noqa: BLE001 - the boundary
            _CHUNK.took(fault)
        return chunk

    async def asend(self, value: Any) -> bytes:
        return await self._inner.asend(value)

    async def athrow(self, *error: Any) -> bytes:
        return await self._inner.athrow(*error)

    async def aclose(self) -> None:
        await self._inner.aclose()


class _AsyncTee(_Tee):
    """The async twin of `_SyncTee`."""

    def __aiter__(self) -> Any:
        return _AsyncChunks(self._inner.__aiter__(), self._copy, self)

    async def aclose(self) -> None:
        with _REST:
            await self._read_rest()
        try:
            await self._inner.aclose()
        finally:
            with _END:
                self._copy.closed()

    async def _read_rest(self) -> None:
        if self._hurry is None or not self._copy.unread:
            return
        chunks = self._inner.__aiter__()
        with self._hurry:
            while self._copy.is_short:
                try:
                    chunk = await chunks.__anext__()
                except StopAsyncIteration:
                    self._copy.ended()
                    return
                except Exception:  # noqa: BLE001 - the library's, about what the host does not want
                    return  # and the record says what is missing
                self._copy.add(chunk)


def sync_tee_class(module: Any) -> Any:
    """The byte stream of ``module``'s sync responses that copies what goes through it."""
    return type("SyncTee", (_SyncTee, module.SyncByteStream), {})


def async_tee_class(module: Any) -> Any:
    """The async twin of `sync_tee_class`."""
    return type("AsyncTee", (_AsyncTee, module.AsyncByteStream), {})


class _Hurry:
    """Reading within the time that is given to the rest of an error answer which the host closes unread.

    SDKs close the answer to a failed attempt without reading why it failed, and then try again. Its few bytes are
    mostly here already; for what is not, each read waits `_HURRY_S` at most, by the library's own timeout. (openai 3's
    async client drains for as long before it closes.)
    """

    def __init__(self, timeouts: dict[str, Any]) -> None:
        self._timeouts = timeouts
        self._before: Any = None

    def __enter__(self) -> None:
        self._before = self._timeouts.get("read")
        self._timeouts["read"] = _HURRY_S

    def __exit__(self, *_error: object) -> None:
        self._timeouts["read"] = self._before


def _timeouts_of_an_error(response: Any) -> dict[str, Any] | None:
    """The request's timeouts, which the library asks at each read; None for an answer that is no short error."""
    if response.status_code < _HTTP_ERROR:
        return None
    length = response.headers.get("content-length", "")
    timeouts = response.request.extensions.get("timeout")
    short = length.isdigit() and int(length) <= StreamCopy.LONG
    return timeouts if short and isinstance(timeouts, dict) else None


def request_tee(inner: Any, attempt: Attempt) -> Any:
    """A request body that the host generates, copied while it leaves."""
    base = next(cls for cls in type(inner).__mro__ if cls.__name__ in ("SyncByteStream", "AsyncByteStream"))
    if hasattr(inner, "__aiter__"):

        class AsyncBody(base):  # type: ignore[misc, valid-type]
            async def __aiter__(self) -> AsyncIterator[bytes]:
                sent = []
                async for chunk in inner:
                    sent.append(chunk)
                    yield chunk
                with _END:
                    attempt.body_sent(b"".join(sent))

        return AsyncBody()

    class SyncBody(base):  # type: ignore[misc, valid-type]
        def __iter__(self) -> Iterator[bytes]:
            sent = []
            for chunk in inner:
                sent.append(chunk)
                yield chunk
            with _END:
                attempt.body_sent(b"".join(sent))

    return SyncBody()
