"""One provider for all programs of a test process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fake_provider import FakeProvider

if TYPE_CHECKING:
    from collections.abc import Iterator


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
