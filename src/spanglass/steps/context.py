"""The context of an operation: what happened in it, step by step, and what becomes of an exception that leaves it.

Invariant: the exception goes on as it came, with a note more; and a fault of ours never takes its place. Steps land in
the context that they are told to, whichever thread or task tells them; which context is the current one follows the
program's own flow, and no other's.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import uuid
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from spanglass.capture.session import active
from spanglass.guard import Boundary
from spanglass.model.step import Step
from spanglass.steps import frame
from spanglass.steps.destination import About, Destination, Ending, Moment
from spanglass.steps.measured import Measured
from spanglass.steps.note import add_note, chain, make_note, noted
from spanglass.steps.snapshot import (
    EMPTY,
    MEMORY_LIMIT,
    current_redactor,
    extend,
    mask_error,
    mask_text,
    take,
    values_of,
    within,
)
from spanglass.steps.trail import CallRef, Entry, Trail

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

    from spanglass.model.record import State
    from spanglass.redact import Redactor
    from spanglass.steps.snapshot import ErrorText, Snapshot
    from spanglass.timeline import Facts

T = TypeVar("T", bound="Callable[..., Any]")

_ENTER = Boundary("steps.enter")
_RECORD = Boundary("steps.record")
_LEAVE = Boundary("steps.leave")
_NOTE = Boundary("steps.note")
_ADD = Boundary("steps.add")
#: Exceptions by which a program goes on, rather than fails.
_CONTROL_FLOW = (GeneratorExit, StopIteration, StopAsyncIteration, SystemExit)
_BREADCRUMBS = 32
#: Contexts inside one that failed and whose steps it keeps to show them; of all others it keeps a line.
_FAILED_INSIDE = 8


class Failure(NamedTuple):
    """An exception, and what began last before it.

    ``identity`` is the exception's ``__dict__``: kept, it keeps neither the exception nor its frames alive, and unlike
    an id it cannot come to be another's.
    """

    identity: dict[str, Any]
    entry: Entry | None

    def explains(self, error: BaseException) -> bool:
        """Whether ``error`` is this exception, or came of it."""
        return any(vars(each) is self.identity for each in chain(error))


class Breadcrumb(NamedTuple):
    """A short note on the way; ``at_ns`` as in `Entry`."""

    at_ns: int
    message: str
    facts: Facts


class ErrorContext:
    """What `spanglass.error_context` gives; see there.

    Attributes:
        id: tells it from all others.
        correlation_id: the same in all contexts inside one another.
        parent: the context that it is inside of, or None.
    """

    def __init__(
        self, operation: str, metadata: dict[str, Any], correlation_id: str | None, parent: ErrorContext | None
    ) -> None:
        self.id = uuid.uuid4().hex
        self.parent = parent if parent is not None else frame.current_context()
        inherited = None if self.parent is None else self.parent.correlation_id
        self.correlation_id: str = correlation_id or inherited or uuid.uuid4().hex
        self.trail = Trail()
        self.breadcrumbs: deque[Breadcrumb] = deque(maxlen=_BREADCRUMBS)
        self.breadcrumb_count = 0
        self.failure: Failure | None = None
        self.began_ns = time.perf_counter_ns()
        self._started_at = time.time_ns()
        self._given = (operation, metadata, correlation_id, parent)
        self._operation = ""
        self._inputs: Snapshot = EMPTY
        self._redactor: Redactor | None = None
        self._lock = threading.RLock()
        self._entered = 0
        self._begun = self._looked = False
        self._destination: Destination | None = None
        self._entry: Entry | None = None
        self._last_failure: Failure | None = None
        self._failed_inside: deque[Entry] = deque()
        handled = sys.exc_info()[1]
        self._handled = None if handled is None else vars(handled)

    @property
    def operation(self) -> str:
        """What the program does in it, masked."""
        self._prepare()
        return self._operation

    @property
    def inputs(self) -> dict[str, Any]:
        """Its metadata, masked."""
        self._prepare()
        return values_of(self._inputs.body)

    @property
    def shown_inputs(self) -> Facts:
        """Its metadata as its trace shows them."""
        self._prepare()
        return self._inputs.facts

    @property
    def steps(self) -> list[Step]:
        """Its steps, masked: of many the first and last, and of much data what is kept in memory."""
        return [
            Step(entry.name, values_of(entry.data), self._time_of(entry), entry.duration_ns)
            for entry in self.trail.entries()
            if entry.step is not None
        ]

    @property
    def span_id(self) -> str | None:
        """The span whose record has its steps, or None if nothing is recorded."""
        return None if self._destination is None else self._destination.span_id

    @property
    def redactor(self) -> Redactor:
        """What masks its data: the session's that was in force when it was first used, or a default one."""
        if self._redactor is None:
            self._redactor = current_redactor()
        return self._redactor

    def add_step(self, name: str, /, **data: Any) -> None:
        """Adds a step: a point in time, with data.

        Args:
            name: what was done, such as ``generate_thought``.
            **data: what else is to be known of it; anything, kept as JSON and masked.
        """
        now = time.perf_counter_ns()  # before it is masked, which may take longer than what is timed here
        with _ADD:
            snapshot = take(data, self.redactor)
            entry = Entry(self.masked(name), now, snapshot.facts)
            entry.data = within(MEMORY_LIMIT, snapshot)
            self.append(entry, step=True)
            self.record(entry, snapshot, over=True)

    def measure(self, name: str, /, **data: Any) -> Measured:
        """A step that takes time: a ``with`` block, which may hold awaits.

        Args:
            name: what is done.
            **data: what else is to be known of it; set ``result`` on what the block gives to keep its result, too.
        """
        return Measured(self, name, data)

    def add_breadcrumb(self, message: str, /, **data: Any) -> None:
        """Leaves a short note that stands above the steps; of many the last are kept."""
        now = time.perf_counter_ns()
        with _ADD:
            facts = take(data, self.redactor).facts
            crumb = Breadcrumb(now, self.masked(message), facts)
            with self._lock:
                self.breadcrumb_count += 1
                self.breadcrumbs.append(crumb)

    def add_metadata(self, **metadata: Any) -> None:
        """Adds to the inputs what is known only now."""
        with _ADD:
            self._prepare()
            more = take(metadata, self.redactor)
            with self._lock:
                self._inputs = extend(self._inputs, more)

    def __enter__(self) -> Self:
        with _ENTER:
            self.hold()
            span = self._destination.span if self._destination is not None and self._destination.is_ours else None
            frame.enter(self, span=span)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        with _LEAVE:
            frame.leave(self)
            self.release(error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, tb)

    def __call__(self, function: T) -> T:
        """As a decorator: each call of the function has a context of its own."""
        from spanglass.steps.decorator import decorate

        operation, metadata, correlation_id, parent = self._given
        return decorate(function, lambda: ErrorContext(operation, metadata, correlation_id, parent))

    def hold(self) -> None:
        """Begins the operation, or goes on with it."""
        with self._lock:
            self._entered += 1
            if not self._begun:
                self._begun = True
                self._begin()

    def release(self, error: BaseException | None) -> None:
        """What `hold` began is over: with ``error``, or well. The last one to say so ends the operation."""
        with self._lock:
            self._entered -= 1
            last = self._entered <= 0
        told = None
        if error is not None and not isinstance(error, _CONTROL_FLOW):
            told = mask_error(error, self.redactor)
            self.failure = Failure(vars(error), self.last_before(error))
        if last:
            self._end(error, told)
        if error is not None and told is not None:
            with _NOTE:
                self._add_note(error)

    def masked(self, text: str) -> str:
        """A name or a message as it may be kept."""
        return mask_text(str(text), self.redactor)

    def append(self, entry: Entry, *, step: bool = False) -> None:
        """Adds to the trail, and tells the measured steps around it. An error that is being handled came before."""
        handled = sys.exc_info()[1]
        if handled is not None and not self.was_handled(handled):
            self._notice(handled, self.trail.last)
        self.trail.append(entry, step=step)
        for each in frame.frames():
            if each.measured is not None and each.context is self:
                each.measured.last = entry

    def record(self, entry: Entry, data: Snapshot, *, over: bool) -> None:
        """Takes a step to the record, and to the span when it is over."""
        destination = self._destination if self._begun else self._loose_destination()
        if destination is None or entry.step is None or not destination.is_ours:
            return
        at = Moment(entry.step, self._time_of(entry), entry.duration_ns)
        with _RECORD:
            destination.record_step(entry.name, at, data)
            if over:
                destination.show_step(entry.name, at, data, entry.error)

    def note_call(self, measured: Measured | None, span_id: str, name: str) -> None:
        """A call to a model began in a measured step, or beside them."""
        call = CallRef(span_id, self.masked(name))
        if measured is not None and measured.entry is not None:
            self.trail.note_call(measured.entry, call)
            return
        entry = Entry(str(call), time.perf_counter_ns())
        entry.call = call
        self.append(entry)

    def failed_inside(self, error: BaseException | None, last: Entry) -> ErrorText | None:
        """A step of it, or a context inside, ended with ``error``, and ``last`` is what had begun last by then."""
        if error is None or isinstance(error, _CONTROL_FLOW):
            return None
        self._notice(error, last)
        return mask_error(error, self.redactor)

    def last_before(self, error: BaseException) -> Entry | None:
        """What began last before ``error``: known from the step that it left, or else the latest of all."""
        known = self._last_failure
        return known.entry if known is not None and known.explains(error) else self.trail.last

    def was_handled(self, error: BaseException) -> bool:
        """Whether ``error`` was being handled already when the context was made."""
        return vars(error) is self._handled

    def _time_of(self, entry: Entry) -> int:
        """When an entry began, in ns since the epoch."""
        return self._started_at + entry.at_ns - self.began_ns

    def _notice(self, error: BaseException, last: Entry | None) -> None:
        """Remembers what began last before ``error``, at the first sign of it."""
        if self._last_failure is None or self._last_failure.identity is not vars(error):
            self._last_failure = Failure(vars(error), last)

    def _prepare(self) -> None:
        """Masks what it was given; put off until it is needed, because a decorator's own context never is."""
        with self._lock:
            if not self._operation:
                operation, metadata, _, _ = self._given
                self._operation = self.masked(operation) or "operation"
                self._inputs = take(metadata, self.redactor)

    def _begin(self) -> None:
        outer, (_, _, correlation_id, parent) = frame.current_context(), self._given
        if parent is None and outer is not None and outer is not self:
            self.parent = outer
            self.correlation_id = correlation_id or outer.correlation_id
        self._prepare()
        if not self.trail.count:
            self.began_ns, self._started_at = time.perf_counter_ns(), time.time_ns()
        if self.parent is not None:
            self._entry = Entry(self._operation, self.began_ns)
            self._entry.inside, self._entry.running = self, True
            self.parent.append(self._entry)
        session = active()
        if session is not None and session.watching():
            with _RECORD:
                self._destination = Destination.open(session, self._about(), self._started_at)
        if self._entry is not None and self._destination is not None:
            self._entry.span_id = self._destination.span_id

    def _loose_destination(self) -> Destination | None:
        """Of a context that is not entered: the span that is current at its first step, if no other has it."""
        with self._lock:
            if not self._looked:
                self._looked = True
                self._prepare()
                session = active()
                if session is not None and session.watching():
                    with _RECORD:
                        self._destination = Destination.on_current_span(session, self._about(), self._started_at)
        return self._destination

    def _end(self, error: BaseException | None, told: ErrorText | None) -> None:
        took = time.perf_counter_ns() - self.began_ns
        destination = self._destination
        if destination is not None and destination.is_ours:
            last = None if self.failure is None else self.failure.entry
            after = None if last is None else last.place
            exception = error if error is not None and not noted(error) else None
            ending = Ending(_state_of(error), self._started_at + took, told, after, exception)
            with _RECORD:
                destination.finish(ending, self._about(), self.trail.steps)
        if self._entry is not None and self.parent is not None:
            self._entry.duration_ns, self._entry.running = took, False
            self.parent.ended_inside(self._entry, error, self.trail.steps)

    def ended_inside(self, entry: Entry, error: BaseException | None, steps: int) -> None:
        """A context inside ended. Of the last few that failed the steps are kept; of others how many there were."""
        entry.facts = (("steps", str(steps)),)
        entry.error = self.failed_inside(error, entry)
        if entry.error is None:
            entry.inside = None
            return
        with self._lock:
            self._failed_inside.append(entry)
            if len(self._failed_inside) > _FAILED_INSIDE:
                self._failed_inside.popleft().inside = None

    def _add_note(self, error: BaseException) -> None:
        from spanglass.steps.format import format_note

        add_note(error, make_note(format_note(self, error), self.id, self.correlation_id))

    def _about(self) -> About:
        crumbs = tuple(crumb.message for crumb in self.breadcrumbs)
        return About(self._operation, self.correlation_id, self._inputs, crumbs)


def _state_of(error: BaseException | None) -> State:
    """Cancellation is the caller's will; what is no `Exception` never is a failure."""
    if error is None or isinstance(error, (StopIteration, StopAsyncIteration)):
        return "done"
    if isinstance(error, SystemExit) and not error.code:
        return "done"
    return "cancelled" if isinstance(error, asyncio.CancelledError) or not isinstance(error, Exception) else "error"
