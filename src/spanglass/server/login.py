"""How a browser brings the token: a form, and a cookie that proves the token without telling it.

Invariant: the cookie is for this host alone, out of reach of scripts and never sent along with another site's request;
after the form a browser is led to a path of this server, whatever it was asked to lead to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from starlette.responses import RedirectResponse
from starlette.routing import Route

from spanglass.server.gate import COOKIE, is_token, session_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from spanglass.server.viewer.page import Site

PATH = "/login"
_MOST_BYTES = 8_192


def login_route(site: Site, token: str) -> Route:
    """The form, and what becomes of it."""

    async def login(request: Request) -> Response:
        if request.method != "POST":
            return _form(site, request.query_params.get("next", "/"))
        fields = parse_qs(await _body(request), max_num_fields=8)
        target = fields.get("next", ["/"])[0]
        if not is_token(fields.get("token", [""])[0].strip(), token):
            return _form(site, target, 403)
        response = RedirectResponse(_local(target), 303)
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, session_of(token), httponly=True, samesite="strict", secure=secure)
        return response

    return Route(PATH, login, methods=["GET", "POST"])


def _form(site: Site, target: str, status: int = 200) -> Response:
    return site.page("login", status, path=PATH, target=_local(target), refused=status != 200)  # noqa: PLR2004 - HTTP's


async def _body(request: Request) -> str:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BYTES:
            return ""
    return body.decode("utf-8", "replace")


def _local(target: str) -> str:
    """The target if it is a path of this server, else its first page."""
    parts = urlsplit(target.replace("\\", "/"))
    is_local = not parts.scheme and not parts.netloc and target.startswith("/") and target.isprintable()
    return target if is_local and not target.startswith(("//", "/\\")) else "/"
