"""``spanglass trace``: the calls of one trace as a tree.

Invariant: every call of the trace has exactly one line (`spanglass.read.tree`).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from spanglass.cli.exits import Exit
from spanglass.cli.ls import unique_prefixes
from spanglass.cli.options import common, reader_of

if TYPE_CHECKING:
    import argparse

    from spanglass.cli.output import Output
    from spanglass.model.record import Summary
    from spanglass.read.tree import Line


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
        finally:
            output.note(reader.notes)
    if args.json:
        output.json({"trace_id": calls[0].trace_id, "calls": [call.to_dict() for call in calls]})
        return Exit.OK
    print_trace(calls)
    return Exit.OK


def print_trace(calls: list[Summary]) -> None:
    """A heading with the trace's sums, and the tree."""
    from spanglass.read.figures import counted, duration
    from spanglass.read.terminal import Column, Terminal
    from spanglass.read.tree import lines

    terminal = Terminal(sys.stdout)
    terminal.line(("trace ", "dim"), calls[0].trace_id)
    ends = [call.ended_at for call in calls if call.ended_at is not None]
    took = duration(max(ends) - calls[0].started_at) if ends else "not ended"
    made = sum(call.format != "envelope" for call in calls)
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
    terminal.table(columns, [_row(line, short, art=terminal.coloured) for line in lines(calls)])


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
