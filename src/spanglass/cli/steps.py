"""``spanglass steps``: what a program did between its calls, step by step.

Invariant: it is laid out as the trace in an exception is; nothing is left out but what is counted.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from spanglass.cli.exits import Exit
from spanglass.cli.options import common, reader_of

if TYPE_CHECKING:
    import argparse

    from spanglass.cli.output import Output

_LIMIT = 200


def add_parser(subparsers: Any) -> None:
    """Declares the command."""
    parser = subparsers.add_parser(
        "steps",
        parents=[common()],
        help="show what a program did between its calls",
        description="Shows the steps of an operation, with the operations inside of it, or those of a whole trace.",
    )
    parser.add_argument(
        "span",
        metavar="SPAN",
        nargs="?",
        default="-",
        help="an operation, as 'spanglass trace' names it, or a trace id; without it, or '-', the newest trace",
    )
    parser.add_argument("--full", action="store_true", help=f"all lines; unset, the first and last of {_LIMIT}")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, output: Output) -> int:
    """Shows steps."""
    from spanglass.read.steptrace import operations

    with reader_of(args, output) as reader:
        try:
            found = operations(reader, reader.newest().trace_id if args.span == "-" else args.span)
        finally:
            output.note(reader.notes)
    if args.json:
        trace_id = found[0].record.trace_id
        output.json({"trace_id": trace_id, "operations": [operation.to_dict() for operation in found]})
        return Exit.OK
    _print(found, full=args.full)
    return Exit.OK


def _print(found: list[Any], *, full: bool) -> None:
    from spanglass.read.render import FAILURE
    from spanglass.read.steptrace import render_operation
    from spanglass.read.terminal import Terminal
    from spanglass.timeline import MARKER

    terminal = Terminal(sys.stdout)
    for number, operation in enumerate(found):
        if number:
            terminal.gap()
        title, *lines = render_operation(operation, None if full else _LIMIT).split("\n")
        terminal.line((title, "bold"))
        for line in lines:
            before, marker, after = line.partition(MARKER)
            terminal.line(before, (marker, FAILURE), after)
