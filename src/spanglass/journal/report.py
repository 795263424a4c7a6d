"""What the journal says in the log: what went wrong, where, and what to do. Never a payload.

Invariant: whatever the journal drops, cuts or puts aside is said at WARNING, the first time of each kind.
"""

from __future__ import annotations

import errno
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from spanglass.journal.files import OwnerFiles
    from spanglass.journal.transfer import Tally

_LOG = logging.getLogger("spanglass")
_LOST = "Calls go on, but what they send is not recorded until then."
_CURES = {
    errno.ENOSPC: "free some space on that disk",
    errno.EDQUOT: "free some of your quota on that disk",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f)",
    errno.EACCES: "make it writable for this user, or set SPANGLASS_STATE_DIR to a directory that is",
    errno.EPERM: "make it writable for this user, or set SPANGLASS_STATE_DIR to a directory that is",
    errno.EROFS: "set SPANGLASS_STATE_DIR to a directory that can be written",
    errno.ENOTDIR: "remove the file that is in its way, or set SPANGLASS_STATE_DIR to another directory",
    errno.EEXIST: "remove the file that is in its way, or set SPANGLASS_STATE_DIR to another directory",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "raise the machine's limit of open files",
    errno.ENOLCK: "set SPANGLASS_STATE_DIR to a directory on a local disk",
    errno.EOPNOTSUPP: "set SPANGLASS_STATE_DIR to a directory on a local disk",
}
_OTHER_CURE = "look after that disk, or set SPANGLASS_STATE_DIR to a directory on another"


def disk_refused(directory: Path, why: OSError) -> None:
    """An entry could not be written."""
    cure = _CURES.get(why.errno or 0, _OTHER_CURE)
    _LOG.warning("spanglass: cannot write the journal in %s (%s): %s. %s", directory, why.strerror or why, cure, _LOST)


def entry_refused(why: Exception) -> None:
    """An entry could not be put in a frame. The fault's own text is left out: it may quote a payload."""
    _LOG.warning(
        "spanglass: an entry cannot be written as JSON (%s) and was dropped; please report it as a bug. Others are "
        "counted only.",
        type(why).__name__,
    )


def bodies_dropped(directory: Path, max_bytes: int) -> None:
    """The bound is reached: entries go without their bodies."""
    _LOG.warning(
        "spanglass: the journal in %s is full (%s bytes): bodies are dropped from now on, and their records say so. "
        "See with 'spanglass doctor' why the store takes nothing, or raise SPANGLASS_JOURNAL_MAX_BYTES.",
        directory,
        f"{max_bytes:,}",
    )


def entries_dropped(directory: Path, max_bytes: int) -> None:
    """The head-room above the bound is used up too."""
    _LOG.warning(
        "spanglass: the journal in %s is over its bound (%s bytes): whole entries are dropped from now on. See with "
        "'spanglass doctor' why the store takes nothing, or raise SPANGLASS_JOURNAL_MAX_BYTES.",
        directory,
        f"{max_bytes:,}",
    )


def transferred(files: OwnerFiles, tally: Tally) -> None:
    """A transfer is through; there is something to say only when it met with something wrong."""
    if tally.torn_bytes:
        _LOG.warning(
            "spanglass: the journal %s of a process that died in mid-write ended in %s unfinished bytes; it was cut at "
            "the last whole entry.",
            files.owner,
            f"{tally.torn_bytes:,}",
        )
    if tally.damaged_bytes:
        _LOG.warning(
            "spanglass: %s damaged bytes inside the journal %s in %s cannot be read and are lost; what follows them "
            "was kept. Look after that disk.",
            f"{tally.damaged_bytes:,}",
            files.owner,
            files.directory,
        )
    if tally.dead_letters:
        _LOG.warning(
            "spanglass: the store cannot take %d entries, whatever is tried; they are kept in %s, with the reason. "
            "Please report it as a bug.",
            tally.dead_letters,
            files.dead,
        )
