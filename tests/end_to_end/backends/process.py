"""A program of the stack: started, awaited, killed and started again, with everything it says kept.

Invariant: whatever happens to the test, nothing of it outlives the test.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[3]
_REQUIRED = os.environ.get("BACKENDS_BIN")
_START_S = 60
_STOP_S = 30
_PAUSE_S = 0.05


def find_program(name: str) -> str:
    """The path of ``jaeger`` or ``otelcol``; without one the test is skipped, or fails where CI asks for it."""
    if _REQUIRED:
        found = shutil.which(name, path=_REQUIRED)
        assert found, f"BACKENDS_BIN={_REQUIRED!r} has no program {name!r}; run: make backends"
        return found
    found = shutil.which(name, path=str(ROOT / ".backends" / "bin")) or shutil.which(name)
    if found is None:
        pytest.skip(f"there is no program {name!r}; run: make backends")
    return found


def until(condition: Callable[[], T | None], what: str | Callable[[], str], timeout_s: float = 60.0) -> T:
    """Asks again until there is an answer to ``what``, which is put in words only where there is none.

    Raises:
        AssertionError: there was none in time.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        with suppress(httpx.TransportError):
            found = condition()
            if found:
                return found
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what() if callable(what) else what}"
        time.sleep(_PAUSE_S)  # what is asked is another process, and says nothing by itself


class Process:
    """One program.

    Args:
        name: for messages.
        command: what is run.
        environ: its whole environment.
        health: the url that answers 200 once it works.
        log: the file that gets what it says, of all its lives.
    """

    def __init__(
        self, name: str, command: Sequence[str], environ: Mapping[str, str], *, health: str, log: Path
    ) -> None:
        self.name = name
        self._command = list(command)
        self._environ = {"PATH": os.environ.get("PATH", ""), "HOME": str(log.parent), **environ}
        self._health = health
        self._log = log
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, and returns when it works."""
        with self._log.open("ab") as log:
            self._running = subprocess.Popen(
                self._command, env=self._environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self._log.parent
            )
        until(self._is_healthy, f"{self.name} works\n{self.said()}", _START_S)

    def stop(self) -> None:
        """Asks it to end, and waits for it."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it as a crash of the machine would, without a chance to say goodbye."""
        self._end(signal.SIGKILL)

    def output(self) -> str:
        """All that it said, in all of its lives."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def said(self, most: int = 8_000) -> str:
        """The end of what it said, without what it says on every good day."""
        lines = [line for line in self.output().splitlines() if "\tinfo\t" not in line]
        return f"--- {self.name} ({self._log})\n" + "\n".join(lines)[-most:]

    def _is_healthy(self) -> bool:
        assert self._running is not None
        code = self._running.poll()
        assert code is None, f"{self.name} ended with {code}\n{self.said()}"
        return httpx.get(self._health, timeout=5).status_code == httpx.codes.OK

    def _end(self, number: signal.Signals) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        running.send_signal(number)
        try:
            running.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait(_STOP_S)


BIN = Path(sys.executable).parent
