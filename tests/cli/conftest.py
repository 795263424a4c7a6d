"""The command, in this process and as a process of its own, on a state directory of the test's."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from read.made import settings_in
from spanglass.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from spanglass.settings import Settings

_HINTS = ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "SPANGLASS_STORE", "SPANGLASS_ENABLED")


class Ended(NamedTuple):
    """What a command ended with, and said."""

    code: int
    out: str
    err: str


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that every command of the test finds in its environment."""
    for name in _HINTS:
        monkeypatch.delenv(name, raising=False)
        os.unsetenv(name)  # readline, which pytest imports, sets COLUMNS where `os.environ` does not see it
    found = settings_in(tmp_path / "state")
    monkeypatch.setenv("SPANGLASS_STATE_DIR", str(found.state_dir))
    return found


@pytest.fixture
def command(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs a command in this process."""

    def run(*arguments: str) -> Ended:
        code = main(arguments)
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture
def process(settings: Settings) -> Callable[..., Ended]:
    """Runs a command as a process of its own; ``environ`` is on top of this one's."""

    def run(*arguments: str, **environ: str) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "spanglass", *arguments],
            env={**os.environ, **environ},
            capture_output=True,
            check=False,
            timeout=60,
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run
