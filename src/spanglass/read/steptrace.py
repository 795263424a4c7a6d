"""What operations of a program did, step by step, as their records have it.

Invariant: every step, every operation inside, and every call that an operation made itself has one line, in the order
in which they began; the layout is that of the traces in exceptions (`spanglass.timeline`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from spanglass.errors import NotFound
from spanglass.model.record import isoformat
from spanglass.model.step import FORMAT, calls_of, error_of
from spanglass.read.reference import SPAN_DIGITS
from spanglass.timeline import FACT_LIMIT, Line, render, render_rows, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spanglass.model.record import Record, Summary
    from spanglass.model.step import Step
    from spanglass.read.reader import Reader
    from spanglass.timeline import Facts, Row


#: The format of a record that another instrumentation's span made.
ENVELOPE = "envelope"


class Operation(NamedTuple):
    """One operation: its record, what it said of itself, and what began in it, in order."""

    record: Record
    attributes: Mapping[str, Any]
    calls: tuple[Summary, ...] = ()
    inside: tuple[Operation, ...] = ()

    @property
    def name(self) -> str:
        """What the program did."""
        return str(self.attributes.get("spanglass.operation") or self.record.name)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        record, told = self.record.to_dict(), self.attributes
        kept = ("trace_id", "span_id", "parent_span_id", "state", "started_at", "ended_at", "duration_ns", "error")
        return {
            **{name: record[name] for name in kept},
            "operation": self.name,
            "correlation_id": told.get("spanglass.correlation_id"),
            "inputs": told.get("spanglass.inputs") or {},
            "breadcrumbs": list(told.get("spanglass.breadcrumbs") or ()),
            "error_after": told.get("spanglass.error_after"),
            "steps": record["steps"],
            "calls": [
                {"span_id": call.span_id, "name": call.name, "started_at": isoformat(call.started_at)}
                for call in self.calls
            ],
            "inside": [operation.to_dict() for operation in self.inside],
        }


def operations(reader: Reader, ref: str) -> list[Operation]:
    """The operation that a reference names, with those inside of it; or the outermost ones of a whole trace.

    Args:
        reader: of the store.
        ref: as `Reader.fetch` takes it for one operation, or a trace id.

    Raises:
        ConfigurationError, NotFound, Ambiguous, StoreError: as `Reader.fetch`; NotFound also where nothing has steps.
    """
    whole_trace = "/" not in ref and len(ref.strip()) > SPAN_DIGITS
    named = None if whole_trace else reader.resolve(ref)
    trace_id = reader.trace_id(ref) if named is None else named.trace_id
    trace = _Trace(reader, reader.calls_of_trace(trace_id))
    if named is None:
        found = trace.outermost()
        message = f"nothing in trace {trace_id} has steps; spanglass.error_context() records them"
    else:
        operation = trace.operation(named)
        found = [] if operation is None else [operation]
        message = f"{ref!r} has no steps; 'spanglass steps {trace_id}' shows those of its whole trace"
    if not found:
        raise NotFound(message)
    return found


def step_rows(record: Record) -> list[Row]:
    """The steps of one record as rows, with offsets from its start."""
    return [_step_line(step, record.started_at, 0, marked=False) for step in record.steps]


def render_steps(record: Record) -> list[str]:
    """The steps of one record as lines."""
    return render_rows(step_rows(record), limit=None)


def render_operation(operation: Operation, limit: int | None) -> str:
    """An operation as text, as `spanglass.format_trace` writes it.

    Args:
        operation: what to show.
        limit: how many rows at most; None shows all.
    """
    record, told = operation.record, operation.attributes
    heading = [("operation", operation.name), ("span", f"{record.span_id}  trace {record.trace_id}")]
    state = record.state if record.error is None else f"{record.state}, {record.error.type}: {record.error.message}"
    heading.append(("state", shorten(state)))
    if told.get("spanglass.correlation_id"):
        heading.append(("correlation id", str(told["spanglass.correlation_id"])))
    inputs = told.get("spanglass.inputs")
    if isinstance(inputs, dict) and inputs:
        heading.append(("inputs", " | ".join(f"{name}: {value}" for name, value in _facts(inputs))))
    name = "breadcrumbs"
    for crumb in told.get("spanglass.breadcrumbs") or ():
        heading.append((name, str(crumb)))
        name = ""
    rows = _rows(operation, record.started_at, _innermost(operation), 0)
    return render("Execution trace", tuple(heading), rows, limit=limit)


class _Trace:
    """The operations of one trace; each is read once."""

    def __init__(self, reader: Reader, calls: list[Summary]) -> None:
        self._reader = reader
        self._calls = calls
        self._below: dict[str | None, list[Summary]] = {}
        for call in calls:
            self._below.setdefault(call.parent_span_id, []).append(call)
        self._read: dict[str, Operation | None] = {}

    def outermost(self) -> list[Operation]:
        """Those that are not inside of another."""
        found = [self.operation(call) for call in self._calls]
        inner = {inside.record.span_id for each in found if each is not None for inside in each.inside}
        return [each for each in found if each is not None and each.record.span_id not in inner]

    def operation(self, call: Summary) -> Operation | None:
        """A call as an operation with what is inside of it; None if it has no steps and is none."""
        if call.span_id not in self._read:
            self._read[call.span_id] = None  # a span that is inside of itself, in a damaged trace
            self._read[call.span_id] = self._make(call)
        return self._read[call.span_id]

    def _make(self, call: Summary) -> Operation | None:
        if call.format != FORMAT and call.attempt_count:
            return None
        record = self._reader.fetch(call.ref)
        if call.format != FORMAT and not record.steps:
            return None
        children = self._below.get(call.span_id, [])
        inside = [found for child in children if (found := self.operation(child)) is not None]
        known = {found.record.span_id for found in inside}
        known |= {span_id for step in record.steps for span_id, _ in calls_of(step)}
        calls = tuple(child for child in self._calls_below(call) if child.span_id not in known)
        return Operation(record, self._reader.attributes(call), calls, tuple(inside))

    def _calls_below(self, call: Summary) -> Iterator[Summary]:
        """The calls made in an operation, also those below spans of others in it."""
        for child in self._below.get(call.span_id, []):
            if child.format == ENVELOPE:
                yield from self._calls_below(child)
            elif self.operation(child) is None:
                yield child


class _Place(NamedTuple):
    """A line of an operation: its span id, and the index of the step or the span id of what is inside."""

    span_id: str
    within: int | str


def _innermost(operation: Operation) -> _Place | None:
    """Where the error occurred: in the operation inside, if that is where it came from."""
    place = None
    while operation.record.error is not None:
        after = operation.attributes.get("spanglass.error_after")
        if not isinstance(after, (int, str)):
            return place
        place = _Place(operation.record.span_id, after)
        deeper = next((each for each in operation.inside if each.record.span_id == after), None)
        if deeper is None:
            return place
        operation = deeper
    return place


def _rows(operation: Operation, origin: int, marked: _Place | None, depth: int) -> list[Row]:
    span_id = operation.record.span_id
    found: list[tuple[int, int, list[Row]]] = []
    for index, step in enumerate(operation.record.steps):
        line = _step_line(step, origin, depth, marked=marked == _Place(span_id, index))
        found.append((step.timestamp, index, [line]))
    for call in operation.calls:
        line = _call_line(call, origin, depth, marked=marked == _Place(span_id, call.span_id))
        found.append((call.started_at, -1, [line]))
    for each in operation.inside:
        line = _operation_line(each, origin, depth, marked=marked == _Place(span_id, each.record.span_id))
        found.append((each.record.started_at, -1, [line, *_rows(each, origin, marked, depth + 1)]))
    return [row for _, _, rows in sorted(found, key=lambda item: item[:2]) for row in rows]


def _step_line(step: Step, origin: int, depth: int, *, marked: bool) -> Line:
    calls, error = calls_of(step), error_of(step)
    ours = {"llm_calls": bool(calls), "error": error is not None}
    facts = list(_facts({name: value for name, value in step.data.items() if not ours.get(name)}))
    if error is not None:
        facts.append(("error", shorten(": ".join(error))))
    below = tuple(f"llm call {name}: spanglass show {span_id}" for span_id, name in calls)
    at = max(step.timestamp - origin, 0)
    return Line(step.step_name, at, step.duration_ns, tuple(facts), below, depth, marked)


def _call_line(call: Summary, origin: int, depth: int, *, marked: bool) -> Line:
    name = f"llm call {call.name}: spanglass show {call.span_id}"
    return Line(name, max(call.started_at - origin, 0), None, (), (), depth, marked)


def _operation_line(operation: Operation, origin: int, depth: int, *, marked: bool) -> Line:
    record = operation.record
    error = [("error", shorten(f"{record.error.type}: {record.error.message}"))] if record.error else []
    facts = (("steps", str(len(record.steps))), *error)
    return Line(operation.name, max(record.started_at - origin, 0), record.duration_ns, facts, (), depth, marked)


def _facts(data: Mapping[str, Any]) -> Facts:
    shown = tuple((name, shorten(_json(value))) for name, value in list(data.items())[:FACT_LIMIT])
    more = len(data) - len(shown)
    return (*shown, ("more values", str(more))) if more else shown


def _json(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # a lone surrogate
        return ascii(value)
