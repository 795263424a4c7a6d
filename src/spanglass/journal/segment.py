"""The file at the end of a journal, open for appending.

Invariant: after `Segment.write` returns, the frame lies in the file whole and in one piece. When it raises, the file
is cut back to where it was. While a write is under way, and for ever if it could not be cut back, the segment is
``unfinished``: an append that interrupts the write (from a garbage collection, or a signal handler) goes elsewhere.

Nothing is synced. The page cache survives the death of the process, `kill -9` included; the crash of the machine it
does not survive, and that is not promised.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

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

    __slots__ = ("_close", "_fd", "number", "path", "size", "unfinished")

    def __init__(self, path: Path, number: int) -> None:
        self._close = os.close  # still there when the interpreter has taken its modules apart
        self._fd = -1
        self._fd = os.open(path, _FLAGS, 0o600)
        self.path = path
        self.number = number
        self.size = 0
        self.unfinished = False

    def write(self, head: bytes, body: bytes) -> None:
        """Appends one frame, given in two pieces so that a large body is not copied.

        Raises:
            OSError: it could not be written whole.
        """
        size, done = len(head) + len(body), 0
        self.unfinished = True
        try:
            done = _write_both(self._fd, head, body) if body else os.write(self._fd, head)
            while done < size:  # a disk that fills, a limit, some network file systems
                done += self._write_some(memoryview(head + body)[done:])
        except OSError:
            if done:
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - done)
            self.unfinished = False
            raise
        self.size += size
        self.unfinished = False

    def _write_some(self, rest: memoryview) -> int:
        written = os.write(self._fd, rest)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        return written

    def has_name(self) -> bool:
        """Whether others can find the file: it has not been removed behind our back."""
        return os.fstat(self._fd).st_nlink > 0

    def __del__(self) -> None:
        if self._fd >= 0:
            self._close(self._fd)


if hasattr(os, "writev"):

    def _write_both(fd: int, head: bytes, body: bytes) -> int:
        return os.writev(fd, (head, body))

else:

    def _write_both(fd: int, head: bytes, body: bytes) -> int:
        return os.write(fd, head + body)
