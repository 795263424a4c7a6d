"""The first page: the newest calls, or those that answer to a search.

Invariant: a page of results leads to the older ones, until there are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanglass.errors import StoreMissing
from spanglass.server.viewer.search import STATES, parse

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from spanglass.model.record import Summary
    from spanglass.server.viewer.page import Site
    from spanglass.server.viewer.search import Search

_A_PAGE = 50


def home(site: Site, request: Request) -> Response:
    """The newest calls, or a search."""
    search = parse(request.query_params)
    reader = site.reader()
    try:
        found = reader.find(**search.criteria, limit=_A_PAGE + 1)
    except StoreMissing:
        found = []
    return site.page(
        "home",
        notes=reader.notes,
        search=search,
        states=STATES,
        calls=found[:_A_PAGE],
        older=_older(site, search, found),
        paged="before" in request.query_params,
        store=reader.settings.store,
    )


def _older(site: Site, search: Search, found: list[Summary]) -> str | None:
    """Where the search goes on: with the first call that this page does not show."""
    if len(found) <= _A_PAGE:
        return None
    return site.links.home(**search.fields, before=found[_A_PAGE].started_at + 1)
