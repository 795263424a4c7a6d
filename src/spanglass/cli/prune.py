"""``spanglass prune``: deletes calls by age, by the store's size, by workflow or by trace.

Invariant: without a rule nothing goes. With ``--dry-run`` nothing is deleted, and what would go is said: each call,
where they go for what they are, and about how many, where the oldest go for the store's size.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from spanglass.cli.exits import CommandFailure, Exit
from spanglass.cli.options import common, named, reader_of
from spanglass.settings import parse_age, parse_size
from spanglass.store.base import ERROR_STATES, PruneRule

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanglass.cli.output import Output
    from spanglass.model.record import Summary
    from spanglass.read.reader import Reader
    from spanglass.store import Pruned

_ALL = 2**62
_SHOWN = 20
_SECOND = 10**9


def add_parser(subparsers: Any) -> None:
    """Declares the command."""
    parser = subparsers.add_parser(
        "prune",
        parents=[common()],
        help="delete calls by age, by the store's size, by workflow or by trace",
        description="Deletes calls, and of their payloads what no other call shares. Without a rule here, that of "
        "SPANGLASS_RETENTION is applied.",
    )
    parser.add_argument("--older-than", metavar="AGE", type=_as(parse_age), help="that began longer ago: 90s, 12h, 7d")
    parser.add_argument(
        "--max-bytes",
        metavar="SIZE",
        type=_as(parse_size),
        help="the oldest, until the store takes no more: 500MB, 10GB",
    )
    parser.add_argument("--keep-errors", action="store_true", help="spare calls that failed or were killed")
    parser.add_argument(
        "--workflow", metavar="ID", type=named, help="only calls of this workflow; without another rule, all of them"
    )
    parser.add_argument("--trace", metavar="TRACE", type=named, help="only calls of this trace, likewise")
    parser.add_argument("--dry-run", action="store_true", help="delete nothing, and show what would go")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, output: Output) -> int:
    """Prunes the store."""
    from spanglass.read.upkeep import prune_store

    with reader_of(args, output) as reader:
        try:
            rule = _rule(reader, args)
            calls = _selected(reader, rule)
            pruned = prune_store(reader, rule)
        finally:
            output.note(reader.notes)
    if args.json:
        selected = None if calls is None else [call.ref for call in calls]
        said = {"calls": pruned.calls, "pieces": pruned.pieces, "bytes": pruned.bytes, "selected": selected}
        output.json({"dry_run": rule.dry_run, **said})
    else:
        print_pruned(pruned, rule, calls or [])
    return Exit.OK


def _rule(reader: Reader, args: argparse.Namespace) -> PruneRule:
    age, size = args.older_than, args.max_bytes
    if not (age or size or args.workflow or args.trace):
        age, size = reader.settings.retention
        if not (age or size):
            rules = "--older-than 7d, --max-bytes 10GB, --workflow ID, --trace TRACE or SPANGLASS_RETENTION"
            message = f"prune needs a rule: {rules}"
            raise CommandFailure(message, Exit.USAGE)
    return PruneRule(
        None if age is None else int(age * _SECOND),
        size,
        args.keep_errors,
        reader.trace_id(args.trace) if args.trace else None,
        args.workflow,
        args.dry_run,
    )


def _selected(reader: Reader, rule: PruneRule) -> list[Summary] | None:
    """The calls that go for what they are, newest first; None if others go for the store's size, or nobody asks."""
    if not rule.dry_run or rule.max_bytes is not None:
        return None
    until = None if rule.older_than_ns is None else time.time_ns() - rule.older_than_ns
    found = reader.find(trace_id=rule.trace_id, workflow_id=rule.workflow_id, until=until, limit=_ALL)
    return [call for call in found if not (rule.keep_errors and call.state in ERROR_STATES)]


def print_pruned(pruned: Pruned, rule: PruneRule, calls: list[Summary]) -> None:
    """What went, or would go."""
    from spanglass.cli.ls import print_calls
    from spanglass.read.figures import counted, size
    from spanglass.read.terminal import Terminal

    terminal = Terminal(sys.stdout)
    if calls:
        print_calls(calls[:_SHOWN])
        if len(calls) > _SHOWN:
            terminal.line(f"… and {counted(len(calls) - _SHOWN, 'older call')}")
        terminal.gap()
    about = "about " if rule.dry_run and rule.max_bytes is not None and pruned.calls else ""
    verb = "would go" if rule.dry_run else "deleted"
    told = f"{about}{counted(pruned.calls, 'call')} with {size(pruned.bytes)} of payload {verb}"
    terminal.line(told if pruned.calls else "no call is to go")


def _as(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """A type for argparse that says what the setting's parser says."""

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as why:
            message = f"{text!r}: {why}"
            raise argparse.ArgumentTypeError(message) from None

    return convert
