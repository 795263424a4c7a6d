"""The writing end of the journal: one owner, appending.

Invariant: when `Journal.append` returns True, the entry lies whole in a file that others can find, and survives the
death of this process. Should somebody remove that file, what was written since the last look, four a second, is written
again. It never waits for a store, a network or another process, and no `OSError` leaves it. It may be
called from any thread, in a garbage collection or a signal handler that interrupts another append, and in a forked
child.
"""

from __future__ import annotations

import errno
import os
import struct
import threading
import time
import weakref
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Literal, TypeAlias

from spanglass.journal import report
from spanglass.journal.bound import head_room, without_body
from spanglass.journal.files import OwnerFiles, Place, make_directory, new_owner, read_place, segment_bytes, write_place
from spanglass.journal.frame import encode_all, entries_in, seed_of
from spanglass.journal.lock import FileLock
from spanglass.journal.mapped import LARGE_BYTES, open_segment
from spanglass.journal.transfer import GENTLE, transfer
from spanglass.model.entry import ExitEntry

if TYPE_CHECKING:
    from pathlib import Path

    from spanglass.journal.segment import Segment
    from spanglass.journal.transfer import PutMany
    from spanglass.model.entry import Entry

#: ``bodies``: entries written without their body, and ``full``: entries not written, both at the bound. ``disk``:
#: entries that the disk did not take. ``unreadable``: entries that cannot be put in JSON.
Drop: TypeAlias = Literal["bodies", "full", "disk", "unreadable"]

_KEEP_BYTES = 1 << 20  # a drained segment above this is removed at once, not only when the next one has begun
_RETRY_S = 1.0
#: How long small entries may lie in a file, and how many, before somebody looks if it was removed behind our back.
_LOOK_S = 0.25
_LOOK_COUNT = 256
_DRAIN_WAIT_S = 2.0
_LOCK_WAIT_S = 0.05
_TRIES = 8


class Journal:
    """A journal of this process in ``directory``; a forked child goes on with one of its own.

    Nothing is created before the first append. The directory is then 0700 and the files are 0600.

    Args:
        directory: where the journals of all processes lie; on a local disk.
        max_bytes: how many bytes may wait there. Above it, entries are written without their bodies and marked so; a
            little further above, not at all.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from spanglass.model.entry import UpstreamEntry
        >>> journal = Journal(Path(tempfile.mkdtemp()) / "journal", max_bytes=1 << 30)
        >>> journal.append(UpstreamEntry("0" * 32, "0" * 16, body=b'"what came before"'))
        True
        >>> stored = []
        >>> journal.close(stored.extend)
        >>> [entry.kind for entry in stored]
        ['upstream', 'exit']
    """

    def __init__(self, directory: Path, *, max_bytes: int) -> None:
        self.directory = directory
        self._max_bytes = max_bytes
        self._head_room = head_room(max_bytes)
        self._lock = threading.RLock()
        self._dropped: dict[Drop, int] = {}
        self._said: set[tuple[Drop, int]] = set()
        self._begin()
        _journals.add(self)

    def _begin(self) -> None:
        """Starts over as a new owner, who has no files yet. What was open closes once no append holds it."""
        self._files = OwnerFiles(self.directory, new_owner())
        self._seed = seed_of(self._files.owner)
        self._life: FileLock | None = None
        # One, but while an append that opens a segment is interrupted by another: then the highest number counts.
        self._segments: list[Segment] = []
        self._numbers = count(1)
        self._pending = 0
        self._others = 0
        self._retry_at = 0.0
        #: How often was written since somebody looked whether the file is still there.
        self._unseen = 0
        self._look_at = 0.0

    @property
    def owner(self) -> str:
        """The id of this process's journal; a new one after a fork, and after `close`."""
        return self._files.owner

    @property
    def pending_bytes(self) -> int:
        """How many bytes of this owner wait to be drained, as far as this process knows."""
        return self._pending

    @property
    def dropped(self) -> dict[Drop, int]:
        """How many entries were not written, or not whole, by reason, since the process began."""
        with self._lock:
            return dict(self._dropped)

    def append(self, *entries: Entry) -> bool:
        """Writes entries behind all others, in one piece.

        Returns:
            True when they will be found, whatever happens to this process; False when they were dropped, which is
            counted in `dropped` and said at WARNING the first time of each reason.
        """
        if self._retry_at and time.monotonic() < self._retry_at:
            return self._drop("disk", times=len(entries))
        try:
            seed = self._seed
            pieces, size = encode_all(entries, seed)
            with self._lock:
                if self._pending + self._others + size <= self._max_bytes:
                    return self._write(entries, seed, pieces, size)
            return self._squeeze(entries)
        except OSError as why:
            self._retry_at = time.monotonic() + _RETRY_S
            return self._drop("disk", why, times=len(entries))
        except (TypeError, ValueError, RecursionError, struct.error) as why:
            if len(entries) > 1:  # each alone: the others are none the worse for it
                return all([self.append(entry) for entry in entries])  # noqa: C419 - each is to be tried
            return self._drop("unreadable", why)

    def drain(self, put_many: PutMany) -> int:
        """Moves what this process has appended so far into a store.

        Args:
            put_many: takes a batch of entries whole, or raises.

        Returns:
            How many entries were moved; 0 also when another process is moving them.

        Raises:
            Exception: what ``put_many`` raises; the batch it was given is then still in the journal.
        """
        if not self._pending:
            return 0
        self._look()
        files = self._files
        try:
            lock = FileLock.take(files.drain, wait_s=_DRAIN_WAIT_S, create=True)
        except (FileNotFoundError, NotADirectoryError):  # someone removed the whole directory
            self._settle(files, Place())
            return 0
        if lock is None:
            return 0
        with lock:
            try:
                tally = transfer(files, lock.fd, put_many, dead=False, limits=GENTLE)
            finally:
                self._settle(files, read_place(lock.fd))
        report.transferred(files, tally)
        return tally.entries

    def close(self, put_many: PutMany | None) -> None:
        """Drains, tells the store that this owner is gone, and removes its files.

        What cannot be drained is left for the next process. An append after this begins a journal anew.

        Args:
            put_many: as for `drain`; None leaves everything as it is.

        Raises:
            Exception: what ``put_many`` raises; everything not yet moved is then still there.
        """
        files = self._files
        try:
            if put_many is not None and self._life is not None:
                self.drain(put_many)
                self._end(put_many)
        finally:
            with self._lock:
                if files is self._files:  # else it came to its end whole, and an append may have begun it anew
                    self._look()
                    life = self._life
                    self._begin()
                    if life is not None:
                        life.release()

    def _end(self, put_many: PutMany) -> None:
        files = self._files
        if self._pending:
            return
        put_many([ExitEntry(files.owner)])
        drain = FileLock.take(files.drain, wait_s=_DRAIN_WAIT_S, create=True)
        if drain is None:
            return
        with drain, self._lock:
            if self._life is not None and not self._undrained(read_place(drain.fd)):
                for number in files.segments():
                    files.segment(number).unlink(missing_ok=True)
                drain.remove()
                self._life.remove()
                self._begin()

    def _settle(self, files: OwnerFiles, place: Place) -> None:
        """Looks what is left on disk behind the checkpoint: the counts kept while appending are only estimates."""
        with self._lock:
            if files is not self._files:
                return
            try:
                self._pending = self._undrained(place)
                if self._others:
                    self._others = segment_bytes(self.directory, but=self.owner)
            except OSError:
                self._pending = self._others = 0
            for segment in list(self._segments):
                if not self._pending and segment.size > _KEEP_BYTES:
                    self._leave(segment)
                    segment.path.unlink(missing_ok=True)

    def _undrained(self, place: Place) -> int:
        return self._files.undrained_bytes(place, {segment.number: segment.size for segment in self._segments})

    def _squeeze(self, entries: tuple[Entry, ...]) -> bool:
        """Writes entries at the bound: without bodies that have no room, and where needed into the room above it."""
        bodies = sum(len(getattr(entry, "body", None) or b"") for entry in entries)
        if bodies and not self._has_room(bodies, 0):
            entries = tuple(map(self._strip, entries))
        seed = self._seed
        pieces, size = encode_all(entries, seed)
        with self._lock:
            if self._has_room(size, self._head_room):
                return self._write(entries, seed, pieces, size)
        smaller = tuple(map(self._strip, entries))  # another thread took the room that a body was to have
        if any(one is not other for one, other in zip(smaller, entries, strict=True)):
            return self._squeeze(smaller)
        if len(entries) > 1:
            return all([self._squeeze((entry,)) for entry in entries])  # noqa: C419 - each is to be tried
        return self._drop("full")

    def _write(self, entries: tuple[Entry, ...], seed: int, pieces: list[bytes], size: int) -> bool:
        """Writes frames so that they can be found; once more when something came in between."""
        self._pending += size
        try:
            for _ in range(_TRIES):
                segment = self._segments[0] if len(self._segments) == 1 else self._newest()
                if segment is None or segment.full or (segment.under_way and not segment.takes_more()):
                    segment = self._open()
                if seed != self._seed:  # closed or forked since the frames were made
                    seed = self._seed
                    pieces, _ = encode_all(entries, seed)
                try:
                    if not segment.write(pieces, size):
                        self._leave(segment)
                except OSError as why:
                    if why.errno != errno.EFBIG or not segment.size:
                        raise
                    self._look()
                    self._leave(segment)  # the process may only write smaller files (ulimit -f): the next has room
                # Also an append that interrupted this one may have begun another segment, and this be drained already.
                if segment is (self._segments[0] if len(self._segments) == 1 else self._newest()):
                    self._retry_at = 0.0
                    return segment.looks or self._is_seen(size)
        except OSError:
            self._pending = max(0, self._pending - size)
            raise
        raise OSError(errno.ESTALE, "its files vanish again and again", str(self.directory))

    def _is_seen(self, size: int) -> bool:
        """Leaves looking for what was written to later; looks now at large entries, and every now and then."""
        self._unseen += 1
        later = size <= LARGE_BYTES and self._unseen < _LOOK_COUNT and time.monotonic() < self._look_at
        return later or self._look()

    def _look(self) -> bool:
        """Looks whether what was written since the last look can be found, and writes it again where it cannot.

        Returns:
            False when that failed, which is then counted and said.
        """
        with self._lock:
            if not self._unseen:
                return True
            self._unseen = 0
            self._look_at = time.monotonic() + _LOOK_S
            lost: list[Entry] = []
            try:
                for segment in list(self._segments):
                    if not segment.is_there():
                        self._leave(segment)
                        lost += entries_in(segment.unseen(), self._seed)
                    segment.saw()
                if not lost:
                    return True
                pieces, size = encode_all(lost, self._seed)
                return self._write(tuple(lost), self._seed, pieces, size)
            except OSError as why:
                self._retry_at = time.monotonic() + _RETRY_S
                return self._drop("disk", why, times=len(lost))

    def _leave(self, segment: Segment) -> None:
        with suppress(ValueError):
            self._segments.remove(segment)

    def _open(self) -> Segment:
        self._look()
        if self._life is None or not self._life.has_name():
            self._come_to_life()
        number = next(self._numbers)
        segment = open_segment(self._files.segment(number), number, self._max_bytes)
        self._segments.append(segment)
        return segment

    def _newest(self) -> Segment | None:
        """The segment that is written to, if there is one; the others are let go of."""
        while len(self._segments) > 1:
            self._leave(min(self._segments, key=lambda segment: segment.number))
        return self._segments[0] if self._segments else None

    def _come_to_life(self) -> None:
        """Makes what shows other processes that this owner is there; again, if someone removed it."""
        if self._life is not None:
            self._life.release()
            self._life = None
        make_directory(self.directory)
        if not FileLock.is_ours(self._files.lock):  # else an append that this one interrupted is just taking it
            life = FileLock.take(self._files.lock, wait_s=_LOCK_WAIT_S, create=True)
            if life is not None:
                self._life = life
            elif not FileLock.is_ours(self._files.lock):
                raise OSError(errno.EAGAIN, "another process holds the lock", str(self._files.lock))
        self._others = segment_bytes(self.directory, but=self.owner)
        drain = FileLock.take(self._files.drain, create=True)
        if drain is not None:  # else another process is at it, so it is there
            with drain:
                write_place(drain.fd, read_place(drain.fd))  # its block is taken now: a full disk will not stop a drain

    def _has_room(self, size: int, more: int) -> bool:
        return self._pending + self._others + size <= self._max_bytes + more

    def _strip(self, entry: Entry) -> Entry:
        stripped = without_body(entry)
        if stripped is not entry:
            self._drop("bodies")
        return stripped

    def _drop(self, kind: Drop, why: Exception | None = None, *, times: int = 1) -> bool:
        reason = (kind, getattr(why, "errno", None) or 0)
        with self._lock:
            self._dropped[kind] = self._dropped.get(kind, 0) + times
            said = reason in self._said or (kind == "disk" and why is None)
            self._said.add(reason)
        if not said:
            self._warn(kind, why)
        return False

    def _warn(self, kind: Drop, why: Exception | None) -> None:
        if isinstance(why, OSError):
            report.disk_refused(self.directory, why)
        elif why is not None:
            report.entry_refused(why)
        elif kind == "bodies":
            report.bodies_dropped(self.directory, self._max_bytes)
        else:
            report.entries_dropped(self.directory, self._max_bytes)

    def after_fork_in_child(self) -> None:
        """Lets go of all that is the parent's, without touching it."""
        self._lock = threading.RLock()
        self._dropped = {}
        self._begin()


_journals: weakref.WeakSet[Journal] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for journal in list(_journals):
        journal.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
