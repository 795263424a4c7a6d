"""``spanglass tail``: follows calls as they are journaled, by whichever process.

Invariant: a call has a line when it is first seen and one for each state that it comes to after that, and each line is
written out before the next look. It ends with Ctrl-C, or when nobody reads any more.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from spanglass.cli.criteria import add_criteria, criteria
from spanglass.cli.options import common, reader_of, whole_number
from spanglass.errors import StoreMissing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanglass.cli.output import Output
    from spanglass.model.record import Summary
    from spanglass.read.reader import Reader
    from spanglass.read.terminal import Terminal

_ALL = 2**62
#: A call may be journaled later than one that began after it, by another process: so far back each look goes.
_OVERLAP_NS = 60 * 10**9
_LEAST_S, _USUAL_S = 0.05, 0.5


def add_parser(subparsers: Any) -> None:
    """Declares the command."""
    parser = subparsers.add_parser(
        "tail",
        parents=[common()],
        help="follow new calls until Ctrl-C",
        description="Shows calls as they begin and end, in whichever process, until Ctrl-C. With --json each line is a "
        "JSON document.",
    )
    parser.add_argument(
        "-n",
        "--lines",
        metavar="N",
        type=whole_number,
        default=0,
        help="so many of the latest calls first (%(default)s)",
    )
    parser.add_argument(
        "--interval", metavar="SECONDS", type=_seconds, default=_USUAL_S, help="how often to look (%(default)s)"
    )
    add_criteria(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, output: Output) -> int:
    """Follows new calls; it comes back only by an exception."""
    from spanglass.read.terminal import Terminal

    terminal = Terminal(sys.stdout)
    with reader_of(args, output) as reader:
        follow = _Follow(reader, args, output)
        while True:
            for call in follow.look():
                if args.json:
                    output.json_line(call.to_dict())
                else:
                    print_call(terminal, call)
            sys.stdout.flush()
            time.sleep(args.interval)


class _Follow:
    """What was seen, and in which state."""

    def __init__(self, reader: Reader, args: argparse.Namespace, output: Output) -> None:
        self._reader = reader
        self._args = args
        self._output = output
        self._seen: dict[str, tuple[int, str]] = {}
        self._since: int | None = None

    def look(self) -> Iterator[Summary]:
        """The calls that are new, or in another state, since the last look; the oldest first."""
        now = time.time_ns()
        try:
            found = self._first(now) if self._since is None else self._find(since=self._since, limit=_ALL)
        except StoreMissing:
            self._output.note(["nothing is recorded yet; waiting for the first call"])
            self._since = self._since or now
            return
        finally:
            self._output.note(self._reader.notes)
        for call in reversed(found):
            if self._seen.get(call.ref, (0, ""))[1] != call.state:
                self._seen[call.ref] = (call.started_at, call.state)
                yield call
        under_way = [begun for begun, state in self._seen.values() if state == "started"]
        self._since = min([*under_way, max(self._since or 0, now - _OVERLAP_NS)])
        self._seen = {ref: known for ref, known in self._seen.items() if known[0] >= self._since}

    def _first(self, now: int) -> list[Summary]:
        """What was there before; all but the latest that are asked for counts as seen."""
        before = self._find(since=now - _OVERLAP_NS, limit=_ALL)
        self._seen = {call.ref: (call.started_at, call.state) for call in before}
        self._since = now - _OVERLAP_NS
        latest = self._find(limit=self._args.lines) if self._args.lines else []
        for call in latest:
            self._seen.pop(call.ref, None)
        return latest

    def _find(self, **more: Any) -> list[Summary]:
        asked = criteria(self._reader, self._args)
        if asked["since"] is not None and more.get("since") is not None:
            more["since"] = max(asked["since"], more["since"])
        return self._reader.find(**{**asked, **more})


def print_call(terminal: Terminal, call: Summary) -> None:
    """One line about a call, in columns as `spanglass ls` has them but of a width that does not wait for the others."""
    from spanglass.read.figures import duration, moment, number
    from spanglass.read.render import STATE_STYLES, WARNING

    place = "/".join(part for part in (call.workflow_id, call.step_name) if part)
    terminal.line(
        (f"{moment(call.started_at)[11:23]}  ", "dim"),
        (f"{call.state:<9}  ", STATE_STYLES.get(call.state, WARNING)),
        f"{call.name:<28}  ",
        f"{number(call.usage.input_tokens):>8} in {number(call.usage.output_tokens):>6} out  ",
        f"{duration(call.duration_ns):>8}  ",
        (call.span_id, "bold"),
        (f"  {place}" if place else "", "dim"),
    )


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not _LEAST_S <= found < float("inf"):
        message = f"{text!r} is no number of seconds from {_LEAST_S} on"
        raise argparse.ArgumentTypeError(message)
    return found
