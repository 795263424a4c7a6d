"""``spanglass verify``: whether everything in the store still is what was put in.

Invariant: it changes nothing. Its exit code is 1 exactly if something is damaged, and then it names the calls that are.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from spanglass.cli.exits import CommandFailure, Exit
from spanglass.cli.options import common, reader_of
from spanglass.cli.progress import progress
from spanglass.errors import StoreCorrupt

if TYPE_CHECKING:
    import argparse

    from spanglass.cli.output import Output
    from spanglass.store import Verification


def add_parser(subparsers: Any) -> None:
    """Declares the command."""
    parser = subparsers.add_parser(
        "verify",
        parents=[common()],
        help="check that the store holds what was put in",
        description="Hashes every piece of every payload again and joins every body, and names the calls of which "
        "something is damaged; it then ends with 1.",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, output: Output) -> int:
    """Checks the store."""
    from spanglass.read.upkeep import verify_store

    with reader_of(args, output) as reader, progress(output) as tell:
        try:
            found = verify_store(reader, lambda done, total: tell("checking", done, total))
        except StoreCorrupt as why:
            fault = f"the store {reader.settings.store!r} cannot be read through: {_cause(why)}"
            message = f"{fault}; restore the file from a copy, or move it away: the next call makes a new one"
            raise CommandFailure(message, Exit.PROBLEM) from why
    if args.json:
        output.json({"sound": found.sound, **asdict(found)})
    else:
        print_verification(found)
    return Exit.OK if found.sound else Exit.PROBLEM


def print_verification(found: Verification) -> None:
    """What was checked, and what is damaged."""
    from spanglass.read.figures import counted
    from spanglass.read.terminal import Terminal

    terminal = Terminal(sys.stdout)
    terminal.line(
        f"checked {counted(found.calls, 'call')}: {counted(found.bodies, 'body', 'bodies')}, "
        f"{counted(found.pieces, 'piece')}, {counted(found.nodes, 'node')}"
    )
    if found.orphan_pieces or found.orphan_nodes:
        orphans = f"{counted(found.orphan_pieces, 'piece')} and {counted(found.orphan_nodes, 'node')}"
        terminal.line((f"{orphans} that no call needs; they cost room and do no harm", "dim"))
    if found.sound:
        terminal.line(("all is as it was put in", "green"))
        return
    for damage in found.damaged:
        terminal.line(("damaged  ", "bold red"), damage.ref, f"  {damage.what}")
    shared = f"{counted(found.damaged_pieces, 'piece')} and {counted(found.damaged_nodes, 'node')}"
    terminal.line((f"{counted(len(found.damaged), 'body', 'bodies')}, {shared} damaged", "bold red"))
    terminal.line("the rest can be read; restore the file from a copy, or prune the calls that are named")


def _cause(why: StoreCorrupt) -> str:
    """SQLite's own words, without the advice to run this command."""
    return str(why).partition("(")[2].partition(")")[0] or str(why)
