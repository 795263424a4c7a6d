from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import spanglass
from spanglass.cli import COMMANDS, build_parser, main
from spanglass.cli.exits import MEANINGS, Exit

if TYPE_CHECKING:
    from collections.abc import Iterator


def subparsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in build_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


@pytest.mark.parametrize("program", [["-m", "spanglass"], [str(Path(sys.executable).with_name("spanglass"))]])
def test_the_program_says_its_version(program: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *program, "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == f"spanglass {spanglass.__version__}\n"


def test_every_command_takes_json_and_says_what_it_and_its_options_are_for() -> None:
    names = [name for name, _ in subparsers()]
    assert names == [command.__name__.rpartition(".")[2] for command in COMMANDS]
    for _, parser in subparsers():
        assert parser.description
        assert "--json" in parser._option_string_actions
        assert [action.dest for action in parser._actions if not action.help] == []


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name, _ in subparsers())])
def test_help_is_shown_and_is_no_failure(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert said.out.startswith("usage: spanglass")
    assert said.err == ""


def test_every_exit_code_has_a_meaning_of_its_own() -> None:
    assert set(MEANINGS) == set(Exit)
    assert len(set(MEANINGS.values())) == len(Exit)


def test_launching_imports_nothing_that_only_reading_needs() -> None:
    program = "import sys, spanglass.cli; print(sorted({'rich', 'msgspec', 'sqlite3'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_help_into_a_closed_pipe_is_silent() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "spanglass", "ls", "--help"]
    with open(writing, "wb") as closed:  # noqa: PTH123 - a descriptor
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, check=False, timeout=60)
    assert done.returncode in {0, 141}  # argparse itself passes over it where stdout is not buffered
    assert done.stderr == b""
