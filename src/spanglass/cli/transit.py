"""``spanglass transit``: what of a step's upstream context reached its prompt, and where a sentence came from.

Invariant: ``--json`` writes exactly `Transit.to_dict`, or with ``--sentence`` the origins; what was lost is no failure
of the command, so the exit code is 0 unless ``--check`` asks for another.
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
        "transit",
        parents=[common()],
        help="show what of a step's upstream context did not reach its prompt",
        description="Shows what became of each value that a step was handed: whether it reached the prompt whole, cut, "
        "altered or not at all.",
    )
    add_call(parser)
    parser.add_argument(
        "--sentence",
        metavar="TEXT",
        help="where this text of the prompt came from: an upstream value, or the answer of an earlier call",
    )
    parser.add_argument(
        "--check", action="store_true", help="end with 1 if anything was lost or the text was not found"
    )
    parser.add_argument("--full", action="store_true", help="long texts whole, and the path of every value")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, output: Output) -> int:
    """Shows what was lost."""
    from spanglass.read.comparison import transit_of

    with reader_of(args, output) as reader:
        try:
            found = transit_of(reader, find_call(reader, args.call))
            origins = None if args.sentence is None else found.origins(args.sentence)
        finally:
            output.note(reader.notes)
    if args.json:
        output.json(found.to_dict() if origins is None else [origin.to_dict() for origin in origins])
    else:
        from spanglass.read.render_transit import render_origins, render_transit
        from spanglass.read.terminal import Terminal

        if origins is None:
            render_transit(found, Terminal(sys.stdout), full=args.full)
        else:
            render_origins(origins, Terminal(sys.stdout))
    wrong = bool(found.lost) if origins is None else not origins
    return Exit.PROBLEM if args.check and wrong else Exit.OK
