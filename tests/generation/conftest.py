"""One provider for all of a process, one installation for each test, and what the model says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import spanglass
from capture.watch import Watch
from fake_provider import Answer, FakeProvider
from fake_provider.openai_wire import Reply, chat_completion

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


def says(text: str, *calls: tuple[str, str], reasoning: str | None = None) -> Answer:
    """A chat completion with these words, and these tool calls."""
    body: dict[str, Any] = chat_completion(Reply("seed", "m-1", text, calls))
    if reasoning is not None:
        body["choices"][0]["message"]["reasoning_content"] = reasoning
    return Answer.json(body)
