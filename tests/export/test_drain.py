from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from journal.made import exits, journal_in, numbers, request
from spanglass import guard
from spanglass.errors import StoreBusy
from spanglass.export import drain as draining
from spanglass.export.drain import Drain
from spanglass.export.lull import Lull
from spanglass.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from spanglass.journal import Journal
    from spanglass.model.entry import Entry
    from spanglass.store import Store

PROGRAM = Path(__file__).with_name("program.py")


class Shelf:
    """A store that keeps entries as they came, and fails for as long as it is told to."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.threads: set[str] = set()
        self.opened = 0
        self.closed = 0
        self.fails: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def open(self) -> Store:
        self.opened += 1
        if isinstance(self.fails, ConnectionError):
            raise self.fails
        return cast("Store", self)

    def put_many(self, entries: Sequence[Entry]) -> None:
        self.threads.add(threading.current_thread().name)
        self.gate.wait(60)
        if self.fails is not None:
            raise self.fails
        self.entries += entries

    def close(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.closed += 1


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return journal_in(tmp_path / "journal")


@pytest.fixture
def drain(journal: Journal, shelf: Shelf) -> Iterator[Drain]:
    drain = Drain(journal, shelf.open, prune=None, interval_s=0.01)
    yield drain
    shelf.fails = None
    shelf.gate.set()
    drain.close(60)


def soon(what: Callable[[], Any]) -> None:
    """Waits until something holds."""
    until = time.monotonic() + 60
    while not what():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_what_is_appended_reaches_the_store_by_itself(journal: Journal, shelf: Shelf, drain: Drain) -> None:
    for number in range(5):
        journal.append(request(number))
        drain.start_soon()
    soon(lambda: numbers(shelf.entries) == [0, 1, 2, 3, 4])
    assert shelf.threads == {"spanglass-drain"}
    assert drain._thread is not None
    assert (drain._thread.name, drain._thread.daemon) == ("spanglass-drain", True)


def test_it_wakes_again_after_it_had_nothing_to_do(journal: Journal, shelf: Shelf, drain: Drain) -> None:
    for number in range(20):
        journal.append(request(number))
        drain.start_soon()
        soon(lambda: numbers(shelf.entries) == list(range(number + 1)))  # noqa: B023 - it is called before the next round
        if number % 2:
            soon(lambda: not drain.awake)
    assert numbers(shelf.entries) == list(range(20))


def test_no_append_is_missed_by_a_thread_that_is_just_falling_asleep(
    journal: Journal, shelf: Shelf, drain: Drain
) -> None:
    for number in range(300):
        journal.append(request(number))
        drain.start_soon()
        time.sleep(number % 13 / 1000)
    soon(lambda: numbers(shelf.entries) == list(range(300)))


def test_nothing_is_started_or_opened_for_nothing(shelf: Shelf, drain: Drain) -> None:
    assert drain.flush(1)
    drain.close(1)
    assert drain._thread is None
    assert shelf.opened == 0


def test_flush_runs_the_work_before_it_and_empties_the_journal(journal: Journal, shelf: Shelf, drain: Drain) -> None:
    drain._interval_s = 1000
    for number in range(10):
        drain.call_soon(partial(journal.append, request(number)))
    assert drain.flush(60)
    assert numbers(shelf.entries) == list(range(10))
    assert journal.pending_bytes == 0


def test_a_chore_is_done_although_the_journal_is_empty(journal: Journal, shelf: Shelf) -> None:
    left = [1]
    drain = Drain(journal, shelf.open, chore=lambda _pause: left.clear(), has_chore=lambda: bool(left), interval_s=0.01)
    assert drain.flush(10)
    assert left == []
    left.append(2)
    drain.start_soon()
    until = time.monotonic() + 10
    while left:
        assert time.monotonic() < until
        time.sleep(0.002)
    drain.close(10)


def test_flush_gives_up_in_time_and_says_so(journal: Journal, shelf: Shelf, drain: Drain) -> None:
    shelf.gate.clear()
    journal.append(request(1))
    assert not drain.flush(0.05)
    shelf.gate.set()
    assert drain.flush(60)


def test_close_ends_the_journal_the_store_and_the_thread(
    journal: Journal, shelf: Shelf, drain: Drain, tmp_path: Path
) -> None:
    owner = journal.owner
    journal.append(request(1))
    drain.call_soon(lambda: journal.append(request(2)))
    thread = drain._thread
    assert thread is not None
    drain.close(60)
    assert (numbers(shelf.entries), exits(shelf.entries), shelf.closed) == ([1, 2], [owner], 1)
    assert list((tmp_path / "journal").iterdir()) == []
    soon(lambda: not thread.is_alive())


def test_it_starts_again_after_close(journal: Journal, shelf: Shelf, drain: Drain) -> None:
    journal.append(request(1))
    drain.close(60)
    journal.append(request(2))
    drain.start_soon()
    soon(lambda: numbers(shelf.entries) == [1, 2])


def test_close_gives_up_in_time_and_leaves_what_it_could_not_move(
    journal: Journal, shelf: Shelf, drain: Drain, tmp_path: Path
) -> None:
    shelf.gate.clear()
    journal.append(request(1))
    drain.close(0.05)
    assert numbers(shelf.entries) == []
    assert list((tmp_path / "journal").glob("*.wal"))


@pytest.mark.parametrize("why", [StoreBusy("it is locked"), ConnectionError(), RuntimeError("sk-secret")])
def test_a_store_that_fails_is_tried_again_and_said_once(
    journal: Journal,
    shelf: Shelf,
    drain: Drain,
    why: Exception,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(draining, "_FIRST_PAUSE_S", 0.01)
    shelf.fails = why
    for number in range(100):
        journal.append(request(number))
        drain.start_soon()
    soon(lambda: shelf.opened > 3)
    assert not drain.flush(60)
    shelf.fails = None
    soon(lambda: numbers(shelf.entries) == list(range(100)))
    drain.close(60)
    first, second = [record.getMessage() for record in caplog.records]
    assert "the store takes no calls now" in first
    assert "spanglass doctor" in first
    assert ("it is locked" in first) == isinstance(why, StoreBusy)
    assert "takes calls again" in second
    assert "sk-secret" not in caplog.text
    assert numbers(shelf.entries) == list(range(100))


def test_it_pauses_ever_longer_between_tries(journal: Journal, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draining, "_FIRST_PAUSE_S", 1)
    shelf.fails = ConnectionError()
    outlet = draining._Outlet(journal, shelf.open, None, lambda: False)
    journal.append(request(1))
    pauses = []
    for _ in range(8):
        assert not outlet.move()
        pauses.append(outlet.pause_s)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    shelf.fails = None
    assert outlet.move()
    assert outlet.pause_s == 0
    assert outlet.close()


def test_faults_of_work_are_absorbed_and_counted(
    journal: Journal, shelf: Shelf, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "reraise", False)
    drain.call_soon(lambda: 1 / 0)
    drain.call_soon(lambda: journal.append(request(1)))
    assert drain.flush(60)
    assert numbers(shelf.entries) == [1]
    assert guard.faults() == {"drain.work": 1}


def test_work_may_be_given_from_garbage_collection(journal: Journal, shelf: Shelf, drain: Drain) -> None:
    class Stream:
        def __init__(self, number: int) -> None:
            self.number = number
            self.cycle = self

        def __del__(self) -> None:
            number = self.number
            drain.call_soon(lambda: journal.append(request(number)))

    for number in range(200):
        Stream(number)
    gc.collect()
    assert drain.flush(60)
    assert sorted(numbers(shelf.entries)) == list(range(200))


def test_what_work_held_is_let_go(journal: Journal, drain: Drain) -> None:
    gone = threading.Event()

    class Response:
        def __del__(self) -> None:
            gone.set()

    def give() -> None:
        response = Response()
        drain.call_soon(lambda: response)

    give()
    assert gone.wait(60)


def test_what_dead_processes_left_is_moved_too(tmp_path: Path, journal: Journal, shelf: Shelf, drain: Drain) -> None:
    dead = journal_in(tmp_path / "journal")
    owner = dead.owner
    dead.append(request(7))
    dead.close(None)
    living = journal_in(tmp_path / "journal")
    living.append(request(8))
    journal.append(request(1))
    drain.start_soon()
    soon(lambda: sorted(numbers(shelf.entries)) == [1, 7])
    soon(lambda: exits(shelf.entries) == [owner])
    living.close(None)


def test_a_long_move_is_broken_off_for_what_it_is_asked_to_do(journal: Journal, shelf: Shelf, drain: Drain) -> None:
    for number in range(640):
        journal.append(request(number))
    shelf.gate.clear()
    drain.start_soon()
    soon(lambda: shelf.threads)
    seen: list[int] = []
    drain.call_soon(lambda: seen.append(len(shelf.entries)))
    shelf.gate.set()
    assert drain.flush(60)
    assert 0 < seen[0] < 640
    assert numbers(shelf.entries) == list(range(640))


def test_a_journal_it_cannot_read_is_said_once(
    tmp_path: Path, journal: Journal, shelf: Shelf, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "_RECOVER_S", 0.0)
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "1-2-0123abcd.lock").mkdir()
    outlet = draining._Outlet(journal, shelf.open, None, lambda: False)
    outlet.tend()
    outlet.tend()
    (said,) = [record.getMessage() for record in caplog.records]
    assert "is left as it is: cannot lock" in said


def test_pruning_runs_on_the_thread_and_its_faults_stay_there(
    journal: Journal, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "reraise", False)
    pruned: list[str] = []

    def prune(store: Store) -> None:
        pruned.append(threading.current_thread().name)
        assert store is cast("Any", shelf)
        message = "no"
        raise ValueError(message)

    drain = Drain(journal, shelf.open, prune=prune, interval_s=0.01)
    journal.append(request(1))
    drain.start_soon()
    soon(lambda: pruned)
    drain.close(60)
    assert pruned == ["spanglass-drain"]
    assert guard.faults() == {"drain.prune": 1}


def test_a_machine_that_gives_no_thread_keeps_everything(
    journal: Journal, shelf: Shelf, drain: Drain, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_: threading.Thread) -> None:
        message = "can't start new thread"
        raise RuntimeError(message)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        for number in range(3):
            journal.append(request(number))
            drain.start_soon()
        assert not drain.flush(1)
    (said,) = [record.getMessage() for record in caplog.records]
    assert "no thread can be started" in said
    drain._start_at = 0.0
    assert drain.flush(60)
    assert numbers(shelf.entries) == [0, 1, 2]


def test_a_real_store_gets_the_records(tmp_path: Path, journal: Journal) -> None:
    url = f"sqlite:///{tmp_path / 'spanglass.db'}"
    drain = Drain(journal, lambda: open_store(url), prune=None, interval_s=0.01)
    for number in range(1, 4):
        journal.append(request(number, b'{"model": "gpt"}'))
        drain.start_soon()
    assert drain.flush(60)
    drain.close(60)
    store = open_store(url, read_only=True)
    assert {summary.span_id for summary in store.resolve(None, "0")} == {f"{number:016x}" for number in range(1, 4)}
    store.close()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("name", ["forks", "at_exit", "only_at_exit", "daemon_in_mid_work"])
def test_programs_end_well(tmp_path: Path, name: str) -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", str(PROGRAM), name, str(tmp_path)]
    environ = {**os.environ, "PYTHONPATH": str(PROGRAM.parent.parent)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, env=environ)
    said = [line for line in done.stderr.splitlines() if "no thread can be started" not in line]  # from 3.12 on
    assert (done.returncode, said) == (0, [])
    found = [int(line) for line in (tmp_path / "stored").read_text().split()]
    assert found == sorted(set(found))
    assert found == [int(line) for line in done.stdout.split()]


def test_it_waits_for_a_lull_unless_there_is_much_or_it_has_waited_for_long() -> None:
    lull = Lull()
    assert [lull.is_here(pending) for pending in (10, 20, 20)] == [False, False, True]
    assert lull.is_here(9 << 20)
    assert [lull.is_here(pending) for pending in range(1, 11)] == [False] * 9 + [True]
    assert not lull.is_here(1)
    assert [lull.is_here(pending) for pending in (30, 20, 20)] == [False, False, True]
