from __future__ import annotations

import errno
import gc
import logging
import os
import shutil
import signal
import stat
import threading
import time
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from journal.made import MIB, exits, journal_in, last_segment, numbers, outcome, request, small
from spanglass.journal import Journal, recover, segment
from spanglass.journal import journal as writing
from spanglass.journal.files import data_bytes
from spanglass.journal.lock import FileLock
from spanglass.journal.segment import Segment
from spanglass.model.entry import AttemptEntry, EnvelopeEntry, RequestEntry, StepEntry, UpstreamEntry
from spanglass.model.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from spanglass.model.entry import Entry


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal"


@pytest.fixture
def found() -> list[Entry]:
    return []


def refuse(why: Exception) -> Callable[[Sequence[Entry]], None]:
    def put_many(_: Sequence[Entry]) -> None:
        raise why

    return put_many


def test_nothing_is_created_before_the_first_append(directory: Path) -> None:
    journal = journal_in(directory)
    assert journal.owner
    assert journal.pending_bytes == 0
    assert journal.drain(refuse(AssertionError())) == 0
    journal.close(refuse(AssertionError()))
    assert not directory.exists()


def test_files_are_for_their_user_alone(directory: Path) -> None:
    journal = journal_in(directory)
    assert journal.append(request(1))
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(directory.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    journal.close(None)


def test_what_was_appended_is_drained_in_order_and_once(directory: Path, found: list[Entry]) -> None:
    journal = journal_in(directory)
    sent: list[Entry] = [request(1), outcome(2), request(3, None), request(4, b""), request(5, b"x" * 300_000)]
    assert [journal.append(entry) for entry in sent] == [True] * 5
    assert journal.pending_bytes == data_bytes(last_segment(directory, journal.owner))
    assert journal.drain(found.extend) == 5
    assert journal.pending_bytes == 0
    assert journal.drain(found.extend) == 0
    assert journal.append(request(6))
    assert journal.drain(found.extend) == 1
    assert found == [*sent, request(6)]
    journal.close(None)


def test_closing_drains_says_who_is_gone_and_leaves_no_file(directory: Path, found: list[Entry]) -> None:
    journal = journal_in(directory)
    owner = journal.owner
    journal.append(request(1))
    journal.close(found.extend)
    assert (numbers(found), exits(found)) == ([1], [owner])
    assert list(directory.iterdir()) == []


def test_an_append_after_closing_begins_anew(directory: Path, found: list[Entry]) -> None:
    journal = journal_in(directory)
    first = journal.owner
    journal.append(request(1))
    journal.close(found.extend)
    assert journal.append(request(2))
    second = journal.owner
    journal.close(found.extend)
    assert (numbers(found), exits(found)) == ([1, 2], [first, second])


def test_a_store_that_fails_at_closing_leaves_everything_to_the_next_process(
    directory: Path, found: list[Entry]
) -> None:
    journal = journal_in(directory)
    owner = journal.owner
    journal.append(request(1))
    with pytest.raises(ConnectionError):
        journal.close(refuse(ConnectionError()))
    recovery = recover(directory, found.extend)
    assert (numbers(found), exits(found), recovery.owners_gone) == ([1], [owner], (owner,))
    assert list(directory.iterdir()) == []


def test_a_batch_that_fails_stays_and_comes_again(directory: Path, found: list[Entry]) -> None:
    journal = journal_in(directory)
    for number in range(200):
        journal.append(request(number))
    room = [100]

    def put_many(batch: Sequence[Entry]) -> None:
        if room[0] < len(batch):
            raise OSError(errno.EIO, "disk")
        room[0] -= len(batch)
        found.extend(batch)

    with pytest.raises(OSError, match="disk"):
        journal.drain(put_many)
    assert 0 < len(found) <= 100
    assert journal.pending_bytes > 0
    room[0] = 1000
    assert journal.drain(put_many) == 200 - len(found[: 100 - 100 % 64])
    assert numbers(found) == list(range(200))
    journal.close(None)


def test_batches_for_the_store_are_bounded(directory: Path) -> None:
    journal = journal_in(directory)
    for number in range(20):
        journal.append(request(number, b"x" * 300_000))
    for number in range(200):
        journal.append(small(number))
    batches: list[Sequence[Entry]] = []
    journal.drain(batches.append)
    assert max(len(batch) for batch in batches) <= 64
    assert max(sum(len(getattr(entry, "body", None) or b"") for entry in batch) for batch in batches) <= 2 * MIB
    journal.close(None)


def test_segments_are_rotated_and_drained_ones_removed(
    directory: Path, found: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "SEGMENT_BYTES", 10_000)
    journal = journal_in(directory)
    for number in range(100):
        journal.append(request(number, b"x" * 900))
    assert len(list(directory.glob("*.wal"))) == pytest.approx(100 * 1300 / 10_000, rel=0.3)
    journal.drain(found.extend)
    assert len(list(directory.glob("*.wal"))) == 1
    for number in range(100, 110):
        journal.append(request(number))
    journal.close(found.extend)
    assert numbers(found) == list(range(110))
    assert list(directory.iterdir()) == []


def test_a_large_drained_segment_does_not_wait_for_the_next_append(directory: Path, found: list[Entry]) -> None:
    journal = journal_in(directory)
    journal.append(request(1, b"x" * (2 * MIB)))
    journal.drain(found.extend)
    assert list(directory.glob("*.wal")) == []
    journal.append(request(2))
    journal.drain(found.extend)
    assert numbers(found) == [1, 2]
    journal.close(None)


def test_threads_append_while_others_drain(
    directory: Path, found: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "SEGMENT_BYTES", 50_000)
    journal = journal_in(directory)
    taken: list[int] = []

    def append(base: int) -> None:
        taken.extend([n for n in range(base, base + 300) if journal.append(request(n, b"x" * (n % 7 * 300)))])

    threads = [threading.Thread(target=append, args=(base,)) for base in range(0, 4000, 1000)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        journal.drain(found.extend)
        recover(directory, found.extend)
    for thread in threads:
        thread.join()
    journal.close(found.extend)
    assert len(taken) == 1200
    assert sorted(numbers(found)) == sorted(taken)
    for base in range(0, 4000, 1000):
        assert [number for number in numbers(found) if number // 1000 == base // 1000] == list(range(base, base + 300))


class TestReentry:
    """Garbage collection and signal handlers append in the middle of an append."""

    def test_from_garbage_collection(self, directory: Path, found: list[Entry]) -> None:
        journal = journal_in(directory)
        taken: list[int] = []

        class Stream:
            def __init__(self, number: int) -> None:
                self.number = number
                self.cycle = self

            def __del__(self) -> None:
                if journal.append(request(self.number, b"y" * 5_000)):
                    taken.append(self.number)

        threshold = gc.get_threshold()
        gc.set_threshold(1)
        try:
            for number in range(0, 600, 2):
                Stream(number + 1)
                if journal.append(request(number, b"x" * 3_000)):
                    taken.append(number)
        finally:
            gc.set_threshold(*threshold)
        deadline = time.monotonic() + 30
        while len(taken) < 600 and time.monotonic() < deadline:
            gc.collect()  # does nothing while a thread of the test's runner is collecting, and finalizing some of them
            time.sleep(0.001)
        journal.close(found.extend)
        assert set(taken) == set(range(600))
        assert set(numbers(found)) == set(taken)

    @pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers here")
    def test_from_a_signal_handler(self, directory: Path, found: list[Entry]) -> None:
        journal = journal_in(directory)
        taken: list[int] = []
        fresh = count(100_000)

        def handler(*_: object) -> None:
            number = next(fresh)
            if journal.append(request(number, b"y" * 2_000)):
                taken.append(number)

        before = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        try:
            taken.extend([number for number in range(3_000) if journal.append(request(number, b"x" * 1_000))])
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        journal.close(found.extend)
        assert set(range(3_000)) <= set(taken)
        assert set(numbers(found)) == set(taken)

    def test_between_two_segments(self, directory: Path, found: list[Entry]) -> None:
        """An append that was interrupted just when it had opened its segment has left two of them."""
        journal = journal_in(directory)
        journal.append(request(1))
        (older,) = journal._segments
        older.full = True
        journal.append(request(2))
        older.full = False
        journal._segments.append(older)
        for number in range(3, 6):
            assert journal.append(request(number))
        assert journal.dropped == {}
        assert older not in journal._segments
        journal.close(found.extend)
        assert numbers(found) == [1, 2, 3, 4, 5]

    @pytest.mark.segments("by calls")
    @pytest.mark.parametrize("drains", [False, True])
    def test_between_the_two_halves_of_a_short_write(
        self, directory: Path, found: list[Entry], monkeypatch: pytest.MonkeyPatch, *, drains: bool
    ) -> None:
        """A write that the disk takes only in part, interrupted by an append and a reader before the rest."""
        journal = journal_in(directory)
        journal.append(request(1))
        write_some = Segment._write_some
        depth = [0]

        def interrupted(self: Segment, rest: memoryview) -> int:
            if not depth[0]:
                depth[0] += 1
                assert journal.append(request(3, b"z" * 100))
                if drains:
                    recover(directory, found.extend)
            return write_some(self, rest)

        monkeypatch.setattr(
            "spanglass.journal.segment._write_all", lambda fd, pieces: os.write(fd, pieces[0] + pieces[1][:50])
        )
        monkeypatch.setattr(Segment, "_write_some", interrupted)
        assert journal.append(request(2, b"x" * 5_000))
        journal.close(found.extend)
        assert set(numbers(found)) == {1, 2, 3}
        assert request(2, b"x" * 5_000) in found


class TestBound:
    def test_bodies_go_first_and_the_record_says_so(
        self, directory: Path, found: list[Entry], caplog: pytest.LogCaptureFixture
    ) -> None:
        journal = journal_in(directory, max_bytes=300_000)
        body = b"x" * 204_800
        attempt = AttemptEntry("a" * 32, "b" * 16, 2, 200, 5, complete=True, missing=["x"], body=body)
        sent: list[Entry] = [
            request(1, body),
            request(2, body),
            attempt,
            UpstreamEntry("a" * 32, "b" * 16, body=body),
            EnvelopeEntry("a" * 32, "b" * 16, None, "n", "s", "c", 1, 2, body),
            StepEntry("a" * 32, "b" * 16, 0, Step("s"), body=body),
            request(3, b"small"),
        ]
        assert [journal.append(entry) for entry in sent] == [True] * 7
        assert journal.dropped == {"bodies": 5}
        journal.drain(found.extend)
        why = "204,800 bytes dropped, the journal is full (SPANGLASS_JOURNAL_MAX_BYTES)"
        assert found[0] == sent[0]
        assert isinstance(found[1], RequestEntry)
        assert (found[1].body, found[1].missing) == (None, [f"attempts[0].request_body: {why}"])
        assert isinstance(found[2], AttemptEntry)
        assert (found[2].body, found[2].missing) == (None, ["x", f"attempts[1].response_body: {why}"])
        assert [getattr(entry, "body", None) for entry in found[3:]] == [f'"[{why}]"'.encode(), None, None, b"small"]
        (said,) = [record.getMessage() for record in caplog.records]
        assert "SPANGLASS_JOURNAL_MAX_BYTES" in said

    def test_entries_go_when_the_head_room_is_used_up_too(
        self, directory: Path, found: list[Entry], caplog: pytest.LogCaptureFixture
    ) -> None:
        journal = journal_in(directory, max_bytes=1)
        taken = [journal.append(outcome(number)) for number in range(1000)]
        assert taken == sorted(taken, reverse=True)
        assert sum(p.stat().st_size for p in directory.glob("*.wal")) <= 64 << 10
        assert journal.dropped == {"full": taken.count(False)}
        assert len(caplog.records) == 1
        journal.drain(found.extend)
        assert journal.append(outcome(1000))
        journal.close(found.extend)
        assert numbers(found) == [*range(taken.count(True)), 1000]

    def test_what_others_left_counts_until_it_is_drained(self, directory: Path, found: list[Entry]) -> None:
        dead = journal_in(directory)
        dead.append(request(1, b"x" * 90_000))
        dead.close(None)
        journal = journal_in(directory, max_bytes=100_000)
        journal.append(small(2))
        assert journal.append(request(3, b"x" * 20_000))
        assert journal.dropped == {"bodies": 1}
        recover(directory, found.extend)
        journal.append(small(4))
        journal.drain(found.extend)
        assert journal.append(request(5, b"x" * 20_000))
        assert journal.dropped == {"bodies": 1}
        journal.close(None)


class TestDisk:
    """Whatever the disk does, append returns, and goes on when it can."""

    @pytest.fixture(autouse=True)
    def _tries_again_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(writing, "_RETRY_S", 0.0)

    def test_a_file_where_the_directory_should_be(
        self, directory: Path, found: list[Entry], caplog: pytest.LogCaptureFixture
    ) -> None:
        directory.parent.mkdir(parents=True)
        directory.write_text("in the way")
        journal = journal_in(directory)
        assert [journal.append(request(number)) for number in range(3)] == [False] * 3
        assert journal.dropped == {"disk": 3}
        assert journal.pending_bytes == 0
        (said,) = [record.getMessage() for record in caplog.records]
        assert str(directory) in said
        assert "remove the file that is in its way" in said
        journal.drain(refuse(AssertionError()))
        directory.unlink()
        assert journal.append(request(4))
        journal.close(found.extend)
        assert numbers(found) == [4]

    def test_after_a_failure_it_waits_before_it_tries_again(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(writing, "_RETRY_S", 0.1)
        directory.parent.mkdir(parents=True)
        directory.touch()
        journal = journal_in(directory)
        assert not journal.append(request(1))
        directory.unlink()
        assert not journal.append(request(2))
        until = time.monotonic() + 5
        while not journal.append(request(3)):
            assert time.monotonic() < until
            time.sleep(0.02)
        journal.close(None)

    def test_a_directory_that_vanishes_and_what_is_appended_then(
        self, directory: Path, found: list[Entry], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(writing, "_LOOK_S", 0.0)
        journal = journal_in(directory)
        journal.append(request(1))
        shutil.rmtree(directory)
        assert journal.append(request(2))
        assert numbers_in(directory) == [2]
        shutil.rmtree(directory.parent)
        assert journal.drain(found.extend) == 0
        assert journal.append(request(3))
        assert journal.drain(found.extend) == 1
        assert recover(directory, found.extend).owners_gone == ()  # it is known to live again
        journal.close(found.extend)
        assert numbers(found) == [3]

    def test_a_segment_that_is_removed_and_what_is_appended_then(self, directory: Path, found: list[Entry]) -> None:
        journal = journal_in(directory)
        journal.append(request(1))
        last_segment(directory, journal.owner).unlink()
        assert journal.append(request(2))
        journal.close(found.extend)
        assert numbers(found) == [2]

    def test_a_drain_file_that_is_removed(self, directory: Path, found: list[Entry]) -> None:
        journal = journal_in(directory)
        journal.append(request(1))
        (directory / f"{journal.owner}.drain").unlink()
        assert journal.drain(found.extend) == 1
        journal.close(None)

    @pytest.mark.segments("by calls")
    @pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
    def test_a_write_that_breaks_off_is_taken_back(
        self, directory: Path, found: list[Entry], monkeypatch: pytest.MonkeyPatch, fault: int
    ) -> None:
        journal = journal_in(directory)
        journal.append(request(1))
        size = last_segment(directory, journal.owner).stat().st_size

        def no_more(_self: Segment, _rest: memoryview) -> int:
            raise OSError(fault, os.strerror(fault))

        with monkeypatch.context() as patch:
            patch.setattr("spanglass.journal.segment._write_all", lambda fd, pieces: os.write(fd, pieces[0]))
            patch.setattr(Segment, "_write_some", no_more)
            assert not journal.append(request(2, b"x" * 1000))
        assert last_segment(directory, journal.owner).stat().st_size == size
        assert journal.append(request(3))
        journal.close(found.extend)
        assert numbers(found) == [1, 3]

    @pytest.mark.segments("by calls")
    def test_a_write_that_cannot_be_taken_back_is_left_behind(
        self, directory: Path, found: list[Entry], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        journal = journal_in(directory)
        journal.append(request(1))

        def fails(*_: Any) -> int:
            raise OSError(errno.EIO, "broken")

        with monkeypatch.context() as patch:
            patch.setattr("spanglass.journal.segment._write_all", lambda fd, pieces: os.write(fd, pieces[0]))
            patch.setattr(Segment, "_write_some", fails)
            patch.setattr(os, "ftruncate", fails)
            assert not journal.append(request(2, b"x" * 1000))
        assert journal.append(request(3))
        journal.close(found.extend)
        assert numbers(found) == [1, 3]

    @pytest.mark.segments("by calls")
    def test_an_interrupt_in_mid_write_harms_no_later_entry(
        self, directory: Path, found: list[Entry], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        journal = journal_in(directory)
        journal.append(request(1))

        def interrupt(*_: Any) -> int:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("spanglass.journal.segment._write_all", lambda fd, pieces: os.write(fd, pieces[0]))
            patch.setattr(Segment, "_write_some", interrupt)
            with pytest.raises(KeyboardInterrupt):
                journal.append(request(2, b"x" * 1000))
        assert journal.append(request(3))
        journal.close(found.extend)
        assert numbers(found) == [1, 3]


def numbers_in(directory: Path) -> list[int]:
    seen: list[Entry] = []
    recover(directory, seen.extend)
    return numbers(seen)


def test_an_entry_that_cannot_be_written_is_counted_and_said(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = journal_in(directory)
    endless: list[Any] = []
    endless.append(endless)
    assert not journal.append(StepEntry("a", "b", 0, Step("s", {"x": endless})))
    assert not journal.append(StepEntry("a", "b", 0, Step("s", {"x": endless})))
    assert journal.append(request(1))
    assert journal.dropped == {"unreadable": 2}
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    journal.close(None)


def test_only_one_at_a_time_drains_and_the_other_does_not_fail(directory: Path, found: list[Entry]) -> None:
    journal = journal_in(directory)
    for number in range(100):
        journal.append(request(number))
    threads = [threading.Thread(target=journal.drain, args=(found.extend,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(found) == list(range(100))
    journal.close(None)


def test_a_journal_closed_while_threads_append_loses_nothing(directory: Path, found: list[Entry]) -> None:
    journal: Journal = journal_in(directory)
    taken: list[int] = []
    stop = threading.Event()

    def append(base: int) -> None:
        for number in range(base, base + 1_000_000):
            if stop.is_set():
                return
            if journal.append(request(number)):
                taken.append(number)

    threads = [threading.Thread(target=append, args=(base,)) for base in (0, 1_000_000)]
    for thread in threads:
        thread.start()
    for _ in range(15):
        journal.close(found.extend)
    stop.set()
    for thread in threads:
        thread.join()
    journal.close(found.extend)
    recover(directory, found.extend)
    assert set(numbers(found)) == set(taken)
    assert list(directory.iterdir()) == []


def test_an_append_just_after_a_journal_has_removed_its_files_begins_it_anew(
    directory: Path, found: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = journal_in(directory)
    journal.append(small(0))
    leave = FileLock.__exit__
    taken: list[bool] = []

    def append_meanwhile(lock: FileLock, *raised: Any) -> None:
        if not taken and not list(directory.iterdir()):
            thread = threading.Thread(target=lambda: taken.append(journal.append(small(1))))
            thread.start()
            thread.join()
        leave(lock, *raised)

    monkeypatch.setattr(FileLock, "__exit__", append_meanwhile)
    journal.close(found.extend)
    monkeypatch.undo()
    assert taken == [True]
    assert numbers(found) == [0]
    journal.close(found.extend)
    recover(directory, found.extend)
    assert numbers(found) == [0, 1]
    assert list(directory.iterdir()) == []
