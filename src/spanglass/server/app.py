"""The application on the first port: JSON API, viewer, health.

Invariant: it writes nothing but what the journals of this machine hold, and every endpoint that reads does so in a
thread, so that the event loop answers health checks whatever the store does.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from spanglass.server import fault
from spanglass.server.api import Api
from spanglass.server.gate import Gate
from spanglass.server.readers import Readers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from spanglass.server.config import ServerConfig


def create_app(config: ServerConfig) -> Starlette:
    """The API and the viewer as an ASGI application; `spanglass.server.otlp.create_otlp_app` is its counterpart."""
    readers = Readers(config.settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            readers.close()

    routes: list[BaseRoute] = [Route("/healthz", _healthz), *Api(readers).routes()]
    if find_spec("spanglass.server.viewer") is not None:
        viewer = import_module("spanglass.server.viewer")
        routes += viewer.routes(readers, jaeger_url=config.jaeger_url)
    return Starlette(
        routes=routes,
        middleware=[Middleware(Gate, token=config.token, host=config.host, login=True)],
        exception_handlers=fault.HANDLERS,
        lifespan=lifespan,
    )


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok\n")
