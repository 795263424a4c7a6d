"""Where chunks wait for the rest of their parcel: a directory for each parcel, a file for each chunk.

Invariant: a chunk that was acknowledged is on disk, so it outlives this process; a parcel is given out when the last of
its chunks has come, in whatever order and however often they came, and its files go only after a store has it. What
waits is bounded in bytes and in time; what is given up is counted and said.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from spanglass.store.parcel import Chunk

_LOG = logging.getLogger("spanglass")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOST_CHUNKS = 100_000
#: What marks a parcel that was whole and is in the store, so that a chunk sent once more is known to be of no use.
_DONE = "done"


class Depot:
    """Gathers chunks.

    Args:
        directory: where; made when it is needed.
        max_bytes: how much may wait at once.
        max_age_s: how long a parcel may wait for its next chunk, in seconds.
    """

    def __init__(self, directory: Path, *, max_bytes: int = 1 << 30, max_age_s: float = 86_400.0) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s

    def add(self, chunk: Chunk) -> list[bytes] | None:
        """Keeps a chunk. Gives all chunks of its parcel in order when it is whole, and None while it is not.

        Raises:
            ValueError: the chunk names itself in a way that no parcel's chunk does.
            OSError: it cannot be kept.
        """
        if not (_DIGEST.fullmatch(chunk.digest) and 0 <= chunk.number < chunk.count <= _MOST_CHUNKS):
            message = f"chunk {chunk.number} of {chunk.count} of {chunk.digest[:16]!r} is none"
            raise ValueError(message)
        place = self._directory / chunk.digest
        if (place / _DONE).exists():
            return None
        _make(place)
        self._write(place / f"{chunk.number}", chunk.data)
        paths = [place / f"{number}" for number in range(chunk.count)]
        if not all(path.exists() for path in paths):
            return None
        try:
            return [path.read_bytes() for path in paths]
        except FileNotFoundError:  # another request had the whole parcel, too, and has just finished with it
            return None

    def finish(self, digest: str) -> None:
        """Lets go of a parcel that a store has; a mark stays, for as long as its chunks may come again."""
        place = self._directory / digest
        _make(place)
        (place / _DONE).touch(mode=0o600)
        for path in list(place.iterdir()):
            if path.name != _DONE:
                path.unlink(missing_ok=True)

    def discard(self, digest: str) -> None:
        """Lets go of a parcel that is none."""
        shutil.rmtree(self._directory / digest, ignore_errors=True)

    def tend(self) -> int:
        """Gives up parcels that have waited too long, and the oldest of what is over the bound; tells how many."""
        deadline = time.time() - self._max_age_s
        waiting = sorted(self._waiting(), reverse=True)
        given_up, size = 0, 0
        for changed, path, held in waiting:
            size += held
            if changed < deadline or size > self._max_bytes:
                given_up += not (path / _DONE).exists()
                shutil.rmtree(path, ignore_errors=True)
        if given_up:
            _LOG.warning(
                "spanglass: %d large entries are given up, because some of their chunks never came; their records say "
                "that a part is missing.",
                given_up,
            )
        return given_up

    def waiting(self) -> int:
        """How many parcels wait for further chunks."""
        return sum(not (path / _DONE).exists() for _, path, _ in self._waiting())

    def _waiting(self) -> Iterator[tuple[float, Path, int]]:
        if not self._directory.is_dir():
            return
        for path in self._directory.iterdir():
            with suppress(FileNotFoundError, NotADirectoryError):
                held = sum(file.stat().st_size for file in path.iterdir())
                yield path.stat().st_mtime, path, held

    @staticmethod
    def _write(path: Path, data: bytes) -> None:
        """A file appears under its name only when it is whole."""
        temporary = path.with_name(f"{path.name}.{os.getpid()}-{time.monotonic_ns()}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with open(os.open(temporary, flags, 0o600), "wb") as file:  # noqa: PTH123 - Path.open cannot give the mode
            file.write(data)
        temporary.replace(path)


def _make(directory: Path) -> None:
    """Makes a directory and those above it that are not there, for the owner alone."""
    if not directory.parent.exists():
        _make(directory.parent)
    directory.mkdir(exist_ok=True, mode=0o700)
