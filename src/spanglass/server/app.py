"""The application on the first port: JSON API, viewer, health.

Invariant: it writes nothing but what the journals of this machine hold, and every endpoint that reads does so in a
thread, so that the event loop answers health checks whatever the store does.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from spanglass.errors import StoreMissing
from spanglass.server import fault
from spanglass.server.api import Api
from spanglass.server.gate import Gate
from spanglass.server.health import healthz, metrics_route, readiness
from spanglass.server.login import login_route
from spanglass.server.metrics import Metrics
from spanglass.server.readers import Readers

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
        *([login_route(config.token)] if config.token else []),
    ]
    if find_spec("spanglass.server.viewer") is not None:
        viewer = import_module("spanglass.server.viewer")
        routes += viewer.routes(readers, jaeger_url=config.jaeger_url)
    return Starlette(
        routes=routes,
        middleware=[Middleware(Gate, token=config.token, host=config.host, login=True)],
        exception_handlers=fault.HANDLERS,
        lifespan=lifespan,
    )


def _check(readers: Readers) -> None:
    """Whether calls can be read; that none was recorded yet is no fault."""
    with suppress(StoreMissing):
        readers().find(limit=1)
