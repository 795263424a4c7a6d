"""The write-ahead log: what a program sends and receives is on local disk before anything else can happen to it.

Invariant: what `Journal.append` took reaches a store at least once, through `Journal.drain` in the same process or
`recover` in any other, whatever becomes of the process that appended it.
"""

from __future__ import annotations

from spanglass.journal.journal import Drop, Journal
from spanglass.journal.recover import BUSY, Recovery, recover

__all__ = ["BUSY", "Drop", "Journal", "Recovery", "recover"]
