"""What generation is tested with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from generation.made import OPEN

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _closed_clients() -> Iterator[None]:
    """Leaves no connection behind, which another test would be warned of when it is collected."""
    yield
    while OPEN:
        OPEN.pop().close()
