"""``spanglass trace``: the calls of one trace as a tree.

Invariant: every call of the trace has exactly one line, whatever its parent is: another call, a span that is no call
and so is not recorded, or (in a damaged trace) a call below itself.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from spanglass.cli.exits import Exit
from spanglass.cli.ls import unique_prefixes
from spanglass.cli.options import common, reader_of
from spanglass.model.step import FORMAT

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

    from spanglass.cli.output import Output
    from spanglass.model.record import Summary
    from spanglass.model.step import Step


#: Formats of records that are not a call's: another instrumentation's span, and an operation with steps.
NO_CALLS = ("envelope", FORMAT)
_STEPS_HEAD, _STEPS_TAIL = 4, 8


def add_parser(subparsers: Any) -> None:
    """Declares the command."""
    parser = subparsers.add_parser(
        "trace",
        parents=[common()],
        help="show the calls of a trace as a tree",
        description="Shows the calls of one trace, each below its parent, in the order in which they began.",
    )
    parser.add_argument(
        "trace",
        metavar="TRACE",
        nargs="?",
        default="-",
        help="a trace id, or any call of the trace; without it, or '-', the newest",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, output: Output) -> int:
    """Shows a trace."""
    with reader_of(args, output) as reader:
        try:
            wanted = reader.newest().ref if args.trace == "-" else args.trace
            calls = reader.calls_of_trace(wanted)
            steps = {call.span_id: reader.fetch(call.ref).steps for call in calls if not call.attempt_count}
        finally:
            output.note(reader.notes)
    if args.json:
        output.json({"trace_id": calls[0].trace_id, "calls": [call.to_dict() for call in calls]})
        return Exit.OK
    print_trace(calls, steps)
    return Exit.OK


class Line(NamedTuple):
    """A line of the tree: a call, or None for a parent that is no call; ``last`` says which levels end here."""

    call: Summary | None
    span_id: str
    last: tuple[bool, ...]


def lines(calls: Sequence[Summary]) -> Iterator[Line]:
    """The tree, top down. Calls below one span that is not recorded stand together below a line for it."""
    known = {call.span_id for call in calls}
    below: dict[str | None, list[Summary]] = {}
    for call in calls:
        below.setdefault(call.parent_span_id, []).append(call)
    roots = list(dict.fromkeys(call.parent_span_id for call in calls if call.parent_span_id not in known))
    seen: set[str] = set()
    tops: list[Summary | str] = []
    for root in roots:
        tops += below[None] if root is None else [root]
    for index, top in enumerate(tops):
        yield from _branch(top, below, seen, (index == len(tops) - 1,))
    for call in calls:
        if call.span_id not in seen:
            yield from _branch(call, below, seen, (True,))


def _branch(
    top: Summary | str, below: dict[str | None, list[Summary]], seen: set[str], last: tuple[bool, ...]
) -> Iterator[Line]:
    waiting: list[tuple[Summary | str, tuple[bool, ...]]] = [(top, last)]
    while waiting:
        node, last = waiting.pop()
        call, span_id = (None, node) if isinstance(node, str) else (node, node.span_id)
        if span_id in seen:
            continue
        seen.add(span_id)
        yield Line(call, span_id, last)
        children = [child for child in below.get(span_id, ()) if child.span_id not in seen]
        waiting += [(child, (*last, index == len(children) - 1)) for index, child in enumerate(children)][::-1]


def print_trace(calls: list[Summary], steps: Mapping[str, Sequence[Step]]) -> None:
    """A heading with the trace's sums, and the tree; the steps of what is no call stand directly below it."""
    from spanglass.read.figures import counted, duration
    from spanglass.read.terminal import Column, Terminal

    terminal = Terminal(sys.stdout)
    terminal.line(("trace ", "dim"), calls[0].trace_id)
    ends = [call.ended_at for call in calls if call.ended_at is not None]
    took = duration(max(ends) - calls[0].started_at) if ends else "not ended"
    made = sum(call.format not in NO_CALLS for call in calls)
    others = f" among {counted(len(calls), 'span')}" if made < len(calls) else ""
    terminal.line(f"{counted(made, 'call')}{others}, {took}, {_tokens(calls)}")
    terminal.gap()
    columns = [
        Column("", shrinks=True),
        Column("STATE"),
        Column("DURATION", 2, right=True),
        Column("IN", 3, right=True),
        Column("OUT", 3, right=True),
        Column("ATTEMPTS", 4, right=True),
        Column("SPAN", style="bold"),
    ]
    short = unique_prefixes(calls)
    rows: list[list[Any]] = []
    for line in lines(calls):
        rows.append(_row(line, short, art=terminal.coloured))
        rows += _step_rows(line, steps.get(line.span_id, ()))
    terminal.table(columns, rows)


def _row(line: Line, short: dict[str, str], *, art: bool) -> list[Any]:
    from spanglass.read.figures import duration, number
    from spanglass.read.render import STATE_STYLES, WARNING

    call = line.call
    indent = _indent(line.last, art=art)
    if call is None:
        return [(f"{indent}a span that is no call", "dim"), "", "", "", "", "", (line.span_id[:8], "dim")]
    step = f"  {call.step_name}" if call.step_name else ""
    return [
        f"{indent}{call.name}{step}",
        (call.state, STATE_STYLES.get(call.state, WARNING)),
        duration(call.duration_ns),
        number(call.usage.input_tokens),
        number(call.usage.output_tokens),
        str(call.attempt_count),
        short[call.ref],
    ]


def _step_rows(line: Line, steps: Sequence[Step]) -> Iterator[list[Any]]:
    """A line for each step of an operation; of many the first and last."""
    from spanglass.read.figures import duration
    from spanglass.read.render import STATE_STYLES

    margin = "  " * len(line.last)
    hidden = range(_STEPS_HEAD, len(steps) - _STEPS_TAIL)
    for index, step in enumerate(steps):
        if index not in hidden:
            state = ("error", STATE_STYLES["error"]) if _failed(step) else ""
            took = "" if step.duration_ns is None else duration(step.duration_ns)
            yield [(f"{margin}- {step.step_name}", "dim"), state, took, "", "", "", ""]
        elif index == hidden.start:
            yield [(f"{margin}  {len(hidden)} more: spanglass steps", "dim"), "", "", "", "", "", line.span_id[:8]]


def _failed(step: Step) -> bool:
    error = step.data.get("error")
    return isinstance(error, dict) and set(error) == {"type", "message"}


def _indent(last: tuple[bool, ...], *, art: bool) -> str:
    if not art:
        return "  " * (len(last) - 1)
    levels = last[1:]
    if not levels:
        return ""
    rails = "".join("   " if ended else "│  " for ended in levels[:-1])
    return rails + ("└─ " if levels[-1] else "├─ ")


def _tokens(calls: list[Summary]) -> str:
    from spanglass.read.figures import number

    sums = [sum(getattr(call.usage, name) or 0 for call in calls) for name in ("input_tokens", "output_tokens")]
    return f"{number(sums[0])} tokens in, {number(sums[1])} out"
