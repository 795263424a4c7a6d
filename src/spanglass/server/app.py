"""The application on the first port: JSON API, viewer, health.

Invariant: it writes nothing but what the journals of this machine hold, and every endpoint that reads does so in a
thread, so that the event loop answers health checks whatever the store does.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from spanglass.errors import StoreMissing
from spanglass.server import fault, viewer
from spanglass.server.api import Api
from spanglass.server.gate import Gate
from spanglass.server.health import healthz, metrics_route, readiness
from spanglass.server.login import PATH as LOGIN
from spanglass.server.login import login_route
from spanglass.server.metrics import Metrics
from spanglass.server.readers import Readers
from spanglass.server.viewer.page import Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.routing import BaseRoute

    from spanglass.server.config import ServerConfig


def create_app(config: ServerConfig, metrics: Metrics | None = None) -> Starlette:
    """The API and the viewer as an ASGI application; `spanglass.server.otlp.create_otlp_app` is its counterpart.

    Args:
        config: what is served, and to whom.
        metrics: what ``/metrics`` shows; of its own if None.
    """
    readers = Readers(config.settings)
    site = Site(readers, config.jaeger_url)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            readers.close()

    routes: list[BaseRoute] = [
        Route("/healthz", healthz),
        Route("/readyz", readiness(lambda: _check(readers))),
        metrics_route(metrics or Metrics()),
        *Api(readers).routes(),
        *([login_route(site, config.token)] if config.token else []),
        *viewer.routes(site),
    ]
    login = (LOGIN, *(asset.path for asset in site.assets.values()))
    return Starlette(
        routes=routes,
        middleware=[Middleware(Gate, token=config.token, host=config.host, login=login)],
        exception_handlers=fault.HANDLERS,
        lifespan=lifespan,
    )


def _check(readers: Readers) -> None:
    """Whether calls can be read; that none was recorded yet is no fault."""
    with suppress(StoreMissing):
        readers().find(limit=1)
