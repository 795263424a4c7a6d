"""What a call was handed and what became of it, and what changed from another call to this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from spanglass.server.viewer.page import Site


def upstream(site: Site, request: Request) -> Response:
    raise NotImplementedError


def diff(site: Site, request: Request) -> Response:
    raise NotImplementedError
