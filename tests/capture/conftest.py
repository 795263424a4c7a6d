"""Fixtures of the capture tests: one provider for all of a process, one installation for each test."""

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
    """An installation that the test switches on when it wants to."""
    made = Watch(tmp_path / "state")
    yield made
    spanglass.uninstall()
    made.provider.shutdown()
