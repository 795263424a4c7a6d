"""The tap for httpx and its fork httpx2: one method, ``send``, of the sync and the async client.

Invariant: it never imports an HTTP library and never asks for a type of one; what it patches is handed to it. The host
gets the response that its library made; of a streamed one only ``response.stream`` is replaced, by a byte stream that
passes everything on.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import wrapt
from opentelemetry import context as otel_context
from opentelemetry.context import Context

from spanglass.capture.exchange import Incoming, Outgoing, Server
from spanglass.capture.intake import begin
from spanglass.capture.session import active
from spanglass.capture.stream import StreamCopy
from spanglass.capture.taps.httpx_stream import async_tee_class, request_tee, sync_tee_class
from spanglass.guard import Boundary
from spanglass.span.identity import SPAN_KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token
    from types import ModuleType

    from spanglass.capture.attempt import Attempt
    from spanglass.capture.session import Session

MODULES = ("httpx", "httpx2")

_BEGIN = Boundary("tap.begin")
_LEAVE = Boundary("tap.leave")
_FAIL = Boundary("tap.fail")
_ANSWER = Boundary("tap.answer")
_PLACES_KEPT = 256
_REQUEST_KEY = otel_context.create_key("spanglass-request")


class Watched:
    """One request on its way: the attempt it is, and the context that it is sent in."""

    __slots__ = ("_token", "attempt", "request", "session")

    def __init__(self, session: Session, attempt: Attempt, request: Any, context: Context) -> None:
        self.session = session
        self.attempt = attempt
        self.request = request
        span = attempt.call.span.span
        # A client that subclasses and calls super().send comes by twice with one request; see FACTS of google-genai.
        inside = {**context, _REQUEST_KEY: request}
        if span.is_recording():
            inside[SPAN_KEY] = span
        self._token: Token[Context] | None = otel_context.attach(Context(inside))

    def leave(self) -> None:
        """Out of the context that the request was sent in."""
        token, self._token = self._token, None
        # A coroutine that is finalised when its loop is gone ends in another context, which was never entered.
        if token is not None and otel_context.get_current().get(_REQUEST_KEY) is self.request:
            otel_context.detach(token)


def watch(request: Any) -> Watched | None:
    """Begins the attempt that ``request`` is, or gives None if it is not to be watched."""
    session = active()
    if session is None or request.method != "POST":
        return None
    context = otel_context.get_current()
    if context.get(_REQUEST_KEY) is request:
        return None
    outgoing = _outgoing(request)
    attempt = begin(session, outgoing, context)
    if attempt is None:
        return None
    if outgoing.body is None:
        request.stream = request_tee(request.stream, attempt, session.settings.max_body_bytes)
    return Watched(session, attempt, request, context)


def receive(watched: Watched, response: Any, tee: Callable[[Any, StreamCopy, Any], Any]) -> None:
    """The response is here: read already, or a stream that is now watched."""
    headers = response.headers.raw
    attempt = watched.attempt
    if response.is_stream_consumed or response.is_closed:
        attempt.end(_read(response, attempt))
        return
    attempt.answered(response.status_code, headers)
    attempt.streams()
    copy = StreamCopy(watched.session, attempt, response.headers.get("content-encoding", ""))
    response.stream = tee(response.stream, copy, response)


def install(module: ModuleType) -> list[tuple[Any, str, Any]]:
    """Patches ``module`` (httpx, httpx2); gives what `wrapt.unwrap_object` needs to take it back."""
    sync_tee, async_tee = sync_tee_class(module), async_tee_class(module)

    def send(wrapped: Any, _client: Any, args: Any, kwargs: Any) -> Any:
        watched = None
        try:
            watched = watch(args[0] if args else kwargs["request"])
        except Exception as fault:  # noqa: BLE001 - the boundary
            _BEGIN.took(fault)
        if watched is None:
            return wrapped(*args, **kwargs)
        try:
            response = wrapped(*args, **kwargs)
        except BaseException as error:
            _fail(watched, error)
            raise
        _answer(watched, response, sync_tee)
        return response

    async def async_send(wrapped: Any, _client: Any, args: Any, kwargs: Any) -> Any:
        watched = None
        try:
            watched = watch(args[0] if args else kwargs["request"])
        except Exception as fault:  # noqa: BLE001 - the boundary
            _BEGIN.took(fault)
        if watched is None:
            return await wrapped(*args, **kwargs)
        try:
            response = await wrapped(*args, **kwargs)
        except BaseException as error:
            _fail(watched, error)
            raise
        _answer(watched, response, async_tee)
        return response

    return [
        (module, "Client.send", wrapt.wrap_function_wrapper(module, "Client.send", send)),
        (module, "AsyncClient.send", wrapt.wrap_function_wrapper(module, "AsyncClient.send", async_send)),
    ]


def _read(response: Any, attempt: Attempt) -> Incoming:
    """An answer that is read; or that a hook of the host's has used up or closed, and nobody can read any more."""
    missing: tuple[str, ...] = ()
    try:
        content = response.content
    except Exception:  # noqa: BLE001 - each of the two libraries has its own ResponseNotRead
        content = None
        missing = (f"{attempt.path}.response_body: used up or closed before it could be copied",)
    return Incoming(
        response.status_code,
        response.headers.raw,
        content,
        complete=content is not None,
        ended_at=time.time_ns(),
        missing=missing,
    )


def _fail(watched: Watched, error: BaseException) -> None:
    with _LEAVE:
        watched.leave()
    with _FAIL:
        response = getattr(error, "response", None)  # what a hook's `raise_for_status` raises has the answer
        mine = response is not None and getattr(response, "_request", None) is watched.request
        watched.attempt.end(_read(response, watched.attempt) if mine else _unread(error, watched.attempt), error)


def _unread(error: BaseException, attempt: Attempt) -> Incoming | None:
    """What is known of an answer that broke while the library read its body: that it is not here."""
    kind = type(error).__name__
    if kind != "DecodingError" and not (kind == "RemoteProtocolError" and "message body" in str(error)):
        return None
    missing = f"{attempt.path}.response_body: what had arrived of it is not here: reading it broke with {kind}"
    return Incoming(None, (), None, complete=False, ended_at=time.time_ns(), missing=(missing,))


def _answer(watched: Watched, response: Any, tee: Callable[[Any, StreamCopy, Any], Any]) -> None:
    try:
        watched.leave()
    except Exception as fault:  # noqa: BLE001 - the boundary
        _LEAVE.took(fault)
    try:
        receive(watched, response, tee)
    except Exception as fault:  # noqa: BLE001 - the boundary
        _ANSWER.took(fault)


def _outgoing(request: Any) -> Outgoing:
    url = str(request.url)
    server, path = _places.get(url) or _place(url, request.url)
    try:
        body = request.content
    except Exception:  # noqa: BLE001 - each of the two libraries has its own RequestNotRead; None says the same
        body = None
    return Outgoing(request.method, url, server, path, request.headers.raw, body, time.time_ns())


#: Server and path of the urls that were asked for: the library takes an url apart anew each time.
_places: dict[str, tuple[Server, str]] = {}


def _place(text: str, url: Any) -> tuple[Server, str]:
    if len(_places) >= _PLACES_KEPT:
        _places.clear()
    path = url.raw_path.partition(b"?")[0].decode("ascii")  # as sent: `url.path` is decoded, and a slash in a name one
    place = _places[text] = (Server(url.host, url.port), path)
    return place
