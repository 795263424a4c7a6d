"""The files of a journal: their names, and the checkpoint that says how far a journal is drained.

::

    <owner>.lock     locked by its process as long as that lives
    <owner>.drain    locked by whoever is draining; holds the checkpoint
    <owner>-<n>.wal  segments of frames, n = 1, 2, …; only the last one grows; zeros may follow the frames
    <owner>.dead     entries that no store took, one JSON line each; kept for a person to look at

Invariant: the checkpoint never points beyond what a store has taken. Damaged, it reads as the very start: what was
drained is then put once more, which a store does not mind.
"""

from __future__ import annotations

import os
import re
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NAME = re.compile(r"(?P<owner>\d+-[0-9a-f]+-[0-9a-f]{8})(?:-(?P<segment>\d+)\.wal|\.lock|\.drain)")
_CHECKPOINT = struct.Struct("<8sQQ")
_CRC = struct.Struct("<I")
_CHECKPOINT_MAGIC = b"SPGPLACE"
_STEP, _STEPS = 256, 1 << 18


def new_owner() -> str:
    """An id for a journal that no other on this machine has: process id, time, chance."""
    return f"{os.getpid()}-{int(time.time()):x}-{os.urandom(4).hex()}"


class Place(NamedTuple):
    """A place in a journal: the number of a segment, and an offset in it in bytes."""

    segment: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class OwnerFiles:
    """The paths of one owner's journal."""

    directory: Path
    owner: str

    @property
    def lock(self) -> Path:
        """What the owner holds for life."""
        return self.directory / f"{self.owner}.lock"

    @property
    def drain(self) -> Path:
        """What is held while draining."""
        return self.directory / f"{self.owner}.drain"

    @property
    def dead(self) -> Path:
        """The dead letters."""
        return self.directory / f"{self.owner}.dead"

    def segment(self, number: int) -> Path:
        """One file of frames."""
        return self.directory / f"{self.owner}-{number}.wal"

    def segments(self) -> list[int]:
        """The numbers of the segments that are there, in order.

        Raises:
            OSError: the directory cannot be read.
        """
        return owners(self.directory).get(self.owner, [])

    def undrained_bytes(self, place: Place, sizes: Mapping[int, int] | None = None) -> int:
        """How many bytes are behind a place; ``sizes`` are those of segments that the caller has open."""
        total, known = 0, sizes or {}
        for number in self.segments():
            if number >= place.segment:
                size = known[number] if number in known else data_bytes(self.segment(number))
                total += max(0, size - (place.offset if number == place.segment else 0))
        return total


def owners(directory: Path) -> dict[str, list[int]]:
    """Every owner that has files in the directory, with the numbers of its segments in order.

    Raises:
        OSError: the directory cannot be read.
    """
    found: dict[str, list[int]] = {}
    for name in os.listdir(directory):  # noqa: PTH208 - names are all that is needed, at a third of the cost
        match = _NAME.fullmatch(name)
        if match is not None:
            segments = found.setdefault(match["owner"], [])
            if match["segment"] is not None:
                segments.append(int(match["segment"]))
    for segments in found.values():
        segments.sort()
    return found


def segment_bytes(directory: Path, *, but: str) -> int:
    """How many bytes lie in the segments of all owners but one.

    Raises:
        OSError: the directory cannot be read.
    """
    return sum(
        data_bytes(OwnerFiles(directory, owner).segment(number))
        for owner, segments in owners(directory).items()
        if owner != but
        for number in segments
    )


def data_bytes(path: Path) -> int:
    """How large a segment is without the zeros behind its frames; 0 if it is not there."""
    try:
        with path.open("rb") as file:
            return data_end(file)
    except OSError:  # drained and removed meanwhile
        return 0


def data_end(file: BinaryIO) -> int:
    """Where in an open segment the last byte lies that is no zero: room may have been made behind its frames.

    A frame whose body ends in zeros reaches further, but always begins before that.
    """
    end = os.fstat(file.fileno()).st_size
    step = _STEP
    while end:
        start = max(0, end - step)
        file.seek(start)
        data = file.read(end - start).rstrip(b"\0")
        if data:
            return start + len(data)
        end, step = start, _STEPS
    return 0


def read_place(fd: int) -> Place:
    """The checkpoint in an open ``.drain`` file; the very start when there is none or it is damaged."""
    os.lseek(fd, 0, os.SEEK_SET)
    raw = os.read(fd, _CHECKPOINT.size + _CRC.size)
    if len(raw) < _CHECKPOINT.size + _CRC.size:
        return Place()
    magic, segment, offset = _CHECKPOINT.unpack_from(raw)
    (crc,) = _CRC.unpack_from(raw, _CHECKPOINT.size)
    if magic != _CHECKPOINT_MAGIC or crc32(raw[: _CHECKPOINT.size]) != crc:
        return Place()
    return Place(segment, offset)


def write_place(fd: int, place: Place) -> None:
    """Sets the checkpoint in place: one small write, which a kill does not tear.

    Raises:
        OSError: it could not be written.
    """
    raw = _CHECKPOINT.pack(_CHECKPOINT_MAGIC, place.segment, place.offset)
    os.lseek(fd, 0, os.SEEK_SET)
    os.write(fd, raw + _CRC.pack(crc32(raw)))


def make_directory(directory: Path) -> None:
    """Makes the directory, and the ones above it that are missing, for this user alone.

    Raises:
        OSError: it cannot be made, or is no directory.
    """
    if directory.is_dir():
        return
    if not directory.parent.exists():
        make_directory(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
