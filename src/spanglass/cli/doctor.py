"""``spanglass doctor``: what is installed, what would be recorded and where, and what to do about what is wrong.

Invariant: everything wrong is said with its remedy, and its exit code is 1 exactly if something is.
"""

from __future__ import annotations

import sys
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any

from spanglass.cli.exits import Exit
from spanglass.cli.options import common, settings_of

if TYPE_CHECKING:
    import argparse

    from spanglass.cli.check import Check
    from spanglass.cli.output import Output

_STYLES = {"ok": "green", "note": "cyan", "wrong": "bold red"}


def add_parser(subparsers: Any) -> None:
    """Declares the command."""
    parser = subparsers.add_parser(
        "doctor",
        parents=[common()],
        help="check the installation, the store and the settings",
        description="Checks what is installed, what would be patched, the store, the journals, redaction, the "
        "settings and OpenTelemetry's variables, and says what to do about what is wrong; it then ends with 1.",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, output: Output) -> int:
    """Checks everything."""
    from spanglass.cli import check, storage

    settings = settings_of(args)
    checks = list(
        chain(
            check.installation(),
            check.patches(),
            storage.store(settings),
            storage.state_directory(settings),
            storage.journals(settings),
            check.redaction(settings),
            check.settings_in_force(settings, args),
            check.telemetry(),
            check.faults(),
        )
    )
    wrong = [found for found in checks if found.status == "wrong"]
    if args.json:
        output.json({"ok": not wrong, "checks": [found._asdict() for found in checks]})
    else:
        _print(checks, len(wrong))
    return Exit.PROBLEM if wrong else Exit.OK


def _print(checks: list[Check], wrong: int) -> None:
    from spanglass.read.terminal import Terminal

    terminal = Terminal(sys.stdout)
    for area, group in groupby(checks, key=lambda found: found.area):
        of_area = list(group)
        widest = max(len(found.name) for found in of_area)
        terminal.line((area.upper(), "bold underline"))
        for found in of_area:
            name = f"{found.name:<{widest}}  "
            terminal.line((f"{found.status:<6}", _STYLES[found.status]), (name, "bold"), found.value, indent=2)
            if found.advice:
                terminal.line(("do: ", "bold yellow"), found.advice, indent=8)
        terminal.gap()
    if wrong:
        things = "thing is" if wrong == 1 else "things are"
        terminal.line((f"{wrong} {things} wrong", "bold red"))
    else:
        terminal.line(("nothing is wrong", "bold green"))
