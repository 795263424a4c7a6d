"""What becomes of entries when processes fork, are killed, or meet the limits of the machine."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from journal.made import exits, numbers
from spanglass.journal import recover

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanglass.model.entry import Entry

PROGRAM = Path(__file__).with_name("program.py")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def run(name: str, directory: Path, *arguments: str) -> list[int]:
    """Runs a program to its end; which numbers it was told are safe."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", str(PROGRAM), name, str(directory), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.split()]


def recovered(directory: Path) -> list[Entry]:
    found: list[Entry] = []
    recover(directory, found.extend)
    return found


def test_forty_kills_in_mid_append_lose_nothing_that_was_said_to_be_safe(directory: Path, tmp_path: Path) -> None:
    chance = random.Random(3)  # noqa: S311 - moments to kill at
    safe: list[int] = []
    found: list[Entry] = []
    torn = 0
    for kill in range(40):
        command = [sys.executable, str(PROGRAM), "loop", str(directory), str(kill * 1_000_000)]
        output = tmp_path / "safe"
        with output.open("wb") as file, subprocess.Popen(command, stdout=file) as program:
            until = time.monotonic() + 60
            while output.stat().st_size < chance.randrange(1, 3_000):
                assert program.poll() is None
                assert time.monotonic() < until
                time.sleep(0.001)
            program.send_signal(signal.SIGKILL)
        # Lines are whole: each is one small write. The last number may be missing here though its entry was appended.
        safe += [int(line) for line in output.read_bytes().split(b"\n")[:-1]]
        recovery = recover(directory, found.extend)
        torn += recovery.torn_bytes > 0
        assert len(recovery.owners_gone) == 1
        assert (recovery.damaged_bytes, recovery.dead_letters, recovery.left) == (0, 0, {})
        assert list(directory.iterdir()) == []
    stored = {int(line) for line in (tmp_path / "stored").read_bytes().split()} | set(numbers(found))
    assert len(safe) > 1_000
    assert set(safe) <= stored
    assert len(stored - set(safe)) <= 40 * 2  # appended, and killed before it could say so
    assert len(exits(found)) == 40


def test_children_have_journals_of_their_own(directory: Path) -> None:
    safe = run("forks", directory)
    found = recovered(directory)
    expected = [0, 1, 2, 3, 4, 9, 10]
    for child in (100, 200, 300, 400):
        expected += [child, child + 1, *range(child + 10, child + 20)]
    assert sorted(numbers(found)) == sorted([*safe, 10]) == sorted(expected)
    assert len(exits(found)) == 1 + 4 + 4
    assert list(directory.iterdir()) == []


def test_a_fork_beside_busy_threads_leaves_child_and_parent_sound(directory: Path, tmp_path: Path) -> None:
    safe = run("fork_while_threads_append", directory)
    found = recovered(directory)
    stored = {int(line) for line in (tmp_path / "stored").read_bytes().split()} | set(numbers(found))
    assert stored == set(safe)
    assert {child * 10 + n for child in range(30) for n in range(5)} <= stored
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_have_journals_of_their_own(directory: Path, method: str) -> None:
    assert sorted(run("workers", directory, method)) == [0, 1, 2, 3, 4, 5]
    found = recovered(directory)
    assert sorted(numbers(found)) == [0, 1, 2, 3, 4, 5]
    assert len(exits(found)) == 5


def test_a_limit_of_file_sizes_makes_more_segments_and_drops_only_what_is_larger(directory: Path) -> None:
    safe = run("limited", directory)
    assert safe == list(range(61))
    assert numbers(recovered(directory)) == safe


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)],  # noqa: S607 - wherever mount is
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)  # noqa: S607 - wherever umount is


def test_a_full_disk_drops_entries_and_keeps_what_was_safe(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(b"x" * 500_000)
    safe = run("full", small_disk / "journal")
    assert 20 < len(safe) < 40
    assert numbers(recovered(small_disk / "journal")) == [1_000_000]
