"""Reads back every journal of a directory, whoever wrote it: the living as far as they have come, the dead to the end.

Invariant: any number of processes may recover the same directory at once, beside the owners, and be killed at any
point: each entry reaches the store at least once, an owner is called gone only when its process is, and its files are
removed only when everything in them has been put.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from spanglass.errors import JournalError
from spanglass.journal.files import OwnerFiles, Place, data_bytes, owners, read_place
from spanglass.journal.lock import FileLock
from spanglass.journal.report import transferred
from spanglass.journal.transfer import GENTLE, SWIFT, Limits, Tally, transfer
from spanglass.model.entry import ExitEntry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from spanglass.journal.transfer import PutMany

#: Why a journal was left that will be drained all the same.
BUSY = "another process is draining it"


class Recovery(NamedTuple):
    """What `recover` found.

    Attributes:
        entries: how many entries were put.
        owners_gone: the owners whose process is gone; all they left was put, and their files are removed.
        torn_bytes: unfinished bytes at the end of journals whose process died in mid-write.
        damaged_bytes: bytes that could not be read amid others that could.
        dead_letters: how many entries the store cannot take; they are kept beside the journals.
        left: the owners whose journals could not be drained now, and why.
    """

    entries: int
    owners_gone: tuple[str, ...]
    torn_bytes: int
    damaged_bytes: int
    dead_letters: int
    left: Mapping[str, str]


def recover(
    directory: Path, put_many: PutMany, *, living: bool = True, wait_s: float = 2.0, gently: bool = False
) -> Recovery:
    """Puts what lies in the journals of a directory.

    Args:
        directory: where journals lie; it need not exist.
        put_many: takes a batch of entries whole, or raises; it is not called when there is nothing to put.
        living: also drain the journals of processes that run.
        wait_s: how long to wait, per journal, for another process that drains it.
        gently: in small batches, for a thread beside a host program.

    Raises:
        JournalError: the directory cannot be read.
        Exception: what ``put_many`` raises; what it has not taken is still in the journals.

    Example:
        >>> from pathlib import Path
        >>> recover(Path("/nonexistent/journal"), print).entries
        0
    """
    run = _Run(put_many, living, wait_s, GENTLE if gently else SWIFT, Tally(), [], {})
    for owner, segments in sorted(_owners(directory).items()):
        files = OwnerFiles(directory, owner)
        try:
            _recover_owner(files, segments, run)
        except JournalError as why:
            run.left[owner] = str(why)
    tally = run.tally
    return Recovery(tally.entries, tuple(run.gone), tally.torn_bytes, tally.damaged_bytes, tally.dead_letters, run.left)


class _Run(NamedTuple):
    put_many: PutMany
    living: bool
    wait_s: float
    limits: Limits
    tally: Tally
    gone: list[str]
    left: dict[str, str]


def _owners(directory: Path) -> dict[str, list[int]]:
    try:
        return owners(directory)
    except FileNotFoundError:
        return {}
    except OSError as why:
        message = (
            f"cannot read the journals in {directory}: {why.strerror}; run it as the user that owns them, or name "
        )
        message += "another directory with SPANGLASS_STATE_DIR"
        raise JournalError(message) from why


def _recover_owner(files: OwnerFiles, segments: list[int], run: _Run) -> None:
    try:
        # Without its lock file it has lost its owner; without any file it was removed since we looked.
        life = _take(files.lock, wait_s=0.0, create=bool(segments) or files.drain.exists())
        if life is not None:
            with life:
                _recover_dead(files, life, run)
        elif run.living and not _is_drained(files, segments):
            _recover_living(files, run)
    except FileNotFoundError:
        return


def _recover_living(files: OwnerFiles, run: _Run) -> None:
    drain = _take(files.drain, wait_s=run.wait_s, create=False)
    if drain is None:
        run.left[files.owner] = BUSY
        return
    with drain:
        _add(run, files, transfer(files, drain.fd, run.put_many, dead=False, limits=run.limits))


def _recover_dead(files: OwnerFiles, life: FileLock, run: _Run) -> None:
    """Under the owner's own lock, so no other process takes it for dead at the same time."""
    drain = _take(files.drain, wait_s=run.wait_s, create=True)
    if drain is None:
        run.left[files.owner] = BUSY
        return
    with drain:
        segments = files.segments()
        if segments or read_place(drain.fd) != Place():  # else it never came to write anything
            _add(run, files, transfer(files, drain.fd, run.put_many, dead=True, limits=run.limits))
            run.put_many([ExitEntry(files.owner)])
            run.gone.append(files.owner)
        for number in segments:
            files.segment(number).unlink(missing_ok=True)
        drain.remove()
        life.remove()


def _add(run: _Run, files: OwnerFiles, tally: Tally) -> None:
    run.tally.entries += tally.entries
    run.tally.torn_bytes += tally.torn_bytes
    run.tally.damaged_bytes += tally.damaged_bytes
    run.tally.dead_letters += tally.dead_letters
    transferred(files, tally)


def _take(path: Path, *, wait_s: float, create: bool) -> FileLock | None:
    try:
        return FileLock.take(path, wait_s=wait_s, create=create)
    except FileNotFoundError:
        raise
    except OSError as why:
        message = f"cannot lock {path}: {why.strerror}; run it as the user that owns the file"
        raise JournalError(message) from why


def _is_drained(files: OwnerFiles, segments: list[int]) -> bool:
    """Looks without a lock. When unsure, False: the transfer looks again with one."""
    if not segments:
        return True
    try:
        with files.drain.open("rb") as file:
            place = read_place(file.fileno())
        return place.segment == segments[-1] and place.offset >= data_bytes(files.segment(segments[-1]))
    except OSError:
        return False
