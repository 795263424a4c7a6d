"""What all tests share: faults of ours are raised, and nothing of the machine's own set-up gets in.

Here is also what several rooms test with: one provider for all of a process, one installation for each test.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

import spanglass
from capture.watch import Watch
from fake_provider import FakeProvider
from spanglass import guard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FOREIGN = ("SPANGLASS_", "OTEL_", "OPENAI_", "ANTHROPIC_")
_KEPT = "SPANGLASS_RECORDINGS"


@pytest.fixture(scope="session", autouse=True)
def _clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(_FOREIGN) and name != _KEPT:
                patch.delenv(name)
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """A shell that runs this in the background has it ignore Ctrl-C, and with it every program that a test starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _raise_our_own_faults(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A bug of ours fails the test that meets it, instead of hiding behind the boundary."""
    guard.reset()
    monkeypatch.setattr(guard, "reraise", True)
    yield
    faults, reraised = guard.faults(), guard.reraise
    guard.reset()
    assert not (reraised and faults), f"faults of ours while the test ran: {faults}"


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
def watch(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Watch]:
    """An installation that the test switches on when it wants to; its parameter is whether its provider batches."""
    made = Watch(tmp_path / "state", batches=getattr(request, "param", False))
    yield made
    spanglass.uninstall()
    made.provider.shutdown()
