from __future__ import annotations

import errno
import json
import os
import sqlite3
import struct
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest

from journal.made import MIB, exits, frame, journal_in, last_segment, numbers, request, small, write_at, write_behind
from spanglass.errors import JournalError, StoreBusy
from spanglass.journal import Recovery, recover
from spanglass.journal.files import OwnerFiles, Place, data_bytes, read_place, write_place
from spanglass.journal.frame import MAGIC, VERSION, seed_of
from spanglass.journal.lock import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from spanglass.model.entry import Entry

NOTHING = Recovery(entries=0, owners_gone=(), torn_bytes=0, damaged_bytes=0, dead_letters=0, left={})


@pytest.fixture
def found() -> list[Entry]:
    return []


def dead(directory: Path, *entries: Entry) -> str:
    """A journal whose process is gone."""
    journal = journal_in(directory)
    owner = journal.owner
    for entry in entries:
        assert journal.append(entry)
    journal.close(None)
    return owner


def never(_: Sequence[Entry]) -> None:
    pytest.fail("there was nothing to put")


def test_no_directory_is_an_empty_one(tmp_path: Path) -> None:
    assert recover(tmp_path / "none", never) == NOTHING
    assert recover(tmp_path, never) == NOTHING


def test_a_dead_owner_is_drained_said_to_be_gone_and_removed(tmp_path: Path, found: list[Entry]) -> None:
    owner = dead(tmp_path, request(1), request(2))
    assert recover(tmp_path, found.extend) == NOTHING._replace(entries=2, owners_gone=(owner,))
    assert (numbers(found), exits(found)) == ([1, 2], [owner])
    assert list(tmp_path.iterdir()) == []
    assert recover(tmp_path, never) == NOTHING


def test_a_dead_owner_whose_entries_were_all_drained_is_still_said_to_be_gone(
    tmp_path: Path, found: list[Entry]
) -> None:
    journal = journal_in(tmp_path)
    owner = journal.owner
    journal.append(request(1, b"x" * (2 * MIB)))
    journal.drain(lambda _: None)
    journal.close(None)
    assert recover(tmp_path, found.extend) == NOTHING._replace(owners_gone=(owner,))
    assert exits(found) == [owner]
    assert list(tmp_path.iterdir()) == []


def test_a_living_owner_is_drained_and_goes_on(tmp_path: Path, found: list[Entry]) -> None:
    journal = journal_in(tmp_path)
    journal.append(request(1))
    assert recover(tmp_path, found.extend) == NOTHING._replace(entries=1)
    assert recover(tmp_path, never) == NOTHING
    journal.append(request(2))
    assert recover(tmp_path, never, living=False) == NOTHING
    assert recover(tmp_path, found.extend) == NOTHING._replace(entries=1)
    assert journal.drain(never) == 0
    journal.append(request(3))
    journal.close(found.extend)
    assert numbers(found) == [1, 2, 3]


def test_an_owner_that_has_just_begun_is_not_disturbed(tmp_path: Path) -> None:
    owner = "1-2-0123abcd"
    life = FileLock.take(tmp_path / f"{owner}.lock", create=True)
    assert life is not None
    with life:
        assert recover(tmp_path, never) == NOTHING
    assert recover(tmp_path, never) == NOTHING  # it died before it wrote anything, so no call of it can be open
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".drain", "-1.wal"])
def test_strays_without_a_lock_file_are_cleared_away(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"1-2-0123abcd{suffix}").touch()
    recover(tmp_path, lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    names = {"notes.txt", "x-1.wal", "1-2-0123abcd.dead", "1-2-0123abcd.wal", "1-2-0123abcd.lock.bak"}
    for name in names:
        (tmp_path / name).touch()
    assert recover(tmp_path, never) == NOTHING
    assert {path.name for path in tmp_path.iterdir()} == names


@pytest.mark.parametrize("cut", [1, 10, 25, 200, 5_000])
def test_a_torn_tail_is_cut_at_the_last_whole_entry(
    tmp_path: Path, found: list[Entry], cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    owner = dead(tmp_path, request(1), request(2, b"x" * 6_000))
    segment = last_segment(tmp_path, owner)
    whole = len(frame(request(1), seed_of(owner)))
    torn = data_bytes(segment) - cut - whole
    write_behind(segment, bytes(cut), shift=-cut)
    assert recover(tmp_path, found.extend) == NOTHING._replace(entries=1, owners_gone=(owner,), torn_bytes=torn)
    assert numbers(found) == [1]
    (said,) = [record.getMessage() for record in caplog.records]
    assert f"{torn:,} unfinished bytes" in said


def test_a_living_owners_unfinished_tail_is_simply_not_yet_there(
    tmp_path: Path, found: list[Entry], caplog: pytest.LogCaptureFixture
) -> None:
    journal = journal_in(tmp_path)
    journal.append(request(1))
    raw = frame(request(2, b"x" * 1000), seed_of(journal.owner))
    segment = last_segment(tmp_path, journal.owner)
    begin = data_bytes(segment)
    for arrived in (3, 20, len(raw) - 1000, len(raw) - 1):
        write_at(segment, begin, raw[:arrived])
        recover(tmp_path, found.extend)
        assert numbers(found) == [1]
    write_at(segment, begin, raw)
    recover(tmp_path, found.extend)
    assert numbers(found) == [1, 2]
    assert not caplog.records
    journal.close(None)


def test_damage_in_the_middle_loses_only_what_is_damaged(
    tmp_path: Path, found: list[Entry], caplog: pytest.LogCaptureFixture
) -> None:
    owner = dead(tmp_path, *(request(number, b"x" * 100) for number in range(10)))
    segment = last_segment(tmp_path, owner)
    raw = bytearray(segment.read_bytes())
    size = data_bytes(segment) // 10
    raw[size * 4 + 30] ^= 4
    segment.write_bytes(raw)
    recovery = recover(tmp_path, found.extend)
    assert numbers(found) == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert (recovery.entries, recovery.damaged_bytes, recovery.torn_bytes) == (9, size, 0)
    assert f"{size:,} damaged bytes" in caplog.text


def test_damage_in_a_living_journal_is_passed_over(tmp_path: Path, found: list[Entry], segments: str) -> None:
    journal = journal_in(tmp_path)
    journal.append(request(1))
    write_behind(last_segment(tmp_path, journal.owner), b"garbage" * 10)
    journal.append(request(2))
    assert recover(tmp_path, found.extend).damaged_bytes == (0 if segments == "mapped" else 70)  # or written over
    journal.close(found.extend)
    assert numbers(found) == [1, 2]


def test_a_damaged_checkpoint_means_from_the_start(tmp_path: Path, found: list[Entry]) -> None:
    journal = journal_in(tmp_path)
    journal.append(request(1))
    journal.drain(found.extend)
    (tmp_path / f"{journal.owner}.drain").write_bytes(b"\0" * 28)
    recover(tmp_path, found.extend)
    assert numbers(found) == [1, 1]
    journal.close(None)


def test_a_checkpoint_comes_back_as_it_was_set(tmp_path: Path) -> None:
    lock = FileLock.take(tmp_path / "x", create=True)
    assert lock is not None
    with lock:
        assert read_place(lock.fd) == Place()
        for place in (Place(1, 5), Place(2**40, 2**50), Place(3, 0)):
            write_place(lock.fd, place)
            assert read_place(lock.fd) == place


def test_drained_segments_that_a_crash_left_are_removed(tmp_path: Path, found: list[Entry]) -> None:
    owner = dead(tmp_path, request(1))
    files = OwnerFiles(tmp_path, owner)
    files.segment(2).write_bytes(frame(request(2), seed_of(owner)))
    lock = FileLock.take(files.drain)
    assert lock is not None
    with lock:
        write_place(lock.fd, Place(2, 0))
    recover(tmp_path, found.extend)
    assert numbers(found) == [2]
    assert list(tmp_path.iterdir()) == []


def test_a_journal_of_a_newer_version_is_left_as_it_is(tmp_path: Path, found: list[Entry]) -> None:
    owner = dead(tmp_path, request(1))
    prefix = struct.pack("<4sBBBxII", MAGIC, VERSION + 1, 1, 1, 5, 5)
    newer = prefix + struct.pack("<II", crc32(prefix, seed_of(owner)), 0) + b"0123456789"
    write_behind(last_segment(tmp_path, owner), newer)
    recovery = recover(tmp_path, found.extend)
    assert (numbers(found), exits(found), recovery.owners_gone) == ([1], [], ())
    assert "newer spanglass; upgrade" in recovery.left[owner]
    assert last_segment(tmp_path, owner).read_bytes().rstrip(b"\0").endswith(newer)
    assert recover(tmp_path, never).left == recovery.left


def test_a_file_is_no_journal_directory(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.touch()
    with pytest.raises(JournalError, match=r"cannot read the journals in .*Not a directory.*SPANGLASS_STATE_DIR"):
        recover(path, never)


AS_NOBODY = """
import os
from pathlib import Path
from spanglass.errors import JournalError
from spanglass.journal import recover
if os.getuid() == 0:
    os.setuid(65534)
try:
    print(dict(recover(Path("journal"), print).left))
except JournalError as why:
    print("JournalError", why)
"""


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no users here")
@pytest.mark.parametrize("mode", ["directory", "files"])
def test_anothers_journal_is_an_error_that_says_so(tmp_path: Path, mode: str) -> None:
    directory = tmp_path / "journal"
    owner = dead(directory, request(1))
    for path in directory.iterdir():
        path.chmod(0o600 if os.getuid() == 0 else 0o000)
    tmp_path.chmod(0o755)
    directory.chmod(0o755 if mode == "files" else 0o000)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    directory.chmod(0o700)
    assert "Permission denied" in done.stdout
    assert ("JournalError" in done.stdout) == (mode == "directory")
    assert (owner in done.stdout) == (mode == "files")
    assert "run it as the user that owns" in done.stdout


def test_a_store_that_fails_leaves_the_dead_owner_for_later(tmp_path: Path, found: list[Entry]) -> None:
    owner = dead(tmp_path, request(1))

    def busy(_: Sequence[Entry]) -> None:
        raise StoreBusy

    with pytest.raises(StoreBusy):
        recover(tmp_path, busy)
    assert recover(tmp_path, found.extend).owners_gone == (owner,)
    assert numbers(found) == [1]


def test_a_journal_that_is_being_drained_is_waited_for_only_so_long(tmp_path: Path) -> None:
    gone = dead(tmp_path, request(1))
    journal = journal_in(tmp_path)
    journal.append(request(2))
    locks = [FileLock.take(OwnerFiles(tmp_path, owner).drain) for owner in (gone, journal.owner)]
    left = recover(tmp_path, never, wait_s=0.01).left
    assert left == dict.fromkeys((gone, journal.owner), "another process is draining it")
    for lock in locks:
        assert lock is not None
        lock.release()
    assert recover(tmp_path, lambda _: None).left == {}
    journal.close(None)


def test_many_recover_at_once(tmp_path: Path, found: list[Entry]) -> None:
    owners = {dead(tmp_path, *(request(base + number) for number in range(50))) for base in range(0, 800, 100)}
    results: list[Recovery] = []
    threads = [threading.Thread(target=lambda: results.append(recover(tmp_path, found.extend))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers(found)) == [base + number for base in range(0, 800, 100) for number in range(50)]
    assert sorted(exits(found)) == sorted(owners)
    assert sum(result.entries for result in results) == 400
    assert list(tmp_path.iterdir()) == []


class TestDeadLetters:
    """Entries that no store takes."""

    @staticmethod
    def store(found: list[Entry], bad: set[int], why: Callable[[], Exception]) -> Callable[[Sequence[Entry]], None]:
        def put_many(batch: Sequence[Entry]) -> None:
            if bad & set(numbers(batch)):
                raise why()
            found.extend(batch)

        return put_many

    @pytest.mark.parametrize(
        "why", [ValueError, TypeError, KeyError, RecursionError, sqlite3.IntegrityError, sqlite3.DataError]
    )
    def test_are_put_aside_with_the_reason_and_all_others_pass(
        self, tmp_path: Path, found: list[Entry], why: type[Exception], caplog: pytest.LogCaptureFixture
    ) -> None:
        owner = dead(tmp_path, *(request(number, b"\xff\0" if number % 2 else None) for number in range(300)))
        recovery = recover(tmp_path, self.store(found, {7, 150, 151}, lambda: why("it quotes the payload")))
        assert (recovery.entries, recovery.dead_letters, recovery.owners_gone) == (297, 3, (owner,))
        assert list(dict.fromkeys(numbers(found))) == [n for n in range(300) if n not in {7, 150, 151}]
        (path,) = tmp_path.iterdir()
        assert path.name == f"{owner}.dead"
        assert path.stat().st_mode & 0o777 == 0o600
        letters: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
        assert [int(json.loads(letter["entry"])["span_id"], 16) for letter in letters] == [7, 150, 151]
        assert [letter["body"] for letter in letters] == ["/wA=", None, "/wA="]
        assert {letter["kind"] for letter in letters} == {"request"}
        assert all(letter["reason"].startswith(why.__name__) for letter in letters)
        assert "3 entries" in caplog.text
        assert "payload" not in caplog.text

    def test_are_not_made_of_faults_that_may_pass(self, tmp_path: Path, found: list[Entry]) -> None:
        dead(tmp_path, request(1), request(2))
        for why in (StoreBusy(), OSError(errno.ENOSPC, "full"), sqlite3.OperationalError("locked"), MemoryError()):
            with pytest.raises(type(why)):
                recover(tmp_path, self.store(found, {1}, lambda why=why: why))  # type: ignore[misc]
        assert recover(tmp_path, found.extend).entries == 2

    def test_are_not_made_when_the_store_takes_nothing_at_all(self, tmp_path: Path, found: list[Entry]) -> None:
        dead(tmp_path, request(1), request(2))
        with pytest.raises(ValueError, match="closed"):
            recover(tmp_path, self.store(found, {1, 2}, lambda: ValueError("closed")))
        assert recover(tmp_path, found.extend).entries == 2

    def test_a_single_one_does_not_stop_the_journal(self, tmp_path: Path, found: list[Entry]) -> None:
        journal = journal_in(tmp_path)
        put_many = self.store(found, {1}, lambda: ValueError("no"))
        journal.append(request(1))
        assert journal.drain(put_many) == 0
        assert journal.pending_bytes == 0
        journal.append(request(2))
        journal.close(put_many)
        assert numbers(found) == [2]

    def test_an_entry_that_cannot_be_read_is_one(self, tmp_path: Path, found: list[Entry]) -> None:
        owner = dead(tmp_path, request(1))
        header = b'{"trace_id":1}'
        prefix = struct.pack("<4sBBBxII", MAGIC, VERSION, 5, 0, len(header), 0)
        crc = crc32(prefix, seed_of(owner))
        segment = last_segment(tmp_path, owner)
        write_behind(segment, prefix + struct.pack("<II", crc, crc32(header, crc)) + header)
        write_behind(segment, frame(small(2), seed_of(owner)))
        assert recover(tmp_path, found.extend).dead_letters == 1
        assert numbers(found) == [1, 2]
