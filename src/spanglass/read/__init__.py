"""The read arm: from a reference to a record, its context window, and a page for a terminal.

Invariant: reading changes nothing but where bytes lie (a journal is drained into its store). What is shown is the bytes
of the attempts, or a reading of them; where something is missing, it is said.
"""

from __future__ import annotations

from spanglass.read.reader import (
    Reader,
    close,
    context_window,
    fetch,
    log_for_step,
    logs_for_workflow,
    open_reader,
    trace,
)
from spanglass.read.window import format_context_window

__all__ = [
    "Reader",
    "close",
    "context_window",
    "fetch",
    "format_context_window",
    "log_for_step",
    "logs_for_workflow",
    "open_reader",
    "trace",
]
