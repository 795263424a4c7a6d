from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from read.made import BEGIN, QUESTION, SECOND, SPAN, TRACE, Made, store_calls
from spanglass.read import open_reader
from spanglass.read.diff import diff

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.conftest import Ended
    from spanglass.settings import Settings

SECOND_SPAN, THIRD_SPAN, AGAIN = "1" * 16, "2" * 16, "3" * 16
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {}}}
LONG = "word " * 100
CALLS = [
    Made(messages=[QUESTION], more={"temperature": 0, "tools": [TOOL]}),
    Made(
        SECOND_SPAN,
        at=BEGIN + 5 * SECOND,
        messages=[
            QUESTION,
            {"role": "assistant", "content": "Rain."},
            {"role": "user", "content": f"{LONG}And in Oslo?\n{LONG}"},
        ],
        more={"temperature": 1},
    ),
    Made(
        THIRD_SPAN,
        at=BEGIN + 9 * SECOND,
        messages=[
            QUESTION,
            {"role": "assistant", "content": "Rain."},
            {"role": "user", "content": f"{LONG}And in Tromsø?\n{LONG}"},
        ],
        more={"temperature": 1},
    ),
    Made(AGAIN, at=BEGIN + 12 * SECOND, messages=[QUESTION], more={"temperature": 0, "tools": [TOOL]}),
]


@pytest.fixture(autouse=True)
def _stored(settings: Settings) -> None:
    store_calls(settings, CALLS)


def test_what_was_added_and_what_else_changed_is_shown(command: Callable[..., Ended]) -> None:
    ended = command("diff", SPAN[:4], SECOND_SPAN)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        f"from {SPAN}  to {SECOND_SPAN}",
        "",
        "MESSAGES   the first is the same; 2 added",
        "+  1  assistant",
        "      Rain.",
        "+  2  user",
        f"      {LONG}And in Oslo?",
        f"      {LONG.rstrip()}",
        "",
        "OPTIONS",
        "  ~ temperature  0 -> 1",
        "",
        "TOOLS",
        '  - weather  {"type": "function", "function": {"name": "weather", "parameters": {}}}',
    ]


def test_a_call_alone_is_compared_with_the_one_before_it_and_only_what_changed_is_shown(
    command: Callable[..., Ended],
) -> None:
    ended = command("diff", THIRD_SPAN)
    assert ended.out.splitlines() == [
        f"from {SECOND_SPAN}  to {THIRD_SPAN}",
        "",
        "MESSAGES   the first 2 are the same; 1 changed",
        "~  2  user",
        f"      … {'word ' * 14}And in [-Oslo-]{{+Tromsø+}}?",
        f"      {'word ' * 15}…",
    ]
    assert LONG in command("diff", THIRD_SPAN, "--full").out


def test_as_json_it_is_the_diff(settings: Settings, command: Callable[..., Ended]) -> None:
    with open_reader(settings) as reader:
        found = diff(reader.fetch(SPAN), reader.fetch(THIRD_SPAN)).to_dict()
    assert json.loads(command("diff", SPAN, THIRD_SPAN, "--json").out) == found


def test_a_script_can_ask_whether_anything_changed(command: Callable[..., Ended]) -> None:
    assert command("diff", SPAN, AGAIN, "--check") == (
        0,
        f"from {SPAN}  to {AGAIN}\nthe same: 1 message, tools and options\n",
        "",
    )
    assert command("diff", SPAN, THIRD_SPAN, "--check").code == 1


def test_the_first_call_has_nothing_to_be_compared_with(command: Callable[..., Ended]) -> None:
    ended = command("diff", SPAN)
    assert (ended.code, ended.out) == (3, "")
    assert f"{SPAN} is the first call of its trace" in ended.err


def test_a_terminal_shows_changes_by_colour_instead_of_marks(
    process: Callable[..., Ended],
) -> None:
    ended = process("diff", f"{TRACE}/{THIRD_SPAN}", FORCE_COLOR="1", COLUMNS="100", TERM="xterm-256color")
    assert (ended.code, ended.err) == (0, "")
    assert "\x1b[31mOslo" in ended.out
    assert "[-" not in ended.out
