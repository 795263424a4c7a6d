"""Two servers in one process, from the first socket to the last answer.

Invariant: both sockets are bound before anything is served, so a port in use is said in one line; when it is told to
stop, requests that were begun are answered, within bounds, and the stores are closed.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

import uvicorn

from spanglass.errors import ConfigurationError
from spanglass.server.app import create_app
from spanglass.server.metrics import Metrics
from spanglass.server.otlp import create_otlp_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

    from spanglass.server.config import ServerConfig

_GRACE_S = 20
_MOST_CONNECTIONS = 512


class Address(NamedTuple):
    """Where a sidecar listens, as urls."""

    viewer: str
    otlp: str


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs several, and tells when it has started."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="on",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=_MOST_CONNECTIONS,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(config: ServerConfig, ready: Callable[[Address], None]) -> None:
    """Serves until SIGTERM or SIGINT; then ends what was begun, within bounds, and returns. For the main thread.

    Args:
        config: where to listen, and what to serve.
        ready: called once both ports answer.

    Raises:
        ConfigurationError: an address that cannot be listened at.
    """

    async def main() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set)) for number in numbers}
        try:
            await _serve(config, ready, stop)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    asyncio.run(main())


@contextmanager
def serving(config: ServerConfig) -> Iterator[Address]:
    """A sidecar in a thread of this process, for as long as the block lasts.

    Args:
        config: where to listen, and what to serve.

    Raises:
        ConfigurationError: an address that cannot be listened at.
    """
    address: Future[Address] = Future()
    stopper: list[Callable[[], object]] = []

    async def main() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        stopper.append(lambda: loop.call_soon_threadsafe(stop.set))
        await _serve(config, address.set_result, stop)

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as fault:
            if address.done():
                raise
            address.set_exception(fault)

    thread = threading.Thread(target=run, name="spanglass-server", daemon=True)
    thread.start()
    try:
        yield address.result()
    finally:
        with suppress(RuntimeError):  # it has ended already, and its loop is closed
            stopper[0]()
        thread.join()


async def _serve(config: ServerConfig, ready: Callable[[Address], None], stop: asyncio.Event) -> None:
    with ExitStack() as stack:
        front = stack.enter_context(_bind(config.host, config.port, "--port"))
        back = stack.enter_context(_bind(config.host, config.otlp_port, "--otlp-port"))
        metrics = Metrics()
        servers = {_Server(create_app(config, metrics)): front, _Server(create_otlp_app(config, metrics)): back}
        running = [asyncio.create_task(server.serve([at])) for server, at in servers.items()]
        for server in servers:
            await server.up.wait()
        ready(Address(_url(front), _url(back)))
        asked = asyncio.create_task(stop.wait())
        await asyncio.wait([asked, *running], return_when=asyncio.FIRST_COMPLETED)
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*running)
        asked.cancel()


def _bind(host: str, port: int, option: str) -> socket.socket:
    name = host.strip("[]")
    try:
        family = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((name, port))
            bound.listen()
        except OSError:
            bound.close()
            raise
    except OSError as why:
        reason = why.strerror or str(why)
        message = f"cannot listen at {host}:{port}: {reason}; stop what listens there, or choose another {option}"
        raise ConfigurationError(message) from why
    return bound


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
