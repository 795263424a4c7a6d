"""A context as text: who it is and what it was given, and below it what happened, with the place of the error.

Invariant: formatting changes nothing and never raises; what is no longer kept is counted.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from spanglass.guard import Boundary
from spanglass.steps.note import noted
from spanglass.timeline import LIMIT, Elided, Line, render, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanglass.steps.context import ErrorContext
    from spanglass.steps.trail import Entry
    from spanglass.timeline import Facts, Row

_FORMAT = Boundary("steps.format")
#: How deep contexts inside one another are shown.
_DEPTH = 16
_TITLE = "Execution trace"
_NOTHING: frozenset[str] = frozenset()


def format_trace(context: ErrorContext, *, error: BaseException | None = None, limit: int | None = LIMIT) -> str:
    """What happened in a context, as text: a line for each step, with its offset from the start of the operation.

    Args:
        context: while it lasts, or after.
        error: what went wrong; unset, the exception that left the context or, like `traceback.format_exc`, the one
            that is being handled.
        limit: how many lines of steps are shown at most, the first and the last; None shows all that are kept.

    Returns:
        The operation, its correlation id, inputs and breadcrumbs; the steps, calls and contexts inside in the order in
        which they began, with durations in milliseconds; the marker at what began last before the error.

    Example:
        >>> from spanglass import error_context
        >>> context = error_context("answer", question="Which train?")
        >>> context.add_step("think", thought="I need the trains.")
        >>> print(format_trace(context))
        Execution trace
          operation:      answer
          correlation id: ...
          inputs:         question: "Which train?"
        [   0ms] think | thought: "I need the trains."
    """
    with _FORMAT:
        error = error if error is not None else _handled(context)
        if context.failure is not None and (error is None or context.failure.explains(error)):
            return _format(context, context.failure.entry, failed=True, limit=limit)
        last = None if error is None else context.last_before(error)
        return _format(context, last, failed=error is not None, limit=limit)
    return _TITLE


def format_note(context: ErrorContext, error: BaseException) -> str:
    """The same for a note of ``error``: what the notes of contexts inside say already is not said again."""
    return _format(context, context.last_before(error), failed=True, limit=LIMIT, told=frozenset(noted(error)))


def _handled(context: ErrorContext) -> BaseException | None:
    """The exception that is being handled here, unless it was so before the context began."""
    error = sys.exc_info()[1]
    return None if error is None or context.was_handled(error) else error


def _format(
    context: ErrorContext,
    last: Entry | None,
    *,
    failed: bool,
    limit: int | None,
    told: frozenset[str] = _NOTHING,
) -> str:
    marked = _innermost(last, told) if failed else None
    rows = list(_rows(context, context.began_ns, marked, last, told, 0))
    hidden = marked is None and last is not None
    return render(_TITLE, tuple(_heading(context)), rows, limit=limit, failed=failed and not hidden)


def _innermost(last: Entry | None, told: frozenset[str]) -> Entry | None:
    """Where the marker stands: in the context inside, if that is where the error came from; None if a note has it."""
    for _ in range(_DEPTH):
        inside = None if last is None else last.inside
        if inside is None or inside.failure is None:
            return last
        if inside.id in told:
            return None
        if inside.failure.entry is None:
            return last
        last = inside.failure.entry
    return last


def _heading(context: ErrorContext) -> Iterator[tuple[str, str]]:
    yield "operation", context.operation
    outer = _outer(context)
    if outer:
        yield "within", " > ".join(reversed(outer))
    yield "correlation id", context.correlation_id
    if context.shown_inputs:
        yield "inputs", _joined(context.shown_inputs)
    name = "breadcrumbs"
    crumbs = list(context.breadcrumbs)
    if context.breadcrumb_count > len(crumbs):
        yield name, f"… {context.breadcrumb_count - len(crumbs):,} more before these"
        name = ""
    for crumb in crumbs:
        at = f"[{(crumb.at_ns - context.began_ns) // 1_000_000:>4}ms]"
        yield name, " | ".join([f"{at} {crumb.message}", *([_joined(crumb.facts)] if crumb.facts else ())])
        name = ""
    if context.span_id is not None:
        yield "record", f"spanglass steps {context.span_id}"


def _outer(context: ErrorContext) -> list[str]:
    """The operations that it is inside of, from the inside out."""
    names: list[str] = []
    outer = context.parent
    while outer is not None and len(names) < _DEPTH:
        names.append(outer.operation)
        outer = outer.parent
    return names if outer is None else [*names, "…"]


def _joined(facts: Facts) -> str:
    return " | ".join(f"{name}: {value}" for name, value in facts)


def _rows(
    context: ErrorContext, origin_ns: int, marked: Entry | None, last: Entry | None, told: frozenset[str], depth: int
) -> Iterator[Row]:
    entries = context.trail.entries()
    if last is not None and all(entry is not last for entry in entries):
        entries = sorted([*entries, last], key=lambda entry: entry.number)
    following = 0
    for entry in entries:
        if entry.number > following:
            yield Elided(entry.number - following)
        following = entry.number + 1
        inside = entry.inside
        if inside is None or inside.id in told or depth + 1 >= _DEPTH:
            yield _line(entry, origin_ns, depth, marked, _about_inside(entry, told))
            continue
        yield _line(entry, origin_ns, depth, marked, ())
        before = None if inside.failure is None else inside.failure.entry
        yield from _rows(inside, origin_ns, marked, before, told, depth + 1)


def _about_inside(entry: Entry, told: frozenset[str]) -> Facts:
    """What a line says of a context inside whose steps are not shown below it."""
    inside = entry.inside
    if inside is not None and inside.id in told:
        return (("its steps", "in its own trace, above"),)
    if inside is not None and entry.running:
        return (("steps", str(inside.trail.steps)),)
    return (("see", f"spanglass steps {entry.span_id}"),) if entry.span_id is not None else ()


def _line(entry: Entry, origin_ns: int, depth: int, marked: Entry | None, more: Facts) -> Line:
    facts = [*entry.facts, *more]
    if entry.running:
        facts.append(("ended", "not yet"))
    if entry.error is not None:
        facts.append(("error", shorten(f"{entry.error.type}: {entry.error.message}")))
    return Line(
        name=entry.name,
        at_ns=max(entry.at_ns - origin_ns, 0),
        duration_ns=entry.duration_ns,
        facts=tuple(facts),
        below=() if entry.calls is None else entry.calls.lines(),
        depth=depth,
        marked=entry is marked,
    )
