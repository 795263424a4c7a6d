"""The application on the second port: OTLP over HTTP.

Invariant: 200 is answered only when the store has everything that was not rejected by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from spanglass.server import fault
from spanglass.server.gate import Gate

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from spanglass.server.config import ServerConfig


def create_otlp_app(config: ServerConfig) -> Starlette:
    """OTLP in, as an ASGI application."""
    return Starlette(
        routes=[Route("/healthz", _healthz)],
        middleware=[Middleware(Gate, token=config.token, host=config.host)],
        exception_handlers=fault.HANDLERS,
    )


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok\n")
