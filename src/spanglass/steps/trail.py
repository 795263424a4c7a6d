"""What happened in a context, in the order in which it began: steps, calls to a model, contexts inside.

Invariant: appending costs the same however long the trail is, and of a long one the first and last entries are kept;
`Trail.count` says how many there were. An entry changes after it was appended only by ending.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanglass.steps.context import ErrorContext
    from spanglass.steps.snapshot import ErrorText
    from spanglass.timeline import Facts

HEAD, TAIL = 32, 96
#: Calls that one step names, the first and the last of them; it says how many there were.
_CALLS_HEAD, _CALLS_TAIL = 4, 4


class CallRef(NamedTuple):
    """A call to a model: what `spanglass show` takes, and the name of its span."""

    span_id: str
    name: str

    def __str__(self) -> str:
        return f"llm call {self.name}: spanglass show {self.span_id}"


class Calls:
    """The calls made in one step, of many the first and the last."""

    __slots__ = ("_head", "_tail", "count")

    def __init__(self) -> None:
        self.count = 0
        self._head: list[CallRef] = []
        self._tail: deque[CallRef] = deque(maxlen=_CALLS_TAIL)

    def append(self, call: CallRef) -> None:
        """One more."""
        self.count += 1
        (self._head if len(self._head) < _CALLS_HEAD else self._tail).append(call)

    def __iter__(self) -> Iterator[CallRef]:
        return iter([*self._head, *self._tail])

    def lines(self) -> tuple[str, ...]:
        """A line for each, and one that counts those that are not named."""
        more = self.count - len(self._head) - len(self._tail)
        counted = [f"… {more:,} more calls"] if more else []
        return (*map(str, self._head), *counted, *map(str, self._tail))


class Entry:
    """One thing that happened.

    Attributes:
        name: what it was.
        at_ns: when it began, by the clock of `time.perf_counter_ns`.
        duration_ns: how long it took; None for a point in time, and while it lasts.
        facts: what is shown of its data.
        data: the data itself, as far as it is kept in memory: a JSON object.
        error: what it failed with.
        calls: the calls to a model that were made in it.
        call: the call that it is, if it is one.
        inside: the context that it is, if it is one, and its steps are worth showing: it lasts, or it failed.
        step: the index among the steps of the record, if it is one of them.
        span_id: the span of the context that it is.
        running: it has not ended yet.
        number: its place in the trail.
    """

    __slots__ = (
        "at_ns",
        "call",
        "calls",
        "data",
        "duration_ns",
        "error",
        "facts",
        "inside",
        "name",
        "number",
        "running",
        "span_id",
        "step",
    )

    def __init__(self, name: str, at_ns: int, facts: Facts = ()) -> None:
        self.name = name
        self.at_ns = at_ns
        self.facts = facts
        self.data = b"{}"
        self.duration_ns: int | None = None
        self.error: ErrorText | None = None
        self.calls: Calls | None = None
        self.call: CallRef | None = None
        self.inside: ErrorContext | None = None
        self.step: int | None = None
        self.span_id: str | None = None
        self.running = False
        self.number = -1

    @property
    def place(self) -> int | str | None:
        """How a record can name it: by its index among the steps, or by its span."""
        if self.call is not None:
            return self.call.span_id
        return self.span_id if self.step is None else self.step


class Trail:
    """The entries of one context."""

    __slots__ = ("_head", "_lock", "_tail", "count", "last", "steps")

    def __init__(self) -> None:
        self.count = 0
        self.steps = 0
        self.last: Entry | None = None
        self._head: list[Entry] = []
        self._tail: deque[Entry] = deque(maxlen=TAIL)
        self._lock = threading.Lock()

    def append(self, entry: Entry, *, step: bool = False) -> None:
        """One more; a ``step`` gets the next index among the steps, too."""
        with self._lock:
            entry.number = self.count
            self.count += 1
            if step:
                entry.step = self.steps
                self.steps += 1
            self.last = entry
            (self._head if len(self._head) < HEAD else self._tail).append(entry)

    def note_call(self, entry: Entry, call: CallRef) -> None:
        """A call to a model was made in the step that ``entry`` is."""
        with self._lock:
            if entry.calls is None:
                entry.calls = Calls()
            entry.calls.append(call)

    def entries(self) -> list[Entry]:
        """Those that are kept, in order; gaps in their numbers are the others."""
        with self._lock:
            return [*self._head, *self._tail]
