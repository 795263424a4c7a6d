"""Whether the sidecar lives, whether it can do its work, and what it has done.

Invariant: `healthz` answers as long as the event loop turns; readiness is found out in a thread, and within a bound.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from anyio import to_thread
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from spanglass.errors import SpanglassError
from spanglass.server.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from spanglass.server.metrics import Metrics

_READY_S = 10.0


async def healthz(_: Request) -> Response:
    """It lives."""
    return PlainTextResponse("ok\n")


def readiness(check: Callable[[], object]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that answers 200 when ``check`` returns, and 503 with the reason when it raises or takes too long."""

    async def readyz(_: Request) -> Response:
        try:
            await asyncio.wait_for(to_thread.run_sync(check, abandon_on_cancel=True), _READY_S)
        except SpanglassError as why:
            return PlainTextResponse(f"{why}\n", 503)
        except asyncio.TimeoutError:
            return PlainTextResponse(f"the store does not answer within {_READY_S:g} s\n", 503)
        return PlainTextResponse("ready\n")

    return readyz


def metrics_route(metrics: Metrics) -> Route:
    """The endpoint for Prometheus."""

    async def endpoint(_: Request) -> Response:
        return PlainTextResponse(metrics.render(), media_type=CONTENT_TYPE)

    return Route("/metrics", endpoint)
