"""The viewer: a record as pages for a browser, made here and whole without a script.

Invariant: nothing stored reaches a page unescaped, nothing on a page is fetched from elsewhere, and no page needs a
script, an inline style or a cookie. Every page is a GET that changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from spanglass.errors import SpanglassError
from spanglass.server.viewer import asset, body, call, comparison, group, home
from spanglass.server.viewer.problem import problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from spanglass.server.viewer.page import Site

__all__ = ["routes"]

_SPAN = "/spans/{trace_id}/{span_id}"


def routes(site: Site) -> list[BaseRoute]:
    """The viewer's pages, for an application that sees to who is let in."""
    pages = {
        "/": home.home,
        "/traces/{trace_id:path}": group.trace,
        "/workflows/{workflow_id:path}": group.workflow,
        _SPAN: call.window,
        f"{_SPAN}/attempts": call.attempts,
        f"{_SPAN}/attempts/{{number:int}}/request": body.request_body,
        f"{_SPAN}/attempts/{{number:int}}/response": body.response_body,
        f"{_SPAN}/steps": call.steps,
        f"{_SPAN}/upstream": comparison.upstream,
        f"{_SPAN}/diff": comparison.diff,
        f"{_SPAN}/copy": call.copy,
        f"{_SPAN}/messages/{{index:int}}": call.message,
        f"{_SPAN}/answer/{{index:int}}": call.answer,
        "/spans/{ref:path}": call.reference,
    }
    return [*(Route(path, _endpoint(site, page)) for path, page in pages.items()), asset.route(site.assets)]


def _endpoint(site: Site, page: Callable[[Site, Request], Response]) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        try:
            return page(site, request)
        except SpanglassError as fault:
            return problem(site, request, fault)

    endpoint.__name__ = page.__name__
    return endpoint
