"""Every exception that spanglass raises to its user.

::

    SpanglassError
    ├── ConfigurationError     a setting, a store url or an argument that cannot work
    ├── StoreError             a store that cannot be opened, read or written
    │   ├── StoreMissing       there is nothing at that url yet
    │   ├── StoreCorrupt       what is there is not a store, or is damaged
    │   ├── StoreBusy          another process holds it longer than we wait
    │   ├── StoreRefused       it takes this entry neither now nor later
    │   └── StoreTooNew        written by a newer spanglass
    ├── JournalError           a journal directory that cannot be used
    └── NotFound               no record answers to the reference
        └── Ambiguous          several do; ``candidates`` lists them

Messages say what failed, the value, and what to do. None is ever raised into a host program's call: the recording
side absorbs its own faults (see `spanglass.guard`); these reach those who read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class SpanglassError(Exception):
    """The root: catch it to catch everything that spanglass raises."""


class ConfigurationError(SpanglassError):
    """A setting, a store url or an argument that cannot work."""


class StoreError(SpanglassError):
    """A store that cannot be opened, read or written."""


class StoreMissing(StoreError):
    """There is nothing at that url yet."""


class StoreCorrupt(StoreError):
    """What is there is not a store, or is damaged."""


class StoreBusy(StoreError):
    """Another process holds the store longer than we wait."""


class StoreRefused(StoreError, ValueError):
    """The store takes an entry neither now nor later; like any fault of an entry's, it is a `ValueError`."""


class StoreTooNew(StoreError):
    """The store was written by a newer spanglass."""


class JournalError(SpanglassError):
    """A journal directory that cannot be used."""


class NotFound(SpanglassError):
    """No record answers to the reference."""


class Ambiguous(NotFound):
    """Several records answer to the reference.

    Attributes:
        candidates: the references that match, as ``trace_id/span_id``.
    """

    def __init__(self, message: str, candidates: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.candidates = tuple(candidates)
