"""Arguments that several commands share, and the reader and settings that they name.

Invariant: an argument that cannot work is refused before anything is opened, in the words of the setting it stands for.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from spanglass.settings import Settings
from spanglass.settings.option import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanglass.cli.output import Output
    from spanglass.read.reader import Reader


#: What a store can count to.
_MOST = 2**62


def common() -> argparse.ArgumentParser:
    """The options of every command: ``--json``, ``--store`` and ``--state-dir``."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--json", action="store_true", help="JSON on stdout and nothing else; errors as JSON on stderr")
    parent.add_argument(
        "--store",
        metavar="URL",
        type=_setting("store"),
        help="the store, such as sqlite:////path/spanglass.db (SPANGLASS_STORE)",
    )
    parent.add_argument(
        "--state-dir",
        metavar="DIR",
        type=_setting("state_dir"),
        help="the state directory, with the journals and the default store (SPANGLASS_STATE_DIR)",
    )
    return parent


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings of the environment with the common options on top."""
    settings = Settings.from_environment()
    given = {"store": args.store, "state_dir": args.state_dir}
    return settings.override({name: value for name, value in given.items() if value})


def reader_of(args: argparse.Namespace, output: Output) -> Reader:
    """A reader of the store that the arguments name; what is wrong with the settings is noted."""
    from spanglass.read.reader import Reader

    settings = settings_of(args)
    output.note(settings.problems)
    return Reader(settings)


def at_least_one(text: str) -> int:
    """A whole number above zero."""
    if text.isdecimal() and int(text) > 0:
        return min(int(text), _MOST)
    message = f"{text!r} is no whole number above zero"
    raise argparse.ArgumentTypeError(message)


def whole_number(text: str) -> int:
    """A whole number, zero too."""
    if text.isdecimal():
        return min(int(text), _MOST)
    message = f"{text!r} is no whole number"
    raise argparse.ArgumentTypeError(message)


def named(text: str) -> str:
    """What is looked for: some text, in UTF-8 whatever the locale says that arguments are in.

    An empty one is refused: it is a variable of a script that was never set, and would stand for all that there is.
    """
    try:
        found = os.fsencode(text).decode()
    except UnicodeError:
        message = f"{text!r} is no text in UTF-8"
        raise argparse.ArgumentTypeError(message) from None
    if not found:
        message = "it is empty"
        raise argparse.ArgumentTypeError(message)
    return found


def moment(text: str) -> int:
    """A time in ns since the epoch, as `spanglass.read.when` reads it."""
    from spanglass.read.when import parse_moment

    try:
        return parse_moment(text)
    except ValueError as why:
        raise argparse.ArgumentTypeError(str(why)) from None


def _setting(name: str) -> Callable[[str], Any]:
    """A type for argparse that refuses what the setting would refuse, and empty text."""
    parse = next(option.parse for option in OPTIONS if option.name == name)

    def convert(text: str) -> Any:
        try:
            value = parse(text)
        except ValueError as why:
            raise argparse.ArgumentTypeError(str(why)) from None
        if not text.strip():
            message = "it is empty"
            raise argparse.ArgumentTypeError(message)
        return value

    return convert
