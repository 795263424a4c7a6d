from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from spanglass.journal.lock import FileLock

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.lock"


def taken(path: Path) -> FileLock:
    lock = FileLock.take(path, create=True)
    assert lock is not None
    return lock


def test_only_one_holds_a_lock_even_within_a_process(path: Path) -> None:
    with taken(path):
        assert FileLock.take(path) is None
        assert FileLock.take(path, wait_s=0.01) is None
    taken(path).release()


def test_releasing_twice_does_nothing_the_second_time(path: Path) -> None:
    lock = taken(path)
    lock.release()
    with path.open("rb") as other:  # likely to get the same descriptor number
        lock.release()
        assert other.read() == b""


def test_a_missing_file_is_only_made_on_request(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileLock.take(path)
    taken(path).release()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_replaced_while_waiting_is_locked_by_its_new_name(path: Path) -> None:
    first = taken(path)
    first.remove()
    second = taken(path)
    assert second.has_name()
    path.unlink()
    assert not second.has_name()
    second.release()


def test_removing_frees_the_name_and_the_lock(path: Path) -> None:
    taken(path).remove()
    assert not path.exists()
    taken(path).release()


def test_a_directory_cannot_be_locked(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory"):
        FileLock.take(tmp_path)


CHILD_LEAVES_IT = """
import os, sys
from pathlib import Path
from spanglass.journal.lock import FileLock
path = Path(sys.argv[1])
lock = FileLock.take(path, create=True)
child = os.fork()
if not child:
    lock.release()  # in the child this must not free the parent's lock
    os._exit(0 if FileLock.take(path) is None else 1)
status = os.waitpid(child, 0)[1]
assert status == 0, status
assert FileLock.take(path) is None
grandchild = os.fork()
if not grandchild:
    sys.stdin.read()  # outlives its parent
    os._exit(0)
os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_neither_frees_nor_keeps_its_parents_lock(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD_LEAVES_IT, str(path)], stdin=subprocess.PIPE) as program:
        assert program.wait() == -9
        # The grandchild still runs; once it has come to itself it holds nothing.
        lock = FileLock.take(path, wait_s=30)
        assert lock is not None
        lock.release()
