"""The style sheet and the script, each served under a name that says what is in it.

Invariant: one name, one content, for ever; so a browser may keep them as long as it likes.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

_TYPES = {"viewer.css": "text/css", "viewer.js": "text/javascript"}
_FOR_EVER = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}


class Asset(NamedTuple):
    """One static file."""

    path: str
    media_type: str
    content: bytes


def load() -> dict[str, Asset]:
    """The static files by their plain names, read once."""
    found = {}
    for name, media_type in _TYPES.items():
        content = (files(__package__) / "static" / name).read_bytes()
        stem, _, ending = name.rpartition(".")
        digest = hashlib.sha256(content).hexdigest()[:12]
        found[name] = Asset(f"/static/{stem}.{digest}.{ending}", media_type, content)
    return found


def route(assets: dict[str, Asset]) -> Route:
    """Serves them, and nothing else."""
    by_path = {asset.path: asset for asset in assets.values()}

    async def serve(request: Request) -> Response:
        asset = by_path.get(request.url.path)
        if asset is None:
            raise HTTPException(404)
        return Response(asset.content, media_type=asset.media_type, headers=_FOR_EVER)

    return Route("/static/{name}", serve, name="static")
