"""``spanglass trace``: the calls of one trace as a tree.

Invariant: every call of the trace has exactly one line (`spanglass.read.tree`).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spanglass.cli.exits import Exit
from spanglass.cli.ls import unique_prefixes
from spanglass.cli.options import common, reader_of
from spanglass.model.record import Summary
from spanglass.model.step import FORMAT, calls_of, error_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from spanglass.cli.output import Output
    from spanglass.model.step import Step
    from spanglass.read.tree import Line


#: Formats of records that are not a call's: another instrumentation's span, and an operation with steps.
NO_CALLS = ("envelope", FORMAT)
_STEP = "a step"
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


def with_steps(calls: Sequence[Summary], steps: Mapping[str, Sequence[Step]]) -> list[Summary]:
    """The calls with a line more for each step, of many the first and last; below it the calls that were made in it."""
    found = {call.span_id: call for call in calls}
    for call in calls:
        some = list(enumerate(steps.get(call.span_id, ())))
        for index, step in some[:_STEPS_HEAD] + some[max(_STEPS_HEAD, len(some) - _STEPS_TAIL) :]:
            node = _step_node(call, index, step)
            found[node.span_id] = node
            for span_id, _ in calls_of(step):
                if span_id in found:
                    found[span_id] = replace(found[span_id], parent_span_id=node.span_id)
        left_out = some[_STEPS_HEAD : max(_STEPS_HEAD, len(some) - _STEPS_TAIL)]
        if left_out:
            index, step = left_out[0]
            name = f"{len(left_out)} more: spanglass steps {call.span_id}"
            node = replace(_step_node(call, index, step), name=name, state="done", ended_at=None)
            found[node.span_id] = node
    return sorted(found.values(), key=lambda each: (each.started_at, each.span_id))


def _step_node(call: Summary, index: int, step: Step) -> Summary:
    return Summary(
        call.trace_id,
        f"{call.span_id}.{index:06}",
        call.span_id,
        step.step_name,
        state="done" if error_of(step) is None else "error",
        started_at=step.timestamp,
        ended_at=None if step.duration_ns is None else step.timestamp + step.duration_ns,
        format=_STEP,
    )


def print_trace(calls: list[Summary], steps: Mapping[str, Sequence[Step]]) -> None:
    """A heading with the trace's sums, and the tree."""
    from spanglass.read.figures import counted, duration
    from spanglass.read.terminal import Column, Terminal
    from spanglass.read.tree import lines

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
    rows = [_row(line, short, art=terminal.coloured) for line in lines(with_steps(calls, steps))]
    terminal.table(columns, rows)


def _row(line: Line, short: dict[str, str], *, art: bool) -> list[Any]:
    from spanglass.read.figures import duration, number
    from spanglass.read.render import STATE_STYLES, WARNING

    call = line.call
    indent = _indent(line.last, art=art)
    if call is None:
        return [(f"{indent}a span that is no call", "dim"), "", "", "", "", "", (line.span_id[:8], "dim")]
    if call.format == _STEP:
        state = (call.state, STATE_STYLES[call.state]) if call.state == "error" else ""
        took = "" if call.ended_at is None else duration(call.duration_ns)
        return [(f"{indent}- {call.name}", "dim"), state, took, "", "", "", ""]
    step = f"  {call.step_name}" if call.step_name else ""
    if (call.step_attempt or 1) > 1:
        step += f"  try {call.step_attempt}"
    return [
        f"{indent}{call.name}{step}",
        (call.state, STATE_STYLES.get(call.state, WARNING)),
        duration(call.duration_ns),
        number(call.usage.input_tokens),
        number(call.usage.output_tokens),
        str(call.attempt_count),
        short[call.ref],
    ]


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
