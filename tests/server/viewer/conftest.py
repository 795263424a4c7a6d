"""One viewer for all tests, over a store with calls of every kind, served as it is served to users."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import httpx
import pytest

from read.made import settings_in
from server.viewer.scene import store_scene
from spanglass.server.config import ServerConfig
from spanglass.server.run import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

JAEGER = "http://jaeger.test:16686"


@pytest.fixture(scope="session")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The viewer's address."""
    directory = tmp_path_factory.mktemp("viewer")
    settings = settings_in(directory)
    store_scene(settings)
    with serving(ServerConfig(settings, port=0, otlp_port=0, jaeger_url=f"{JAEGER}/")) as address:
        yield address.viewer
    shutil.rmtree(directory)


@pytest.fixture
def client(viewer: str) -> Iterator[httpx.Client]:
    """What asks it; redirects are the test's own business."""
    with httpx.Client(base_url=viewer, timeout=30) as client:
        yield client
