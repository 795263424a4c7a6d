"""The trace of a context as a note of the exception that leaves it.

Invariant: nothing else of the exception changes. Each context adds its trace to an exception once; if it comes by
again, the trace takes its earlier place.

Python prints notes from 3.11 on. On 3.10 they stand in ``__notes__`` all the same, where pytest and the backport of
exception groups find them, and for an exception that ends the program or a thread a hook prints them below its
traceback: the hook that was there before runs first, and does all the rest. Where that is the backport's, which prints
notes, it stays alone.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

from spanglass.guard import Boundary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Traces on one exception. Of many nested contexts the inner ones are kept; what an exception object that is raised
#: again and again has from other operations goes.
LIMIT = 8
_CHAIN_LIMIT = 64
_HOOK = Boundary("steps.excepthook")
_hooked = False


class TraceNote(str):
    """A note that knows which context it is from; pickled, it is a plain text, so that it can be read anywhere."""

    __slots__ = ("context_id", "correlation_id")
    context_id: str
    correlation_id: str

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def make_note(text: str, context_id: str, correlation_id: str) -> TraceNote:
    """The note of a context."""
    note = TraceNote(text)
    note.context_id, note.correlation_id = context_id, correlation_id
    return note


def add_note(error: BaseException, note: TraceNote) -> None:
    """Adds the note, or puts it where the context's earlier one is."""
    notes: list[Any] = getattr(error, "__notes__", None) or []
    ours = [each for each in notes if isinstance(each, TraceNote)]
    for each in ours:
        if each.context_id == note.context_id:
            notes[_index(notes, each)] = note
            return
    if len(ours) >= LIMIT:
        other = next((each for each in ours if each.correlation_id != note.correlation_id), None)
        if other is None:
            return
        del notes[_index(notes, other)]
    _append(error, note)


def noted(error: BaseException) -> set[str]:
    """The contexts whose traces are printed with ``error``: its own, its causes' and its members'."""
    found: set[str] = set()
    for each in chain(error):
        found |= {note.context_id for note in getattr(each, "__notes__", None) or () if isinstance(note, TraceNote)}
    return found


def chain(error: BaseException) -> Iterator[BaseException]:
    """An exception, and those that Python prints with it."""
    waiting, seen = [error], {id(error)}
    for each in waiting:
        yield each
        before = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
        members = getattr(each, "exceptions", None)
        further = [before, *(members if isinstance(members, tuple) else ())]
        fresh = [one for one in further if isinstance(one, BaseException) and id(one) not in seen]
        seen |= {id(one) for one in fresh}
        waiting += fresh[: _CHAIN_LIMIT - len(waiting)] if len(waiting) < _CHAIN_LIMIT else ()


def _index(notes: list[Any], note: TraceNote) -> int:
    return next(index for index, each in enumerate(notes) if each is note)


def _append(error: BaseException, note: TraceNote) -> None:
    try:
        error.add_note(note)  # type: ignore[attr-defined,unused-ignore]
    except Exception:  # noqa: BLE001 - Python 3.10, or an exception class that forbids setting attributes
        BaseException.__setattr__(error, "__notes__", [*(getattr(error, "__notes__", None) or ()), note])
    if sys.version_info < (3, 11):
        _hook_once()


def _hook_once() -> None:
    global _hooked  # noqa: PLW0603 - one a process
    if not _hooked:
        _hooked = True
        if getattr(sys.excepthook, "__module__", "").partition(".")[0] != "exceptiongroup":  # it prints notes itself
            sys.excepthook = printing_notes(sys.excepthook, lambda _kind, error, _tb: error)
        threading.excepthook = printing_notes(threading.excepthook, lambda args: args.exc_value)


def printing_notes(before: Callable[..., Any], error_of: Callable[..., BaseException | None]) -> Callable[..., None]:
    """An exception hook that does what ``before`` does, and then prints the notes of ours."""

    def hook(*args: Any) -> None:
        before(*args)
        with _HOOK:
            error = error_of(*args)
            notes = getattr(error, "__notes__", None) or ()
            text = "".join(f"{note}\n" for note in notes if isinstance(note, TraceNote))
            if text and sys.stderr is not None:
                sys.stderr.write(text)

    return hook
