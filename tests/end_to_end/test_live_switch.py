"""A workflow is switched on and off in a program that runs on, while everything else is off."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

from end_to_end.program import API_KEY, BIN, OPENING, Finished

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fake_provider import FakeProvider

pytestmark = pytest.mark.slow
PROGRAM = (
    OPENING
    + """
import spanglass
spanglass.install()

for number in sys.stdin:
    for name in ("patents", "invoices"):
        with spanglass.workflow(name, id=f"{name}-{number.strip()}"), spanglass.step("claims"):
            ask(f"{name} {number.strip()}")
            say(name, spanglass.enabled(), spanglass.enabled_for(name))
"""
)


class Seen(NamedTuple):
    """Whether the program says that a workflow's calls are captured: here and now, and by name."""

    here: str
    by_name: str


class Program(NamedTuple):
    """A program that works through one line after another."""

    process: subprocess.Popen[str]

    def work(self, number: int) -> dict[str, Seen]:
        """Has it run both workflows once."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{number}\n")
        stdin.flush()
        lines = [stdout.readline().removeprefix("app: ").split() for _ in range(2)]
        return {name: Seen(here, by_name) for name, here, by_name in lines}

    def work_until(self, patents: str, first: int) -> int:
        """Has it work on until it says so of the workflow ``patents``; gives the number at which it did."""
        end = time.monotonic() + 60
        number = first
        while self.work(number)["patents"] != Seen(patents, patents):
            number += 1
            assert time.monotonic() < end
        return number


@contextmanager
def running(provider: FakeProvider, state_dir: Path) -> Iterator[Program]:
    command = [sys.executable, "-c", PROGRAM]
    environ = {
        "PATH": str(BIN),
        "OPENAI_API_KEY": API_KEY,
        "OPENAI_BASE_URL": f"{provider.url}/v1",
        "SPANGLASS_STATE_DIR": str(state_dir),
    }
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Program(process)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(60) == 0
        finally:
            process.kill()


def captured(state_dir: Path) -> list[str | None]:
    """The workflows of which calls are recorded, as another process finds them."""
    return [record.workflow_id for record in Finished(0, "", "", state_dir).records()]


def test_one_workflow_is_switched_on_and_off_again_without_a_restart(provider: FakeProvider, tmp_path: Path) -> None:
    off, on = Seen("False", "False"), Seen("True", "True")
    with running(provider, tmp_path) as program:
        assert program.work(0) == {"patents": off, "invoices": off}
        assert captured(tmp_path) == []

        (tmp_path / "debug-workflows").write_text("# the lost claim\npatents\n", encoding="utf-8")
        switched = program.work_until("True", 1)
        assert program.work(switched + 1) == {"patents": on, "invoices": off}
        assert captured(tmp_path)[-1] == f"patents-{switched + 1}"

        (tmp_path / "debug-workflows").unlink()
        last = program.work_until("False", switched + 2) + 1
        assert program.work(last) == {"patents": off, "invoices": off}

    numbers = [int(str(workflow).removeprefix("patents-")) for workflow in captured(tmp_path)]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert 0 < numbers[0] <= switched + 1 <= numbers[-1] < last
