"""Who is let in, and what every answer says to a browser.

Invariant: a request reaches an application only with the token, or, where none is asked for, with the name of this
machine in its Host header, which a page of another origin that rebinds its name to 127.0.0.1 does not have. No answer
may be framed, sniffed or read by another origin, or run a script that is not served from here. A fault of ours ends
here: it is counted, and neither the asker nor a log gets its text.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse

from spanglass import guard
from spanglass.server.config import is_loopback
from spanglass.server.fault import fault_response, unexpected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "spanglass_session"
#: What answers without a token wherever a gate stands: it tells nothing but that the sidecar lives.
_OPEN = frozenset({"/healthz", "/readyz"})
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Gate:
    """Stands before an application.

    Args:
        app: what is behind it.
        token: what requests have to bring, or None.
        host: the address that is listened at.
        login: the paths of the form for the token and of what it is made of, open to all, the form's first; a browser
            without the token is led there.
    """

    def __init__(self, app: ASGIApp, *, token: str | None, host: str, login: Sequence[str] = ()) -> None:
        self._app = app
        self._token = token
        self._host = host.strip("[]").lower()
        self._login = login[0] if login else None
        self._open = _OPEN.union(login)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through, or answers it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        began: list[Message] = []

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                began.append(message)
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        try:
            await (refusal or self._app)(scope, receive, guarded)
        except Exception as why:  # noqa: BLE001 - what is raised further is logged with its text, which may quote a payload
            guard.absorb("server.request", why)
            if not began:
                await unexpected(why)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if self._token is None:
            return None if self._is_own_name(headers.get("host", "")) else _wrong_host()
        if scope["path"] in self._open or is_entitled(headers, self._token):
            return None
        if self._login is not None and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            query = scope["query_string"].decode("latin-1")
            target = quote(f"{scope['path']}?{query}" if query else scope["path"])
            return RedirectResponse(f"{self._login}?next={target}", 303)
        message = "a token is needed: send it as 'Authorization: Bearer TOKEN'"
        return fault_response(401, "Unauthorized", message, {"WWW-Authenticate": 'Bearer realm="spanglass"'})

    def _is_own_name(self, host: str) -> bool:
        name = host.lower()
        name = name[: name.find("]") + 1] if name.startswith("[") else name.partition(":")[0]
        return is_loopback(name) or name == self._host


def is_entitled(headers: Headers, token: str) -> bool:
    """Whether a request brings the token, or the cookie that was given for it."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and is_token(given.strip(), token):
        return True
    cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
    return hmac.compare_digest(cookie.encode(), session_of(token).encode())


def is_token(given: str, token: str) -> bool:
    """Whether a text is the token, in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), token.encode("utf-8", "surrogatepass"))


def session_of(token: str) -> str:
    """The value of the cookie: it proves the token and does not tell it."""
    return hmac.new(token.encode("utf-8", "surrogatepass"), b"spanglass viewer", hashlib.sha256).hexdigest()


def _wrong_host() -> Response:
    message = (
        "this sidecar answers to the names of this machine only (localhost, 127.0.0.1), as a guard against pages that "
        "rebind their own name to it; for another name start it with a token"
    )
    return fault_response(421, "MisdirectedRequest", message)
