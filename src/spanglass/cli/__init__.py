"""The ``spanglass`` command: one file per command, and here the way in and out.

Invariant: `main` ends with one of the codes of `spanglass.cli.exits` whatever happens, and shows no traceback.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from spanglass.cli import (
    diff,
    doctor,
    export,
    generate,
    grep,
    ls,
    prune,
    run,
    serve,
    show,
    steps,
    tail,
    trace,
    transit,
    verify,
)
from spanglass.cli.exits import Exit, code_of, message_of
from spanglass.cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (run, ls, show, trace, steps, diff, transit, grep, tail, export, generate, prune, verify, serve, doctor)


class UsageError(Exception):
    """argparse's complaint, kept until the way out knows how to say it."""


class _Help(argparse.HelpFormatter):
    """Says an option's value once behind all its names, as Python does from 3.13 on; so the help is one everywhere."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


class _Parser(argparse.ArgumentParser):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"formatter_class": _Help, **kwargs})

    def error(self, message: str) -> NoReturn:
        complaint = f"{message}; see '{self.prog} --help'"
        raise UsageError(complaint)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; ``docs/cli.md`` is generated from it."""
    parser = _Parser(
        prog="spanglass",
        description="See exactly what your model saw: find a call, and read its context window.",
        epilog="A call is named by its span id, the first digits of one (4 at least), or trace_id/span_id.",
    )
    parser.add_argument("--version", action="version", version=f"spanglass {_version()}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: the arguments without the program's name; unset, those of the process.

    Returns:
        The exit code, see `spanglass.cli.exits.Exit`.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    ours = argv[: argv.index("--")] if "--" in argv else argv
    output = Output(as_json="--json" in ours)
    is_heard = _open_streams()
    _write_anything()
    try:
        with output.log():
            code = _run(argv, output)
    except BrokenPipeError:
        _abandon_stdout()
        return Exit.PIPE_CLOSED
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    return code if is_heard or code else Exit.OUTPUT


def _run(argv: Sequence[str], output: Output) -> int:
    try:
        code = _dispatch(argv, output)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except UsageError as why:
        output.end(why, str(why))
        return Exit.USAGE
    except Exception as why:
        if sys.flags.dev_mode:
            raise
        output.end(why, message_of(why))
        return code_of(why)
    output.end()
    return code


def _dispatch(argv: Sequence[str], output: Output) -> int:
    try:
        args = build_parser().parse_args(argv)
    except SystemExit as asked:  # --help and --version, which argparse has printed
        return int(asked.code or 0)
    return int(args.run(args, output))


def _open_streams() -> bool:
    """Lets what was started without an output write into nothing; says whether the result goes anywhere."""
    is_heard = sys.stdout is not None
    if not is_heard:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    return is_heard


def _write_anything() -> None:
    """A character that the terminal's encoding lacks is written as its escape, not raised as an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _abandon_stdout() -> None:
    """Nobody reads any more: what is still buffered goes nowhere, so that the interpreter's exit has nothing to say."""
    with contextlib.suppress(OSError, ValueError):  # no descriptor behind it: nothing is flushed into one
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("spanglass")
    except PackageNotFoundError:
        return "(not installed)"
