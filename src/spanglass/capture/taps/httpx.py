"""The tap for httpx and its fork httpx2: one method, ``send``, of the sync and the async client.

Invariant: it never imports an HTTP library and never asks for a type of one; what it patches is handed to it. The host
gets the response that its library made; of a streamed one only ``response.stream`` is replaced, by a byte stream that
passes everything on.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import wrapt
from opentelemetry import context as otel_context
from opentelemetry import trace

from spanglass.capture.exchange import Incoming, Outgoing
from spanglass.capture.intake import begin
from spanglass.capture.session import active
from spanglass.capture.stream import StreamCopy
from spanglass.guard import Boundary

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
    from contextvars import Token
    from types import ModuleType

    from opentelemetry.context import Context

    from spanglass.capture.call import Attempt
    from spanglass.capture.session import Session

MODULES = ("httpx", "httpx2")

_BEGIN = Boundary("tap.begin")
_LEAVE = Boundary("tap.leave")
_FAIL = Boundary("tap.fail")
_ANSWER = Boundary("tap.answer")
_CHUNK = Boundary("tap.chunk")
_END = Boundary("tap.end")
_HTTP_ERROR = 400
_HURRY_S = 0.1
_REQUEST_KEY = otel_context.create_key("spanglass-request")


class Watched:
    """One request on its way: the attempt it is, and the context that it is sent in."""

    __slots__ = ("_token", "attempt", "session")

    def __init__(self, session: Session, attempt: Attempt, request: Any) -> None:
        self.session = session
        self.attempt = attempt
        inside = trace.set_span_in_context(attempt.call.span.span) if attempt.call.span.span.is_recording() else None
        # A client that subclasses and calls super().send comes by twice with one request; see FACTS of google-genai.
        self._token: Token[Context] | None = otel_context.attach(otel_context.set_value(_REQUEST_KEY, request, inside))

    def leave(self) -> None:
        """Out of the context that the request was sent in."""
        if self._token is not None:
            token, self._token = self._token, None
            otel_context.detach(token)


def watch(request: Any) -> Watched | None:
    """Begins the attempt that ``request`` is, or gives None if it is not to be watched."""
    session = active()
    if session is None or otel_context.get_value(_REQUEST_KEY) is request:
        return None
    outgoing = _outgoing(request)
    attempt = begin(session, outgoing)
    if attempt is None:
        return None
    if outgoing.body is None:
        request.stream = _request_tee(request.stream, attempt)
    return Watched(session, attempt, request)


def receive(watched: Watched, response: Any, tee: Callable[[Any, StreamCopy, Any], Any]) -> None:
    """The response is here: read already, or a stream that is now watched."""
    headers = _pairs(response.headers)
    attempt = watched.attempt
    if response.is_stream_consumed or response.is_closed:
        attempt.end(Incoming(response.status_code, headers, response.content, complete=True, ended_at=time.time_ns()))
        return
    attempt.answered(response.status_code, headers)
    attempt.streams()
    copy = StreamCopy(watched.session, attempt, response.headers.get("content-encoding", ""))
    response.stream = tee(response.stream, copy, response)


def install(module: ModuleType) -> list[tuple[Any, str, Any]]:
    """Patches ``module`` (httpx, httpx2); gives what `wrapt.unwrap_object` needs to take it back."""
    sync_tee, async_tee = _tee_classes(module)

    def send(wrapped: Any, _client: Any, args: Any, kwargs: Any) -> Any:
        watched = None
        with _BEGIN:
            watched = watch(args[0] if args else kwargs["request"])
        if watched is None:
            return wrapped(*args, **kwargs)
        try:
            response = wrapped(*args, **kwargs)
        except BaseException as error:
            with _LEAVE:
                watched.leave()
            with _FAIL:
                watched.attempt.end(None, error)
            raise
        with _LEAVE:
            watched.leave()
        with _ANSWER:
            receive(watched, response, sync_tee)
        return response

    async def async_send(wrapped: Any, _client: Any, args: Any, kwargs: Any) -> Any:
        watched = None
        with _BEGIN:
            watched = watch(args[0] if args else kwargs["request"])
        if watched is None:
            return await wrapped(*args, **kwargs)
        try:
            response = await wrapped(*args, **kwargs)
        except BaseException as error:
            with _LEAVE:
                watched.leave()
            with _FAIL:
                watched.attempt.end(None, error)
            raise
        with _LEAVE:
            watched.leave()
        with _ANSWER:
            receive(watched, response, async_tee)
        return response

    return [
        (module, "Client.send", wrapt.wrap_function_wrapper(module, "Client.send", send)),
        (module, "AsyncClient.send", wrapt.wrap_function_wrapper(module, "AsyncClient.send", async_send)),
    ]


def _outgoing(request: Any) -> Outgoing:
    url = request.url
    try:
        body = request.content
    except Exception:  # noqa: BLE001 - each of the two libraries has its own RequestNotRead; None says the same
        body = None
    return Outgoing(
        request.method, str(url), url.host, url.port, url.path, _pairs(request.headers), body, time.time_ns()
    )


def _pairs(headers: Any) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.raw]


class _Tee:
    """What both tees share: the inner stream shows through, and being collected ends the copy."""

    _inner: Any
    _copy: StreamCopy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __del__(self) -> None:
        copy: StreamCopy | None = self.__dict__.get("_copy")
        if copy is not None and copy.open:
            with _END:
                copy.dropped()


class _SyncChunks:
    """Passes chunks on; a plain iterator, so that dropping it finalises nothing of ours."""

    __slots__ = ("_add", "_copy", "_next", "_tee")

    def __init__(self, inner: Iterator[bytes], copy: StreamCopy, tee: Any) -> None:
        self._next = inner.__next__
        self._copy = copy
        self._add = copy.add
        self._tee = tee

    def __iter__(self) -> _SyncChunks:
        return self

    def __next__(self) -> bytes:
        try:
            chunk = self._next()
        except StopIteration:
            with _END:
                self._copy.ended()
            raise
        except BaseException as error:
            with _END:
                self._copy.broke(error)
            raise
        with _CHUNK:
            self._add(chunk)
        return chunk


class _AsyncChunks:
    """The async twin of `_SyncChunks`.

    By its methods an async generator, as what it stands for is: httpx2 closes such a one when the host stops early, and
    what nobody closes is closed by the event loop, several times at once.
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
        with _CHUNK:
            self._add(chunk)
        return chunk

    async def asend(self, value: Any) -> bytes:
        return await self._inner.asend(value)

    async def athrow(self, *error: Any) -> bytes:
        return await self._inner.athrow(*error)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _tee_classes(module: Any) -> tuple[Any, Any]:
    """Byte streams of ours that are byte streams of ``module``'s: the library checks that before it reads."""

    class SyncTee(_Tee, module.SyncByteStream):  # type: ignore[misc]
        def __init__(self, inner: Any, copy: StreamCopy, response: Any) -> None:
            self._inner, self._copy = inner, copy
            self._timeouts = _timeouts_of_an_error(response)

        def __iter__(self) -> Any:
            return _SyncChunks(iter(self._inner), self._copy, self)

        def close(self) -> None:
            if self._timeouts is not None and self._copy.unread:
                with suppress(Exception), _Hurry(self._timeouts):
                    for chunk in self:
                        if self._copy.is_long:
                            break
                        del chunk
            try:
                self._inner.close()
            finally:
                with _END:
                    self._copy.closed()

    class AsyncTee(_Tee, module.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, inner: Any, copy: StreamCopy, response: Any) -> None:
            self._inner, self._copy = inner, copy
            self._timeouts = _timeouts_of_an_error(response)

        def __aiter__(self) -> Any:
            return _AsyncChunks(self._inner.__aiter__(), self._copy, self)

        async def aclose(self) -> None:
            if self._timeouts is not None and self._copy.unread:
                with suppress(Exception), _Hurry(self._timeouts):
                    async for chunk in self:
                        if self._copy.is_long:
                            break
                        del chunk
            try:
                await self._inner.aclose()
            finally:
                with _END:
                    self._copy.closed()

    return SyncTee, AsyncTee


class _Hurry:
    """Reading within the time that is given to the rest of an error answer which the host closes unread.

    SDKs close the answer to a failed attempt without reading why it failed, and then try again. Its few bytes are mostly
    here already; what is not, is waited for `_HURRY_S` at most, by the library's own timeout (openai's async client
    drains for as long before it closes).
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


def _request_tee(inner: Any, attempt: Attempt) -> Any:
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
