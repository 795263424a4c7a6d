"""Moves what lies in one owner's journal into a store, under that owner's drain lock.

Invariant: the checkpoint is set only after a store has taken what is before it, so every entry reaches the store at
least once, in the order it was appended, whoever drains and whenever they are killed. What no store will ever take is
kept in the dead letters; what cannot be read is counted. Nothing else is passed over.
"""

from __future__ import annotations

import base64
import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, TypeAlias

from spanglass.errors import JournalError
from spanglass.journal.files import Place, data_end, read_place, write_place
from spanglass.journal.frame import Frame, decode, find, read, seed_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from spanglass.journal.files import OwnerFiles
    from spanglass.model.entry import Entry

    PutMany: TypeAlias = "Callable[[Sequence[Entry]], None]"

#: Faults that an entry causes, and that it would cause each time. All others may pass, so the entries wait for that.
_ENTRY_FAULTS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError, RecursionError)
#: The same among database drivers' faults (PEP 249), known by name: this room imports no driver.
_ENTRY_FAULT_NAMES = frozenset({"DataError", "IntegrityError", "NotSupportedError"})


class Limits(NamedTuple):
    """How much goes to the store at once."""

    entries: int
    body_bytes: int


#: For the thread beside a host program, which should never wait long for the interpreter.
GENTLE = Limits(64, 1 << 20)
#: For a program that does nothing else.
SWIFT = Limits(512, 8 << 20)


@dataclass(slots=True)
class Tally:
    """What a transfer did. Sizes are in bytes."""

    entries: int = 0
    torn_bytes: int = 0
    damaged_bytes: int = 0
    dead_letters: int = 0


class _Batch(NamedTuple):
    """What was read up to ``end``; ``more`` tells whether reading on from there may give more."""

    frames: list[Frame]
    end: int
    more: bool
    torn_bytes: int = 0
    damaged_bytes: int = 0


class _Item(NamedTuple):
    frame: Frame
    entry: Entry


class _Refused(NamedTuple):
    frame: Frame
    why: Exception


def transfer(files: OwnerFiles, fd: int, put_many: PutMany, *, dead: bool, limits: Limits) -> Tally:
    """Puts everything that lies behind the checkpoint now, and removes the segments that are done with.

    Args:
        files: whose journal.
        fd: its ``.drain`` file, locked.
        put_many: takes a batch, or raises and has taken nothing that matters: the same batch comes again.
        dead: the owner is gone, so what follows its last good entry will never be completed.
        limits: how much to put at once.

    Raises:
        JournalError: a newer spanglass wrote it, or it cannot be opened.
        Exception: what ``put_many`` raises; the checkpoint is then where the last good batch ended.
    """
    tally = Tally()
    place = read_place(fd)
    segments = files.segments()  # listed before any is read: whatever is not the last one has stopped growing
    for number in segments:
        if number >= place.segment:
            offset = place.offset if number == place.segment else 0
            last = number == segments[-1]
            _transfer_segment(_Run(files, fd, put_many, limits, tally), Place(number, offset), sealed=dead or not last)
            if last:
                break
            write_place(fd, Place(number + 1, 0))
        files.segment(number).unlink(missing_ok=True)
    return tally


class _Run(NamedTuple):
    files: OwnerFiles
    fd: int
    put_many: PutMany
    limits: Limits
    tally: Tally


def _transfer_segment(run: _Run, place: Place, *, sealed: bool) -> None:
    files, fd, put_many, limits, tally = run
    seed = seed_of(files.owner)
    with _open(files.segment(place.segment)) as file:
        until = data_end(file)  # no further, or a busy writer would keep a reader here for ever
        offset, more = place.offset, True
        while more and offset < until:
            batch = _read_batch(file, offset, until, seed, limits, sealed=sealed)
            if batch is None:
                message = (
                    f"{files.segment(place.segment)} was written by a newer spanglass; upgrade this one to read it"
                )
                raise JournalError(message)
            refused = _put(batch.frames, put_many)
            _bury(files, refused)
            if batch.end != offset:
                write_place(fd, Place(place.segment, batch.end))
            tally.entries += len(batch.frames) - len(refused)
            tally.dead_letters += len(refused)
            tally.torn_bytes += batch.torn_bytes
            tally.damaged_bytes += batch.damaged_bytes
            offset, more = batch.end, batch.more


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as why:
        message = f"cannot read {path}: {why.strerror}; run it as the user that owns the file"
        raise JournalError(message) from why


def _read_batch(file: BinaryIO, start: int, until: int, seed: int, limits: Limits, *, sealed: bool) -> _Batch | None:
    """Reads whole frames up to the limits; None when a newer version wrote them."""
    frames: list[Frame] = []
    offset, room = start, limits.body_bytes
    while len(frames) < limits.entries and room > 0 and offset < until:
        frame = read(file, offset, seed)
        if frame == "damaged" and not sealed:
            frame = read(file, offset, seed)  # it was just being written
        if isinstance(frame, Frame):
            frames.append(frame)
            room -= frame.end - offset
            offset = frame.end
        elif frame == "newer":
            return None if not frames else _Batch(frames, offset, more=True)
        elif frames:
            return _Batch(frames, offset, more=True)  # what is wrong here is seen to in the next batch
        else:
            return _skip(file, offset, until, seed, unfinished=frame != "damaged" and not sealed, sealed=sealed)
    return _Batch(frames, offset, more=True)


def _skip(file: BinaryIO, offset: int, until: int, seed: int, *, unfinished: bool, sealed: bool) -> _Batch:
    """Passes over bytes that are no frame, to the next good one; the end of a growing segment may be unfinished."""
    if unfinished:
        return _Batch([], offset, more=False)
    good = find(file, offset + 1, until, seed)
    if good is not None:
        return _Batch([], good, more=True, damaged_bytes=good - offset)
    if sealed:
        return _Batch([], until, more=False, torn_bytes=until - offset)
    return _Batch([], offset, more=False)


def _put(frames: list[Frame], put_many: PutMany) -> list[_Refused]:
    """Puts a batch; gives back what can never be put."""
    decoded = [_read_entry(frame) for frame in frames]
    items = [item for item in decoded if isinstance(item, _Item)]
    refused = [item for item in decoded if isinstance(item, _Refused)]
    if items:
        try:
            put_many([item.entry for item in items])
        except Exception as why:
            if not _is_entry_fault(why):
                raise
            culprits = _isolate(items, put_many)
            if len(culprits) == len(items) > 1:
                raise  # a store that takes none of several is itself what is wrong
            refused += culprits
    return refused


def _read_entry(frame: Frame) -> _Item | _Refused:
    try:
        return _Item(frame, decode(frame))
    except ValueError as why:
        return _Refused(frame, why)


def _isolate(items: list[_Item], put_many: PutMany) -> list[_Refused]:
    """Finds the entries that make a batch fail, by halving; all others are put."""
    try:
        put_many([item.entry for item in items])
    except Exception as why:
        if not _is_entry_fault(why):
            raise
        if len(items) == 1:
            return [_Refused(items[0].frame, why)]
        half = len(items) // 2
        return _isolate(items[:half], put_many) + _isolate(items[half:], put_many)
    return []


def _is_entry_fault(why: Exception) -> bool:
    return isinstance(why, _ENTRY_FAULTS) or type(why).__name__ in _ENTRY_FAULT_NAMES


def _bury(files: OwnerFiles, refused: list[_Refused]) -> None:
    """Appends entries that no store takes to the dead letters, whole, so that a person can look at them and mend it."""
    if not refused:
        return
    lines = [
        json.dumps(
            {
                "at": time.time_ns(),
                "reason": f"{type(why).__name__}: {why}",
                "kind": frame.kind,
                "entry": frame.header.decode(errors="replace"),
                "body": None if frame.body is None else base64.b64encode(frame.body).decode(),
            }
        )
        for frame, why in refused
    ]
    fd = os.open(files.dead, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    with open(fd, "ab") as file:  # noqa: PTH123 - Path.open cannot give the mode 0600
        file.write("".join(line + "\n" for line in lines).encode())
