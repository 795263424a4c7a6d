"""The file at the end of a journal, open for appending.

Invariant: after `Segment.write` returns, the frame lies in the file whole and in one piece. When it raises, the file
is cut back to where it was. A write may be interrupted by another append in the same thread (from a garbage collection,
or a signal handler): between the two halves of a frame the segment takes no more, and the other goes elsewhere.

Nothing is synced. The page cache survives the death of the process, `kill -9` included; the crash of the machine it
does not survive, and that is not promised.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SEGMENT_BYTES = 16 << 20

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Segment:
    """A new segment file.

    It closes when nothing refers to it any more, never before: an append that was interrupted may still hold it, and
    must not write to a descriptor that by now is a file of the host.

    Args:
        path: where; it must not exist.
        number: which of the journal's segments it is.

    Raises:
        OSError: it cannot be made.
    """

    __slots__ = ("_close", "_fd", "_goal", "full", "number", "path", "size", "under_way")

    #: `write` looks whether the file is still there.
    looks = True
    flags = _FLAGS

    def __init__(self, path: Path, number: int) -> None:
        self._close = os.close  # still there when the interpreter has taken its modules apart
        self._fd = -1
        self._fd = os.open(path, self.flags, 0o600)
        self._goal = 0  # how large the file is when the write under way is done
        self.under_way = False
        #: The next frame belongs in the next segment.
        self.full = False
        self.path = path
        self.number = number
        self.size = 0

    def takes_more(self) -> bool:
        """Whether a frame may follow: not amid an interrupted write, nor behind one that could not be cut back."""
        return not self.under_way or os.fstat(self._fd).st_size in (self.size, self._goal)

    def write(self, pieces: Sequence[bytes], size: int) -> bool:
        """Appends frames.

        Args:
            pieces: the frames, in pieces so that a large body is not copied.
            size: of all pieces, in bytes.

        Returns:
            Whether others can find the file: False when it has been removed behind our back. One that does not look
            (`looks`) says True.

        Raises:
            OSError: it could not be written whole.
        """
        done, interrupting = 0, self.under_way
        self._goal = self.size + size
        self.under_way = True
        try:
            done = _write_all(self._fd, pieces)
            while done < size:  # a disk that fills, a limit, some network file systems
                done += self._write_some(memoryview(b"".join(pieces))[done:])
        except OSError:
            if done:
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - done)
            self.under_way = interrupting
            raise
        status = os.fstat(self._fd)
        self._advance(status.st_size)
        self.under_way = interrupting
        return status.st_nlink > 0

    def is_there(self) -> bool:
        """Whether others can find the file: False when it has been removed behind our back."""
        return os.fstat(self._fd).st_nlink > 0

    def unseen(self) -> bytes:
        """The frames that were written since `saw`, also of a file that has been removed; none where `write` looks."""
        return b""

    def saw(self) -> None:
        """What was written so far has been looked for."""

    def _advance(self, size: int) -> None:
        self.size = size
        self.full = size >= SEGMENT_BYTES

    def _write_some(self, rest: memoryview, at: int | None = None) -> int:
        written = os.write(self._fd, rest) if at is None else os.pwrite(self._fd, rest, at)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        return written

    def __del__(self) -> None:
        fd = getattr(self, "_fd", -1)  # it may not have come to be
        if fd >= 0:
            self._close(fd)


def _gather(fd: int, pieces: Sequence[bytes]) -> int:
    return os.write(fd, b"".join(pieces))


_write_all = getattr(os, "writev", _gather)
