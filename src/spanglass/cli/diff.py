"""``spanglass diff``: what changed between the context windows of two calls.

Invariant: ``--json`` writes exactly `Diff.to_dict`; a difference is no failure of the command, so the exit code is 0
unless ``--check`` asks for another.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from spanglass.cli.criteria import add_call, find_call
from spanglass.cli.exits import Exit
from spanglass.cli.options import common, reader_of

if TYPE_CHECKING:
    import argparse

    from spanglass.cli.output import Output


def add_parser(subparsers: Any) -> None:
    """Declares the command."""
    parser = subparsers.add_parser(
        "diff",
        parents=[common()],
        help="show what changed between two context windows",
        description="Shows what changed between the context windows of two calls: messages, tools and options. One "
        "call alone is compared with the one before it in its workflow, or in its trace.",
    )
    add_call(parser)
    parser.add_argument("other", metavar="LATER", nargs="?", help="the later call, if the first is not to be that one")
    parser.add_argument("--check", action="store_true", help="end with 1 if anything changed")
    parser.add_argument("--full", action="store_true", help="long texts whole, what stayed the same too")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, output: Output) -> int:
    """Shows what changed."""
    from spanglass.read.comparison import previous_call
    from spanglass.read.diff import diff

    with reader_of(args, output) as reader:
        try:
            call = find_call(reader, args.call)
            calls = (previous_call(reader, call), call) if args.other is None else (call, find_call(reader, args.other))
            before, after = (reader.read(found) for found in calls)
        finally:
            output.note(reader.notes)
    found = diff(before, after)
    if args.json:
        output.json(found.to_dict())
    else:
        from spanglass.read.render_diff import render_diff
        from spanglass.read.terminal import Terminal

        render_diff(found, Terminal(sys.stdout), full=args.full)
    return Exit.PROBLEM if args.check and not found.same else Exit.OK
