"""``spanglass show``: one call, with its whole context window.

Invariant: ``--json`` writes exactly `Record.to_dict`, and ``--raw`` exactly the bytes of a body; nothing else goes
to stdout.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from spanglass.cli.criteria import add_call, find_call
from spanglass.cli.exits import CommandFailure, Exit
from spanglass.cli.options import at_least_one, common, reader_of

if TYPE_CHECKING:
    import argparse

    from spanglass.cli.output import Output
    from spanglass.model.record import Attempt, Record


def add_parser(subparsers: Any) -> None:
    """Declares the command."""
    parser = subparsers.add_parser(
        "show",
        parents=[common()],
        help="show one call: its context window, its answer, its attempts",
        description="Shows one call: what the model was given, what it answered, and how it went over the wire.",
    )
    add_call(parser)
    parser.add_argument("--full", action="store_true", help="long texts whole, and the tool definitions")
    parser.add_argument("--attempts", action="store_true", help="each attempt with its headers and bodies")
    parser.add_argument("--raw", choices=("request", "response"), help="only the exact bytes of a body, to stdout")
    parser.add_argument(
        "--attempt",
        metavar="N",
        type=at_least_one,
        help="with --raw: of this attempt, rather than of the last that has the body",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, output: Output) -> int:
    """Shows a call."""
    if args.attempt and not args.raw:
        message = "--attempt goes with --raw; --attempts shows all of them"
        raise CommandFailure(message, Exit.USAGE)
    if args.raw and args.json:
        message = "--raw writes bytes, so it does not go with --json"
        raise CommandFailure(message, Exit.USAGE)
    with reader_of(args, output) as reader:
        try:
            record = reader.read(find_call(reader, args.call))
        finally:
            output.note(reader.notes)
    if args.json:
        output.json(record.to_dict())
    elif args.raw:
        _write_raw(record, args.raw, args.attempt, output)
    else:
        from spanglass.read.render import render_record
        from spanglass.read.terminal import Terminal

        render_record(record, Terminal(sys.stdout), full=args.full, attempts=args.attempts)
    return Exit.OK


def _write_raw(record: Record, which: str, number: int | None, output: Output) -> None:
    attempts = [attempt for attempt in record.attempts if number is None or attempt.number == number]
    bodies = [(attempt, body) for attempt in attempts if (body := _body(attempt, which)) is not None]
    if not bodies:
        numbers = ", ".join(str(attempt.number) for attempt in record.attempts) or "none"
        where = "no attempt" if number is None else f"attempt {number}"
        fault = "has" if number is None or attempts else "does not exist, so it has no"
        no = "no " if number is not None and attempts else ""
        message = f"{where} {fault} {no}{which} body in the record (attempts: {numbers}; state: {record.state})"
        raise CommandFailure(message, Exit.NOT_FOUND)
    attempt, body = bodies[-1]
    if which == "response" and not attempt.complete:
        output.note([f"the answer of attempt {attempt.number} is not whole"])
    sys.stdout.flush()
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()


def _body(attempt: Attempt, which: str) -> bytes | None:
    return attempt.request_body if which == "request" else attempt.response_body
