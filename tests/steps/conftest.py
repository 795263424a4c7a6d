"""The tests of steps all need an installation that is switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from capture.watch import Watch


@pytest.fixture
def watch(watch: Watch) -> Watch:
    """An installation, switched on."""
    watch.install()
    return watch
