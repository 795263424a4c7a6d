"""Every store that there is, opened empty; and opened again on what it holds."""

from __future__ import annotations

import uuid
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from spanglass.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from spanglass.store import Store


@pytest.fixture(params=["sqlite", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place of each kind."""
    if request.param == "memory":
        return f"memory://{uuid.uuid4().hex}"
    return f"sqlite:///{(tmp_path / 'state' / 'spanglass.db').as_posix()}"


@pytest.fixture
def reopen(url: str) -> Iterator[Callable[[], Store]]:
    """Opens one more store on the same url."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(open_store(url)))


@pytest.fixture
def store(reopen: Callable[[], Store]) -> Store:
    return reopen()
