from __future__ import annotations

import errno
import mmap
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from journal.made import journal_in, last_segment, numbers, request
from spanglass.journal import journal as writing
from spanglass.journal import mapped, recover, segment
from spanglass.journal.files import data_bytes
from spanglass.journal.mapped import WINDOW_BYTES, MappedSegment, open_segment
from spanglass.journal.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from spanglass.model.entry import Entry

pytestmark = [
    pytest.mark.segments("mapped"),
    pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="room cannot be made ahead here"),
]


@pytest.fixture
def found() -> list[Entry]:
    return []


def fails(code: int) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code))

    return fail


def test_small_and_large_entries_follow_each_other_over_many_windows(tmp_path: Path, found: list[Entry]) -> None:
    journal = journal_in(tmp_path)
    sizes = [(number * 7919) % 30_000 for number in range(400)]
    assert all(journal.append(request(number, b"x" * size)) for number, size in enumerate(sizes))
    assert data_bytes(last_segment(tmp_path, journal.owner)) == journal.pending_bytes > 4 * WINDOW_BYTES
    recover(tmp_path, found.extend)  # as another process reads it
    assert [(number, entry.body) for number, entry in zip(numbers(found), found, strict=True)] == [  # type: ignore[union-attr]
        (number, b"x" * size) for number, size in enumerate(sizes)
    ]
    journal.close(None)


def test_a_body_of_zeros_is_a_body(tmp_path: Path, found: list[Entry]) -> None:
    journal = journal_in(tmp_path)
    for number in range(3):
        journal.append(request(number, bytes(5_000)))
    recover(tmp_path, found.extend)
    assert numbers(found) == [0, 1, 2]
    journal.append(request(3, bytes(100)))
    journal.close(found.extend)
    assert numbers(found) == [0, 1, 2, 3]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["posix_fallocate", "mmap"])
def test_where_nothing_can_be_mapped_it_writes_by_calls(
    tmp_path: Path, found: list[Entry], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr({"mmap": mmap}.get(name, os), name, fails(errno.EOPNOTSUPP))
    journal = journal_in(tmp_path)
    assert journal.append(request(1))
    assert last_segment(tmp_path, journal.owner).stat().st_size == journal.pending_bytes
    assert len(list(tmp_path.glob("*.wal"))) == 1
    journal.close(found.extend)
    assert numbers(found) == [1]


def test_a_small_bound_leaves_no_room_for_windows(tmp_path: Path) -> None:
    assert type(open_segment(tmp_path / "a", 1, mapped.LEAST_BOUND)) is MappedSegment
    assert type(open_segment(tmp_path / "b", 1, mapped.LEAST_BOUND - 1)) is Segment


def test_without_room_for_a_window_it_goes_on_by_calls(
    tmp_path: Path, found: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = journal_in(tmp_path)
    journal.append(request(0, b"x" * (WINDOW_BYTES - 1_000)))
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", fails(errno.ENOSPC))
        assert all(journal.append(request(number, b"x" * 600)) for number in range(1, 6))
    assert journal.append(request(6))
    assert len(list(tmp_path.glob("*.wal"))) == 1
    journal.close(found.extend)
    assert numbers(found) == list(range(7))


def test_a_large_entry_that_breaks_off_is_followed_by_none_in_its_segment(
    tmp_path: Path, found: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_RETRY_S", 0.0)
    journal = journal_in(tmp_path)
    journal.append(request(1))
    pwritev = os.pwritev
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", lambda fd, pieces, at: pwritev(fd, [pieces[0], pieces[1][:9_000]], at))
        patch.setattr(os, "pwrite", fails(errno.ENOSPC))
        assert not journal.append(request(2, b"x" * 20_000))
    assert journal.append(request(3))
    assert journal.dropped == {"disk": 1}
    assert len(list(tmp_path.glob("*.wal"))) == 2
    journal.close(found.extend)
    assert numbers(found) == [1, 3]


def test_a_large_entry_that_is_taken_in_parts_is_whole(
    tmp_path: Path, found: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    pwritev, pwrite = os.pwritev, os.pwrite
    monkeypatch.setattr(os, "pwritev", lambda fd, pieces, at: pwritev(fd, [pieces[0][:10]], at))
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, data[:7_000], at))
    journal = journal_in(tmp_path)
    assert journal.append(request(1, b"abc" * 9_000))
    journal.close(found.extend)
    assert found[0] == request(1, b"abc" * 9_000)


class _Interrupting:
    """A window whose first write something comes into."""

    def __init__(self, inner: Any, what: Callable[[], object]) -> None:
        self.inner = inner
        self.what: Callable[[], object] | None = what

    def __setitem__(self, key: slice, value: bytes) -> None:
        what, self.what = self.what, None
        if what is not None:
            what()
        self.inner[key] = value


class _InterruptedAmidReadiness:
    """A window whose pages something else is written to while they are made ready."""

    def __init__(self, inner: Any, what: Callable[[], object]) -> None:
        self.inner = inner
        self.what = what

    def __setitem__(self, key: slice, value: bytes) -> None:
        self.inner[key] = value

    def madvise(self, *how: int) -> None:
        self.what()
        self.inner.madvise(*how)


def open_one(journal: Any) -> Any:
    (segment,) = journal._segments
    return segment


def test_an_append_that_comes_into_another_goes_elsewhere(tmp_path: Path, found: list[Entry]) -> None:
    journal = journal_in(tmp_path)
    journal.append(request(1))
    segment = open_one(journal)
    segment._window = _Interrupting(segment._window, lambda: journal.append(request(3)))
    assert journal.append(request(2))
    journal.close(found.extend)
    assert set(numbers(found)) == {1, 2, 3}


@pytest.mark.skipif(sys.platform != "linux", reason="pages are made ready by Linux only")
def test_an_append_that_comes_in_while_pages_are_made_ready_goes_behind(tmp_path: Path, found: list[Entry]) -> None:
    journal = journal_in(tmp_path)
    journal.append(request(1))
    segment = open_one(journal)
    segment._ready = 0
    segment._window = _InterruptedAmidReadiness(segment._window, lambda: journal.append(request(3)))
    assert journal.append(request(2))
    assert open_one(journal) is segment
    journal.close(found.extend)
    assert numbers(found) == [1, 2, 3]


@pytest.mark.parametrize("fault", [errno.EINVAL, errno.ENOMEM])
def test_where_pages_cannot_be_made_ready_they_are_written_all_the_same(
    tmp_path: Path, found: list[Entry], monkeypatch: pytest.MonkeyPatch, fault: int
) -> None:
    monkeypatch.setattr(mapped, "_POPULATE_WRITE", -1 if fault == errno.EINVAL else mapped._POPULATE_WRITE)
    journal = journal_in(tmp_path)
    journal.append(request(1))
    segment = open_one(journal)
    if fault == errno.ENOMEM:
        segment._ready = 0
        segment._window = _InterruptedAmidReadiness(segment._window, fails(fault))
    for number in range(2, 1_000):
        assert journal.append(request(number, b"x" * 3_000))
    assert segment._ready > WINDOW_BYTES
    journal.close(found.extend)
    assert numbers(found) == [*range(1, 1_000)]


def test_an_interrupt_in_mid_write_harms_no_later_entry(tmp_path: Path, found: list[Entry]) -> None:
    journal = journal_in(tmp_path)
    journal.append(request(1))
    segment = open_one(journal)

    def interrupt() -> None:
        raise KeyboardInterrupt

    segment._window = _Interrupting(segment._window, interrupt)
    with pytest.raises(KeyboardInterrupt):
        journal.append(request(2))
    assert journal.append(request(3))
    journal.close(found.extend)
    assert numbers(found) == [1, 3]


class TestRemoved:
    """The file is removed behind our back, between two looks."""

    @pytest.mark.parametrize("by", ["the drain", "closing", "a large entry", "a later append", "a last entry"])
    def test_what_was_written_since_the_last_look_is_written_again(
        self, tmp_path: Path, found: list[Entry], monkeypatch: pytest.MonkeyPatch, by: str
    ) -> None:
        monkeypatch.setattr(writing, "_LOOK_S", 3_600.0)
        directory = tmp_path / "journal"
        journal = journal_in(directory)
        journal.append(request(1))  # the first append looks
        shutil.rmtree(directory)
        assert journal.append(request(2))
        if by == "a last entry":  # of its segment, so the next one goes to another
            monkeypatch.setattr(segment, "SEGMENT_BYTES", 1)
        assert journal.append(request(3))
        seen: list[Entry] = []
        recover(directory, seen.extend)
        assert seen == []
        if by == "the drain":
            assert journal.drain(found.extend) == 2
        elif by == "a large entry":
            assert journal.append(request(4, b"x" * 20_000))
        elif by == "a last entry":
            assert journal.append(request(4))
        elif by == "a later append":
            monkeypatch.setattr("spanglass.journal.journal.time.monotonic", lambda: 1e12)
            assert journal.append(request(4))
        else:
            journal.close(found.extend)
        recover(directory, found.extend)
        assert numbers(found) == [2, 3, 4] if "a l" in by else [2, 3]
        journal.close(None)

    def test_what_cannot_be_written_again_is_counted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        directory = tmp_path / "journal"
        journal = journal_in(directory)
        journal.append(request(1))
        monkeypatch.setattr(writing, "_LOOK_S", 3_600.0)
        journal.append(request(2))
        shutil.rmtree(directory)
        directory.touch()
        found: list[Entry] = []
        assert journal.drain(found.extend) == 0
        assert journal.dropped == {"disk": 1}
        assert not journal.append(request(3))
        assert journal.dropped == {"disk": 2}
        journal.close(None)
