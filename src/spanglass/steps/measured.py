"""A step while it lasts: its own start, and its duration and result or error when it ends.

Invariant: it is recorded when it begins, so that a process that dies in it tells of it, and again when it ends, however
it ends.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from spanglass.guard import Boundary
from spanglass.steps import frame
from spanglass.steps.snapshot import EMPTY, MEMORY_LIMIT, extend, take, within
from spanglass.steps.trail import Entry

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from spanglass.steps.context import ErrorContext
    from spanglass.steps.snapshot import ErrorText, Snapshot

_BEGIN = Boundary("steps.measure")
_END = Boundary("steps.measured")
_UNSET: Any = object()


class Measured:
    """What `ErrorContext.measure` gives: used once, in a ``with`` block.

    Attributes:
        last: what began last in it.
    """

    def __init__(self, context: ErrorContext, name: str, data: dict[str, Any]) -> None:
        self._result: Any = _UNSET
        self.last: Entry | None = None
        self._context = context
        self._name = name
        self._data = data
        self._snapshot: Snapshot = EMPTY
        self._entry: Entry | None = None

    @property
    def entry(self) -> Entry | None:
        """Its place in the trail, once it has begun."""
        return self._entry

    @property
    def result(self) -> Any:
        """What came of it: set it, and it is kept with the step."""
        return None if self._result is _UNSET else self._result

    @result.setter
    def result(self, result: Any) -> None:
        self._result = result

    def add(self, **data: Any) -> None:
        """Adds data that is known only now."""
        with _END:
            self._snapshot = extend(self._snapshot, take(data, self._context.redactor))

    def __enter__(self) -> Self:
        with _BEGIN:
            self._begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        ended = time.perf_counter_ns()
        with _END:
            frame.leave(self._context, self)
            self._end(ended, error)

    def _begin(self) -> None:
        context = self._context
        self._snapshot = extend(take(self._data, context.redactor), self._snapshot)
        self._entry = entry = Entry(context.masked(self._name), time.perf_counter_ns(), self._snapshot.facts)
        entry.data, entry.running = within(MEMORY_LIMIT, self._snapshot), True
        context.append(entry, step=True)
        frame.enter(context, self)
        context.record(entry, self._snapshot, over=False)

    def _end(self, ended: int, error: BaseException | None) -> None:
        context, entry = self._context, self._entry
        if entry is None:
            return
        entry.duration_ns, entry.running = ended - entry.at_ns, False
        if self._result is not _UNSET:
            self._snapshot = extend(self._snapshot, take({"result": self._result}, context.redactor))
        entry.facts = self._snapshot.facts
        entry.error = context.failed_inside(error, self.last or entry)
        whole = extend(self._snapshot, self._outcome(entry.error))
        entry.data = within(MEMORY_LIMIT, whole)
        context.record(entry, whole, over=True)

    def _outcome(self, error: ErrorText | None) -> Snapshot:
        """What the record says beside the step's own data."""
        told: dict[str, Any] = {}
        if error is not None:
            told["error"] = {"type": error.type, "message": error.message}
        calls = None if self._entry is None else self._entry.calls
        if calls is not None:
            told["llm_calls"] = [call._asdict() for call in calls]
            if calls.count > len(told["llm_calls"]):
                told["llm_call_count"] = calls.count
        return take(told, self._context.redactor)
