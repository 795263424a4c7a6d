"""A sidecar that really listens, on free ports of this machine, with a state directory of the test's."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest

from read.made import settings_in
from server.made import JSON, encoded
from spanglass.server.config import ServerConfig
from spanglass.server.run import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from spanglass.server.run import Address
    from spanglass.settings import Settings


class Sidecar(NamedTuple):
    """A running sidecar, and what asks it."""

    address: Address
    settings: Settings
    http: httpx.Client

    def get(self, path: str, **more: Any) -> httpx.Response:
        """An answer of the first port."""
        return self.http.get(f"{self.address.viewer}{path}", **more)

    def post(self, path: str, body: bytes, headers: Mapping[str, str] = JSON) -> httpx.Response:
        """An answer of the second."""
        return self.http.post(f"{self.address.otlp}{path}", content=body, headers=dict(headers))

    def send(self, request: dict[str, Any], headers: Mapping[str, str] = JSON) -> httpx.Response:
        """The answer to an OTLP request."""
        path = "/v1/traces" if "resourceSpans" in request else "/v1/logs"
        return self.post(path, encoded(request, headers), headers)

    def record(self, ref: str) -> dict[str, Any]:
        """A record, as the API gives it."""
        answer = self.get(f"/api/spans/{ref}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def running(settings: Settings, **config: Any) -> Iterator[Sidecar]:
    """A sidecar for as long as the block lasts."""
    with serving(ServerConfig(settings, port=0, otlp_port=0, **config)) as address, httpx.Client(timeout=30) as http:
        yield Sidecar(address, settings, http)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "state")


@pytest.fixture
def start(settings: Settings) -> Iterator[Callable[..., Sidecar]]:
    """Starts a sidecar with what a test says."""
    with ExitStack() as stack:

        def begin(**config: Any) -> Sidecar:
            block: AbstractContextManager[Sidecar] = running(settings, **config)
            return stack.enter_context(block)

        yield begin


@pytest.fixture
def sidecar(start: Callable[..., Sidecar]) -> Sidecar:
    return start()
