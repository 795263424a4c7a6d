"""Byte streams that copy what goes through them, in the shape that httpx and httpx2 demand of a stream.

Invariant: each chunk goes on as the very object that came, and every exception as the one that was raised. The library
checks the type of a stream before it reads, so the classes are made for the library that is handed in.
"""

from __future__ import annotations

import time
from copy import copy as shallow_copy
from copy import deepcopy
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from spanglass.capture.stream import RequestCopy, StreamCopy
from spanglass.guard import Boundary

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator

    from spanglass.capture.attempt import Attempt

_CHUNK = Boundary("tap.chunk")
_END = Boundary("tap.end")
_REST = Boundary("tap.rest")
_HTTP_ERROR = 400
_READ_S, _REST_S = 0.1, 0.5


class _Shown:
    """A stream through which the inner one shows; copied, it is the inner one."""

    _inner: Any

    def __getattr__(self, name: str) -> Any:
        if name == "_inner":  # not made yet
            raise AttributeError(name)
        return getattr(self._inner, name)

    def __copy__(self) -> Any:
        return shallow_copy(self._inner)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return deepcopy(self._inner, memo)


class _Tee(_Shown):
    """What both tees share: being collected ends the copy."""

    _copy: StreamCopy

    def __init__(self, inner: Any, copy: StreamCopy, response: Any) -> None:
        self._inner = inner
        self._copy = copy
        self._hurry = _Hurry(response.request) if _is_short_error(response, inner) else None

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
        try:
            with _REST:
                self._read_rest()
        finally:
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
            while self._copy.is_short and not self._hurry.is_over():
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
        self._copy: StreamCopy | None = copy  # None: closed before its end
        self._add = copy.add
        self._tee = tee

    def __aiter__(self) -> _AsyncChunks:
        return self

    def __anext__(self) -> Awaitable[bytes]:
        return self._resume(self._next)

    def asend(self, value: Any) -> Awaitable[bytes]:
        return self._resume(self._inner.asend, value)

    def athrow(self, *error: Any) -> Awaitable[bytes]:
        return self._resume(self._inner.athrow, *error)

    async def aclose(self) -> None:
        self._copy = None
        await self._inner.aclose()

    async def _resume(self, resume: Callable[..., Awaitable[bytes]], *args: Any) -> bytes:
        try:
            chunk = await resume(*args)
        except StopAsyncIteration:
            with _END:
                if self._copy is not None:
                    self._copy.ended()
            raise
        except BaseException as error:
            with _END:
                if self._copy is not None:
                    self._copy.broke(error)
            raise
        try:
            self._add(chunk)
        except Exception as fault:  # noqa: BLE001 - the boundary
            _CHUNK.took(fault)
        return chunk


class _AsyncTee(_Tee):
    """The async twin of `_SyncTee`."""

    def __aiter__(self) -> Any:
        return _AsyncChunks(self._inner.__aiter__(), self._copy, self)

    async def aclose(self) -> None:
        try:
            with _REST:
                await self._read_rest()
        finally:
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
            while self._copy.is_short and not self._hurry.is_over():
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
    mostly here already; for what is not, each read waits `_READ_S` at most, by the library's own timeout, and none
    begins after `_REST_S`. (openai 3's async client drains for 0.1 s before it closes.)
    """

    def __init__(self, request: Any) -> None:
        self._extensions = request.extensions
        self._until = 0.0

    def __enter__(self) -> None:
        self._until = time.monotonic() + _REST_S
        self._timeouts = self._extensions["timeout"]
        # The host's own dict may be here, and serve other requests.
        self._extensions["timeout"] = {**self._timeouts, "read": _READ_S}

    def __exit__(self, *_error: object) -> None:
        self._extensions["timeout"] = self._timeouts

    def is_over(self) -> bool:
        """The time is up."""
        return time.monotonic() > self._until


def _is_short_error(response: Any, inner: Any) -> bool:
    """Whether what is left of an answer is the little that an error says, and comes from the library's own transport.

    Of that it is known that it obeys the timeouts of its request, which it asks for at each body.
    """
    if response.status_code < _HTTP_ERROR:
        return False
    length = response.headers.get("content-length", "0")
    transport = type(getattr(inner, "_stream", None)).__module__
    return (
        length.isdigit()
        and int(length) <= StreamCopy.LONG
        and isinstance(response.request.extensions.get("timeout"), dict)
        and transport.startswith("httpx")
        and transport.endswith("._transports.default")
    )


class _RequestTee(_Shown):
    """A request body that the host generates, copied while it leaves."""

    def __init__(self, inner: Any, attempt: Attempt, bound: int) -> None:
        self._inner = inner
        self._attempt = attempt
        self._bound = bound

    def _begin(self) -> RequestCopy:
        """The copy of one sending; a redirect or an authentication sends it again."""
        made = self._attempt.sending = RequestCopy(self._attempt, self._bound)
        return made

    def __iter__(self) -> Iterator[bytes]:
        copy = self._begin()
        for chunk in self._inner:
            with _CHUNK:
                copy.add(chunk)
            yield chunk
        with _END:
            copy.ended()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        copy = self._begin()
        async for chunk in self._inner:
            with _CHUNK:
                copy.add(chunk)
            yield chunk
        with _END:
            copy.ended()


def request_tee(inner: Any, attempt: Attempt, bound: int) -> Any:
    """A stand-in for the body of a request that copies what goes through it, ``bound`` bytes at most.

    It is of the library's types that ``inner`` is of: a sync stream, an async one, or as a multipart body is, both.
    """
    streams = (cls for cls in type(inner).__mro__ if cls.__name__ in ("SyncByteStream", "AsyncByteStream"))
    return _request_tee_class(tuple(streams))(inner, attempt, bound)


@lru_cache(maxsize=16)
def _request_tee_class(streams: tuple[type, ...]) -> Any:
    return type("RequestTee", (_RequestTee, *streams), {})
