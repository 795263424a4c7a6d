"""``spanglass grep``: the calls that hold a text, and where.

Invariant: every call that the store says holds the text is named, the newest first, with a span id that
``spanglass show`` takes at the start of each line.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from spanglass.cli.criteria import add_criteria, criteria
from spanglass.cli.exits import Exit
from spanglass.cli.ls import unique_prefixes
from spanglass.cli.options import at_least_one, common, named, reader_of
from spanglass.cli.progress import progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from spanglass.cli.output import Output
    from spanglass.model.record import Summary
    from spanglass.read.mention import Mention
    from spanglass.read.terminal import Terminal

#: Room for what stands around a text where there is no terminal to say how much there is.
_WIDTH = 160
_LEAST = 10
_SPACE = re.compile(r"\s+")


def add_parser(subparsers: Any) -> None:
    """Declares the command."""
    parser = subparsers.add_parser(
        "grep",
        parents=[common()],
        help="find calls by a text in their messages, answers or errors",
        description="Finds the calls that hold a text, letter for letter, in the request, the answer, a step, the "
        "upstream context or the error, and shows where; it ends with 1 if there are none.",
    )
    parser.add_argument("text", metavar="TEXT", type=named, help="what to look for; case matters")
    parser.add_argument(
        "--limit", metavar="N", type=at_least_one, default=20, help="at most so many calls (%(default)s)"
    )
    add_criteria(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, output: Output) -> int:
    """Finds a text."""
    from spanglass.read.mention import mentions

    with reader_of(args, output) as reader, progress(output) as tell:
        try:
            calls = reader.find(**criteria(reader, args), text=args.text, limit=args.limit + 1)
            more, calls = len(calls) > args.limit, calls[: args.limit]
            found: list[tuple[Summary, list[Mention]]] = []
            for number, call in enumerate(calls, 1):
                found.append((call, mentions(reader.read(call), args.text)))
                tell("reading", number, len(calls))
        finally:
            output.note(reader.notes)
    if more:
        output.note([f"these are the newest {args.limit}; --limit shows more"])
    if args.json:
        output.json([{**call.to_dict(), "mentions": [place.to_dict() for place in places]} for call, places in found])
    elif not found:
        output.note([f"no call in {reader.settings.store} holds this text"])
    else:
        print_mentions(found)
    return Exit.OK if found else Exit.PROBLEM


def print_mentions(found: Sequence[tuple[Summary, list[Mention]]]) -> None:
    """A line for each place: span id, where in the record, and the text with what stands around it."""
    from spanglass.read.terminal import Terminal

    terminal = Terminal(sys.stdout)
    short = unique_prefixes([call for call, _ in found])
    for call, places in found:
        for place in places:
            _line(terminal, short[call.ref], place)
        if not places:
            terminal.line((short[call.ref], "bold"), ("  in a part that is not text", "dim"))


def _line(terminal: Terminal, span: str, place: Mention) -> None:
    where = place.path if place.role is None else f"{place.path} {place.role}"
    times = f" ({place.count} times)" if place.count > 1 else ""
    used = len(span) + len(where) + len(times) + len(place.text) + 6
    room = max(_LEAST, ((terminal.width or _WIDTH) - used) // 2)
    before, after = _SPACE.sub(" ", place.before), _SPACE.sub(" ", place.after)
    terminal.line(
        (span, "bold"),
        (f"  {where}{times}: ", "dim"),
        before if len(before) <= room else f"…{before[-room + 1 :]}",
        (place.text, "bold red"),
        after if len(after) <= room else f"{after[: room - 1]}…",
    )
