"""Programs that a test starts, and may kill: ``python program.py NAME DIRECTORY``.

Each writes a line with a number to its standard output, unbuffered, after `append` returned True for that number.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from spanglass.journal import Journal, mapped, recover
from spanglass.model.entry import CallFacts, RequestEntry

if "JOURNAL_BY_CALLS" in os.environ:
    mapped.LEAST_BOUND = 1 << 62


def request(number: int, size: int, owner: str) -> RequestEntry:
    """An entry whose number is its start time."""
    facts = CallFacts("chat", number, owner)
    return RequestEntry("a" * 32, f"{number:016x}", facts, 1, "POST", "https://llm.test", number, body=b"x" * size)


def append(journal: Journal, number: int, size: int = 100) -> bool:
    """Appends, and says so when it is safe."""
    safe = journal.append(request(number, size, journal.owner))
    if safe:
        os.write(1, b"%d\n" % number)
    return safe


def loop(directory: Path) -> None:
    """Appends for ever, small and large, from two threads, and drains beside it into nowhere but a file."""
    journal = Journal(directory, max_bytes=1 << 40)
    base = int(sys.argv[3])

    def run(base: int) -> None:
        for number in range(base, base + 400_000):
            append(journal, number, (number % 10 == 0) * 150_000 + number % 500)

    for start in (base, base + 400_000):
        threading.Thread(target=run, args=(start,), daemon=True).start()
    with (directory.parent / "stored").open("ab", buffering=0) as stored:
        while True:
            journal.drain(lambda batch: put(stored.fileno(), batch))
            time.sleep(0.003)


def put(fd: int, batch: object) -> None:
    """A store that survives a kill: one line per entry, one write per batch."""
    os.write(fd, b"".join(b"%d\n" % entry.started_at for entry in batch))  # type: ignore[attr-defined]


def forks(directory: Path) -> None:
    """Parent, children and grandchildren append; some of them exit without a word."""
    journal = Journal(directory, max_bytes=1 << 30)
    append(journal, 0)
    owners = {journal.owner}
    for child in range(1, 5):
        if not os.fork():
            assert journal.owner not in owners
            append(journal, child * 100)
            if not os.fork():
                for number in range(child * 100 + 10, child * 100 + 20):
                    append(journal, number)
                os._exit(0)
            append(journal, child * 100 + 1)
            os.wait()
            if child % 2:
                os.kill(os.getpid(), signal.SIGKILL)
            os._exit(0)
        append(journal, child)
    for _ in range(4):
        os.wait()
    append(journal, 9)
    assert {journal.owner} == owners
    assert journal.append(request(10, 10, journal.owner))


def fork_while_threads_append(directory: Path) -> None:
    """Children of a program whose threads hold every lock at some time."""
    journal = Journal(directory, max_bytes=1 << 30)
    stop = threading.Event()

    def run(base: int) -> None:
        number = base
        while not stop.is_set():
            append(journal, number, 3_000)
            number += 1

    def drain() -> None:
        while not stop.is_set():
            with (directory.parent / "stored").open("ab", buffering=0) as stored:
                journal.drain(lambda batch: put(stored.fileno(), batch))

    threads = [threading.Thread(target=run, args=(base,)) for base in (1_000_000, 2_000_000)]
    threads.append(threading.Thread(target=drain))
    for thread in threads:
        thread.start()
    children = []
    for child in range(30):
        pid = os.fork()
        if not pid:
            for number in range(child * 10, child * 10 + 5):
                append(journal, number)
            os._exit(0)
        children.append(pid)
        time.sleep(0.003)
    statuses = [os.waitpid(pid, 0)[1] for pid in children]
    stop.set()
    for thread in threads:
        thread.join()
    assert statuses == [0] * 30, statuses


_journal: Journal


def _in_child(number: int) -> None:
    append(_journal if "_journal" in globals() else Journal(Path(sys.argv[2]), max_bytes=1 << 30), number)


def workers(directory: Path) -> None:
    """multiprocessing, by the start method that is given."""
    global _journal  # noqa: PLW0603 - a forked worker inherits it
    _journal = Journal(directory, max_bytes=1 << 30)
    append(_journal, 0)
    context: Any = multiprocessing.get_context(sys.argv[3])
    started = [context.Process(target=_in_child, args=(number,)) for number in range(1, 5)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    append(_journal, 5)


def limited(directory: Path) -> None:
    """A process that may only write small files."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    journal = Journal(directory, max_bytes=1 << 30)
    said = [append(journal, number, 7_000) for number in range(60)]
    assert all(said), said
    assert not append(journal, 1_000, 200_000)
    assert not append(journal, 1_001, 10)
    time.sleep(1.1)
    assert append(journal, 60, 10)
    assert journal.dropped == {"disk": 2}, journal.dropped


def full(directory: Path) -> None:
    """A process on a disk that is full for a while."""
    journal = Journal(directory, max_bytes=1 << 30)
    number = 0
    while append(journal, number, 50_000):
        number += 1
    assert journal.dropped == {"disk": 1}, journal.dropped
    stored: list[int] = []
    recover(directory, lambda batch: stored.extend(entry.started_at for entry in batch))  # type: ignore[union-attr]
    assert stored == list(range(number)), stored
    for path in directory.parent.glob("ballast"):
        path.unlink()
    time.sleep(1.1)
    assert append(journal, 1_000_000, 50_000)


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
