"""The exit codes, and what a failure says on its way out.

Invariant: bad input never shows a traceback. Each failure is one message that says what to do, and one of these codes,
which scripts may rely on; ``docs/cli.md`` lists them.
"""

from __future__ import annotations

import sys
from enum import IntEnum
from pathlib import Path

from spanglass.errors import Ambiguous, ConfigurationError, JournalError, NotFound, SpanglassError, StoreError


class Exit(IntEnum):
    """What a command's exit code means; `MEANINGS` says it in words."""

    OK = 0
    PROBLEM = 1
    USAGE = 2
    NOT_FOUND = 3
    AMBIGUOUS = 4
    STORE = 5
    FAULT = 70
    OUTPUT = 74
    CANNOT_RUN = 126
    NO_SUCH_COMMAND = 127
    INTERRUPTED = 130
    PIPE_CLOSED = 141


MEANINGS = {
    Exit.OK: "done",
    Exit.PROBLEM: "`doctor` or `verify` found something wrong, `grep` nothing, rows failed in `generate`, or `--check` "
    "found a loss or a change",
    Exit.USAGE: "an option, an argument or a setting that cannot work",
    Exit.NOT_FOUND: "no call answers to the reference",
    Exit.AMBIGUOUS: "several calls do; the message lists them",
    Exit.STORE: "the store or the journal is missing, locked, damaged, of a newer version or otherwise not to be read",
    Exit.FAULT: "a fault of spanglass itself; the message says how to report it",
    Exit.OUTPUT: "the output could not be written, such as on a full disk",
    Exit.CANNOT_RUN: "`run`: the command is there and cannot be executed",
    Exit.NO_SUCH_COMMAND: "`run`: no such command",
    Exit.INTERRUPTED: "Ctrl-C",
    Exit.PIPE_CLOSED: "whoever read the output closed the pipe",
}

_CODES: tuple[tuple[type[SpanglassError], Exit], ...] = (
    (ConfigurationError, Exit.USAGE),
    (Ambiguous, Exit.AMBIGUOUS),
    (NotFound, Exit.NOT_FOUND),
    (StoreError, Exit.STORE),
    (JournalError, Exit.STORE),
)


class CommandFailure(Exception):
    """A command cannot go on for a reason of its own: the message, and the code to end with."""

    def __init__(self, message: str, code: Exit) -> None:
        super().__init__(message)
        self.code = code


def code_of(failure: Exception) -> Exit:
    """The exit code for a failure."""
    if isinstance(failure, CommandFailure):
        return failure.code
    if isinstance(failure, OSError):
        return Exit.OUTPUT
    return next((code for kind, code in _CODES if isinstance(failure, kind)), Exit.FAULT)


def message_of(failure: Exception) -> str:
    """What to say of a failure. Of a fault of ours the type and place only: its text may quote a payload."""
    if isinstance(failure, (SpanglassError, CommandFailure)):
        return str(failure)
    if isinstance(failure, OSError):
        return f"cannot read or write: {failure}"
    tb = failure.__traceback__
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    place = "an unknown line" if tb is None else f"{Path(tb.tb_frame.f_code.co_filename).name}:{tb.tb_lineno}"
    return (
        f"a fault of spanglass itself: {type(failure).__name__} at {place}. Please report it with the output of "
        f"'spanglass doctor' and of this command under '{Path(sys.executable).name} -X dev -m spanglass …', which "
        "shows where it came from (look it through first: it may quote a prompt)"
    )
