"""SQLite's faults in our own words: what failed, where, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanglass.errors import StoreBusy, StoreCorrupt, StoreError, StoreMissing, StoreTooNew

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

#: By what SQLite's message says (its codes are not to be had before Python 3.11): our error, and what to do.
_FAULTS: tuple[tuple[tuple[str, ...], type[StoreError], str], ...] = (
    (
        ("is not a database", "file is encrypted"),
        StoreCorrupt,
        "the file is not a spanglass store; move it away, or name another path in SPANGLASS_STORE",
    ),
    (
        ("malformed", "no such table", "no such column", "database corruption"),
        StoreCorrupt,
        "the file is damaged; run 'spanglass verify', and restore it from a copy or move it away",
    ),
    (
        ("locked", "busy"),
        StoreBusy,
        "another process holds it; try again, or find the holder (a backup, a database browser)",
    ),
    (
        ("readonly", "read-only"),
        StoreError,
        "it cannot be written; mind the permissions of the file and of its directory",
    ),
    (("unable to open",), StoreError, "it cannot be opened; mind the permissions of the file and of its directory"),
    (("is full",), StoreError, "the disk is full; make room, or run 'spanglass prune'"),
)


def translate(url: str, fault: sqlite3.Error) -> StoreError:
    """The error to raise for a fault of SQLite's. SQLite's messages hold no payload."""
    text = str(fault)
    for marks, kind, advice in _FAULTS:
        if any(mark in text for mark in marks):
            return kind(f"the store {url!r} failed ({text}): {advice}")
    return StoreError(f"the store {url!r} failed: {type(fault).__name__}: {text}")


def missing(url: str) -> StoreMissing:
    """There is no file, or an empty one."""
    return StoreMissing(
        f"there is no store at {url!r}: nothing has been captured yet, or SPANGLASS_STORE or SPANGLASS_STATE_DIR "
        "differ from the program's"
    )


def foreign(url: str) -> StoreCorrupt:
    """A database of another program."""
    return StoreCorrupt(
        f"{url!r} is an SQLite database of another program, not a spanglass store; name another path in SPANGLASS_STORE"
    )


def too_new(url: str, version: int, known: int) -> StoreTooNew:
    """A store of a later version."""
    return StoreTooNew(
        f"the store {url!r} has version {version} and this spanglass reads up to {known}; upgrade it: "
        "pip install -U spanglass"
    )


def outdated(url: str, version: int) -> StoreError:
    """A store of an earlier version that was opened for reading."""
    return StoreError(
        f"the store {url!r} has the old version {version}; open it once for writing, so that it is migrated"
    )


def directory(url: str) -> StoreError:
    """A directory where the file should be."""
    return StoreError(
        f"cannot open the store {url!r}: a directory is there; name a file in it, as in {url.rstrip('/')}/spanglass.db"
    )


def unwritable(url: str, path: Path, why: str) -> StoreError:
    """The file, or a directory above it, cannot be made or written."""
    return StoreError(
        f"cannot write the store {url!r}: {path}: {why}; mind its permissions, or name another path in SPANGLASS_STORE"
    )


def read_only(url: str) -> StoreError:
    """A write to what was opened for reading."""
    return StoreError(f"cannot write to {url!r}: it was opened read-only")
