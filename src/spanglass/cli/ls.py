"""``spanglass ls``: the recorded calls, newest first.

Invariant: every line ends with a span id that ``spanglass show`` takes; in no terminal is it cut.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from spanglass.cli.criteria import add_criteria, criteria
from spanglass.cli.exits import Exit
from spanglass.cli.options import at_least_one, common, reader_of

if TYPE_CHECKING:
    import argparse

    from spanglass.cli.output import Output
    from spanglass.model.record import Summary
    from spanglass.read.terminal import Span

_SHORT = 8


def add_parser(subparsers: Any) -> None:
    """Declares the command."""
    parser = subparsers.add_parser(
        "ls",
        parents=[common()],
        help="list calls, newest first",
        description="Lists the recorded calls, newest first.",
    )
    parser.add_argument("--limit", metavar="N", type=at_least_one, default=20, help="at most so many (%(default)s)")
    parser.add_argument("--all", action="store_true", help="also operations, which 'spanglass steps' shows")
    add_criteria(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, output: Output) -> int:
    """Lists calls."""
    with reader_of(args, output) as reader:
        try:
            calls = reader.find(**criteria(reader, args), operations=args.all, limit=args.limit + 1)
        finally:
            output.note(reader.notes)
    more = len(calls) > args.limit
    calls = calls[: args.limit]
    if more:
        output.note([f"these are the newest {args.limit}; --limit shows more"])
    if args.json:
        output.json([call.to_dict() for call in calls])
        return Exit.OK
    if not calls:
        output.note([f"no call in {reader.settings.store} answers to this"])
        return Exit.OK
    print_calls(calls)
    return Exit.OK


def print_calls(calls: list[Summary]) -> None:
    """A line for each call."""
    from spanglass.read.figures import duration, moment, number
    from spanglass.read.render import STATE_STYLES, WARNING
    from spanglass.read.terminal import Column, Terminal

    columns = [
        Column("TIME", 5, style="dim"),
        Column("STATE"),
        Column("NAME", shrinks=True),
        Column("MODEL", 6),
        Column("IN", 3, right=True),
        Column("OUT", 3, right=True),
        Column("DURATION", 2, right=True),
        Column("ATTEMPTS", 4, right=True),
        Column("SPAN", style="bold"),
    ]
    short = unique_prefixes(calls)
    rows: list[list[Span]] = [
        [
            f"{moment(call.started_at)[:19]}Z",
            (call.state, STATE_STYLES.get(call.state, WARNING)),
            call.name,
            call.response_model or call.request_model or "-",
            number(call.usage.input_tokens),
            number(call.usage.output_tokens),
            duration(call.duration_ns),
            str(call.attempt_count),
            short[call.ref],
        ]
        for call in calls
    ]
    Terminal(sys.stdout).table(columns, rows)


def unique_prefixes(calls: list[Summary]) -> dict[str, str]:
    """For each call the start of its span id that names it among these: 8 digits, or as many as it takes."""
    for digits in range(_SHORT, 16):
        if len({call.span_id[:digits] for call in calls}) == len({call.span_id for call in calls}):
            return {call.ref: call.span_id[:digits] for call in calls}
    return {call.ref: call.span_id for call in calls}
