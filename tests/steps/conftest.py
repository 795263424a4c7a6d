"""Fixtures of the tests of steps: an installation that the test switches on, and a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import spanglass
from capture.watch import Watch
from fake_provider import FakeProvider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def _one_provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


@pytest.fixture
def provider(_one_provider: FakeProvider) -> Iterator[FakeProvider]:
    """A provider without script and exchanges."""
    _one_provider.reset()
    yield _one_provider
    _one_provider.reset()


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    """An installation, switched on."""
    made = Watch(tmp_path / "state")
    made.install()
    yield made
    spanglass.uninstall()
    made.provider.shutdown()
