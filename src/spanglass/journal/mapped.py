"""A segment whose end lies in memory that it shares with its file: a small frame is written without a system call.

A system call amid a program that does other things costs ten times what it costs in a loop, and two of them were the
dearest part of capturing a small call. What is written to a mapped page is the file's at once: it survives the death
of the process just as what is written by a call, and every other process reads it.

Invariant: a page is touched only after the file system has given room for it (`posix_fallocate`), so a full disk is an
error here and no signal; and nothing of ours ever makes such a file shorter. Behind the last frame are zeros. Large
frames, whose copying would touch many fresh pages, are written by a call.

A fresh page costs a fault, which amid a program that does other things is as dear as a system call, and a tenth of that
for each one more at a time. So where the system can, some pages are made ready together, behind each frame that comes
near the last of them; that touches nothing that is written, so an append that interrupts it may go on there.
"""

from __future__ import annotations

import errno
import mmap
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from spanglass.journal.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: How much of the file is mapped at a time, and the largest frame that is copied there.
WINDOW_BYTES = 1 << 20
LARGE_BYTES = 16 << 10
#: How much behind the last frame is ready for the next, at least, and how much is made ready together.
_READY_BYTES = 8 << 10
_AHEAD_BYTES = 32 << 10
#: A journal with a smaller bound is not to be filled with room for frames to come.
LEAST_BOUND = 64 * WINDOW_BYTES

#: The same number on every Linux that has it (5.14); elsewhere it may mean something else.
_POPULATE_WRITE = 23

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)


class MappedSegment(Segment):
    """A segment file of which one window is mapped. Arguments and errors as of `Segment`."""

    __slots__ = ("_base", "_ready", "_seen", "_until", "_window")

    looks = False
    flags = _FLAGS

    def __init__(self, path: Path, number: int) -> None:
        super().__init__(path, number)
        self._base = self._until = self._seen = 0
        if not self._has_window(0):
            path.unlink(missing_ok=True)
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), str(path))
        self._ready = sys.maxsize
        if sys.platform == "linux":
            self._make_ready(0, _AHEAD_BYTES)

    def takes_more(self) -> bool:
        """Whether a frame may follow; never amid an interrupted write."""
        return not self.under_way

    def write(self, pieces: Sequence[bytes], size: int) -> bool:
        """See `Segment.write`."""
        self.under_way = True
        start = self.size
        end = start + size
        try:
            if size <= LARGE_BYTES and (end <= self._until or self._has_window(start)):
                base = self._base
                self._window[start - base : end - base] = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            else:
                self._write_by_call(pieces, start, size)
        except OSError:
            self.full = True  # what may lie behind the last frame now is followed by no other
            self.under_way = False
            raise
        self._advance(end)
        if end + _READY_BYTES > self._until and not self.full:
            self._has_window(end)
        self.under_way = False
        if end + _READY_BYTES > self._ready and not self.full:
            self._make_ready(end, _AHEAD_BYTES if size <= LARGE_BYTES else _READY_BYTES)
        return True

    def unseen(self) -> bytes:
        """See `Segment.unseen`."""
        return os.pread(self._fd, self.size - self._seen, self._seen)

    def saw(self) -> None:
        """See `Segment.saw`."""
        self._seen = self.size

    def _make_ready(self, start: int, size: int) -> None:
        """Takes the pages behind ``start`` from the file; never again where the system cannot do that."""
        first = start - start % mmap.PAGESIZE - self._base
        self._ready = min(start + size, self._until)
        try:
            self._window.madvise(_POPULATE_WRITE, first, self._ready - self._base - first)
        except (OSError, ValueError):
            self._ready = sys.maxsize

    def _has_window(self, start: int) -> bool:
        """Maps the window in which ``start`` lies near the beginning; False where there is no room, or no mapping."""
        base = start - start % mmap.ALLOCATIONGRANULARITY
        try:
            os.posix_fallocate(self._fd, base, WINDOW_BYTES)
            self._window = mmap.mmap(self._fd, WINDOW_BYTES, offset=base)
        except (OSError, ValueError):
            return False
        self._base, self._until = base, base + WINDOW_BYTES
        return True

    def _write_by_call(self, pieces: Sequence[bytes], start: int, size: int) -> None:
        done = os.pwritev(self._fd, pieces, start)
        while done < size:
            done += self._write_some(memoryview(b"".join(pieces))[done:], start + done)


def open_segment(path: Path, number: int, bound: int) -> Segment:
    """A new segment: a mapped one where the system has what it takes and the journal's ``bound``, in bytes, has room.

    Raises:
        OSError: it cannot be made.
    """
    if bound >= LEAST_BOUND and hasattr(os, "posix_fallocate") and hasattr(os, "pwritev"):
        with suppress(OSError):  # a file system that maps nothing or gives no room ahead; a limit on file sizes
            return MappedSegment(path, number)
    return Segment(path, number)
