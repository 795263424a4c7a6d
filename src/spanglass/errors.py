"""Every exception that spanglass raises to its user, or names in a record.

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
    ├── GenerationError        no answer passed its parser; ``trace`` is the whole conversation
    ├── LoggedError            what a program logged as an error of its model, where that was no exception
    ├── Unanswered             a client gave nothing that can be read as a message
    └── NotFound               no record answers to the reference
        └── Ambiguous          several do; ``candidates`` lists them

Messages say what failed, the value, and what to do. None is ever raised into a host program's call: the recording
side absorbs its own faults (see `spanglass.guard`); these reach those who read or generate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.model.message import ChatMessage


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


class GenerationError(SpanglassError):
    """No answer passed its parser, and no correction and no restart is left; its cause is the parser's last error.

    Attributes:
        trace: every message of every conversation, in order; whatever ``with_trace`` asks for.
        restarts: where in ``trace`` each conversation begins; the first begins at 0.
        refs: the calls that were recorded, as ``trace_id/span_id``, in order.
    """

    def __init__(
        self, message: str, trace: Sequence[ChatMessage] = (), restarts: Sequence[int] = (), refs: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.trace = list(trace)
        self.restarts = tuple(restarts)
        self.refs = tuple(refs)

    @property
    def conversations(self) -> list[list[ChatMessage]]:
        """The trace cut where it was begun anew: one conversation for each restart, and the first."""
        ends = (*self.restarts[1:], len(self.trace))
        return [self.trace[begin:end] for begin, end in zip(self.restarts, ends, strict=True)]


class LoggedError(SpanglassError):
    """What a program logged as an error of its model, where that was no exception; never raised, only recorded."""


class Unanswered(SpanglassError):
    """A client gave nothing that can be read as a message."""


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
