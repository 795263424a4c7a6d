"""One provider for all programs of a test process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fake_provider import FakeProvider

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    """A provider without script and exchanges."""
    with FakeProvider() as running:
        yield running
