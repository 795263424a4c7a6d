"""One stack for all tests that leave it running, and its words for those that fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from end_to_end.backends.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def _one_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture
def stack(_one_stack: Stack) -> Iterator[Stack]:
    """A running stack that other tests use as well."""
    yield _one_stack
    print(_one_stack.said())  # noqa: T201 - pytest shows it if the test failed


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """A running stack whose parts the test may stop, kill and start."""
    with Stack(tmp_path / "stack") as running:
        yield running
        print(running.said())  # noqa: T201 - pytest shows it if the test failed
