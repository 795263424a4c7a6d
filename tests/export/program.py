"""Programs with a drain of their own: ``python program.py NAME DIRECTORY``.

What should be stored is printed in the end; what is stored is in the file ``stored``, sorted by the last to run.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from journal.made import numbers, request
from spanglass.export.drain import Drain
from spanglass.journal import Journal, recover

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.model.entry import Entry
    from spanglass.store import Store

DIRECTORY = Path(sys.argv[2])


class Lines:
    """A store of one line per entry, which knows the process that opened it."""

    def __init__(self) -> None:
        self.pid = os.getpid()

    def put_many(self, entries: Sequence[Entry]) -> None:
        """Appends, in one write."""
        assert self.pid == os.getpid()
        with (DIRECTORY / "stored").open("ab", buffering=0) as file:
            file.write(b"".join(b"%d\n" % number for number in numbers(entries)))

    def close(self) -> None:
        """By the process that opened it only."""

    def __del__(self) -> None:
        if self.pid != os.getpid():
            os.write(2, b"a child has finalised its parent's store\n")


def begin() -> tuple[Journal, Drain]:
    """A journal and its drain."""
    journal = Journal(DIRECTORY / "journal", max_bytes=1 << 30)
    return journal, Drain(journal, lambda: cast("Store", Lines()), prune=None, interval_s=0.01)


def finish(expected: list[int]) -> None:
    """Moves what is left, sorts what was stored, and says what it should be."""
    recover(DIRECTORY / "journal", Lines().put_many)
    path = DIRECTORY / "stored"
    path.write_text("\n".join(sorted(path.read_text().split(), key=int)))
    print(*expected, sep="\n", flush=True)  # noqa: T201 - what the test reads


def forks() -> None:
    """Children drain on their own, and never touch what is their parent's."""
    journal, drain = begin()
    journal.append(request(0))
    drain.start_soon()
    while journal.pending_bytes:
        time.sleep(0.005)
    block = threading.Event()
    drain.call_soon(lambda: block.wait(60))
    drain.call_soon(lambda: journal.append(request(1)))  # waits in the parent: not the child's to do
    children = []
    for child in (10, 20, 30):
        pid = os.fork()
        if not pid:
            for number in range(child, child + 5):
                journal.append(request(number))
                drain.start_soon()
            assert drain.flush(60)
            drain.close(60)
            sys.exit(0)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    block.set()
    drain.close(60)
    finish([0, 1, *(child + n for child in (10, 20, 30) for n in range(5))])


def at_exit() -> None:
    """What is appended up to the end is moved by a hook that runs at exit."""
    journal, drain = begin()
    atexit.register(finish, list(range(50)))
    atexit.register(drain.close, 60)
    for number in range(50):
        journal.append(request(number))
        drain.start_soon()


def only_at_exit() -> None:
    """The first append comes when no thread can be started any more."""
    journal, drain = begin()
    atexit.register(finish, [1, 2])
    atexit.register(drain.close, 60)
    atexit.register(drain.call_soon, lambda: None)
    atexit.register(drain.start_soon)
    atexit.register(journal.append, request(2))
    atexit.register(journal.append, request(1))


def daemon_in_mid_work() -> None:
    """The interpreter ends while the thread is at work; nothing is printed and nothing hangs."""
    journal, drain = begin()
    journal.append(request(1))
    assert drain.flush(60)
    finish([1])
    drain.call_soon(lambda: time.sleep(60))
    atexit.register(drain.close, 0.05)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
