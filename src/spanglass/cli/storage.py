"""What `doctor` finds where records live: the store, the state directory, the journals.

Invariant: looking drains nothing, creates nothing and holds no lock that a writer waits for.
"""

from __future__ import annotations

import errno
import os
import tempfile
from typing import TYPE_CHECKING

from spanglass.cli.check import Check
from spanglass.errors import SpanglassError, StoreMissing
from spanglass.read.figures import counted, moment, size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from spanglass.journal.files import OwnerFiles
    from spanglass.settings import Settings

#: What must fit beside the rest: a journal's first piece.
_ROOM_BYTES = 1 << 20
_OTHERS = 0o077


def store(settings: Settings) -> Iterator[Check]:
    """Whether the store can be read and written, and what is in it."""
    from spanglass.store import open_store, without_userinfo

    name = without_userinfo(settings.store)
    if name.startswith("otlp+"):
        yield from _remote(settings.store, name)
        return
    try:
        opened = open_store(settings.store, read_only=True, create=False)
        try:
            stats = opened.stats()
        finally:
            opened.close()
    except StoreMissing:
        yield Check("store", name, "note", "not there yet: it is made when the first call is recorded")
        return
    except SpanglassError as why:
        yield Check("store", name, "wrong", "cannot be read", str(why))
        return
    since = f", {moment(stats.oldest)} to {moment(stats.newest)}" if stats.oldest and stats.newest else ""
    yield Check("store", name, "ok", f"{counted(stats.calls, 'call')}, {size(stats.bytes)}{since}")
    try:
        open_store(settings.store, create=False).close()
    except SpanglassError as why:
        yield Check("store", "writing", "wrong", "cannot be written", str(why))


def _remote(url: str, name: str) -> Iterator[Check]:
    """Whether a store that calls are sent on to takes them."""
    from spanglass.store.remote import RemoteStore

    store = RemoteStore(url)
    try:
        store.check()
    except SpanglassError as why:
        yield Check("store", name, "wrong", "takes no calls", str(why))
    else:
        yield Check("store", name, "ok", "takes calls; they are read where it keeps them")
    finally:
        store.close()


def state_directory(settings: Settings) -> Iterator[Check]:
    """Whether the state directory can be written, and that nobody else can look into it."""
    directory = settings.state_dir
    there = next((path for path in (directory, *directory.parents) if os.path.lexists(path)), directory)
    advice = "mind its permissions, or name another directory in SPANGLASS_STATE_DIR"
    if not there.is_dir():
        what = "a file" if there.exists() else "a link to what is not there"
        yield Check("state directory", str(directory), "wrong", f"{there} is {what}", advice)
        return
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(bytes(_ROOM_BYTES))  # a full disk takes an empty file
            file.flush()
    except OSError as why:
        if why.errno in (errno.ENOSPC, errno.EDQUOT):
            advice = "make room on that disk, or name a directory on another one in SPANGLASS_STATE_DIR"
        yield Check("state directory", str(directory), "wrong", f"{there} cannot be written: {why.strerror}", advice)
        return
    if there != directory:
        yield Check(
            "state directory", str(directory), "note", "not there yet: it is made when the first call is recorded"
        )
        return
    yield Check("state directory", str(directory), "ok", "can be written")
    if os.name == "posix" and directory.stat().st_mode & _OTHERS:
        mode = f"{directory.stat().st_mode & 0o777:o}"
        yield Check(
            "state directory",
            "permissions",
            "wrong",
            f"others may look into it (mode {mode})",
            f"chmod 700 {directory}",
        )


def journals(settings: Settings) -> Iterator[Check]:
    """What waits in the journals, and the entries that no store took."""
    from spanglass.journal.files import OwnerFiles, owners

    directory = settings.journal_dir
    try:
        waiting = {owner: _waiting(OwnerFiles(directory, owner)) for owner in owners(directory)}
        dead = sorted(directory.glob("*.dead"))
    except FileNotFoundError:
        yield Check("journals", str(directory), "ok", "none")
        return
    except OSError as why:
        advice = "run it as the user that owns them, or name another directory in SPANGLASS_STATE_DIR"
        yield Check("journals", str(directory), "wrong", f"cannot be read: {why.strerror}", advice)
        return
    behind = {owner: count for owner, count in waiting.items() if count}
    if behind:
        told = f"{size(sum(behind.values()))} of {counted(len(behind), 'journal')}"
        yield Check("journals", str(directory), "note", f"{told} wait for the store; 'spanglass ls' moves it there")
    else:
        told = f"{counted(len(waiting), 'journal')}, all drained" if waiting else "none"
        yield Check("journals", str(directory), "ok", told)
    for path in dead:
        lines = _lines(path)
        told = f"{counted(lines, 'entry', 'entries')} that no store took"
        yield Check("journals", path.name, "wrong", told, f"each says why; please report it, then delete {path}")


def _waiting(files: OwnerFiles) -> int:
    from spanglass.journal.files import Place, read_place

    try:
        with files.drain.open("rb") as file:
            place = read_place(file.fileno())
    except FileNotFoundError:
        place = Place()
    return files.undrained_bytes(place)


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)
