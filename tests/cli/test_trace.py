from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from read.made import BEGIN, SECOND, TRACE, Made, store_calls
from spanglass.read import open_reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.conftest import Ended
    from spanglass.settings import Settings

ROOT, FIRST, SECOND_CALL, BELOW, AGENT = (f"{digit}" * 16 for digit in "12345")
CALLS = [
    Made(ROOT, model="router"),
    Made(FIRST, parent=AGENT, at=BEGIN + SECOND, statuses=(429, 200), step="plan", workflow="w"),
    Made(SECOND_CALL, parent=AGENT, at=BEGIN + 5 * SECOND, state="error", statuses=(500,)),
    Made(BELOW, parent=FIRST, at=BEGIN + 2 * SECOND, model="embed"),
]


def test_the_calls_of_a_trace_stand_below_their_parents(settings: Settings, command: Callable[..., Ended]) -> None:
    store_calls(settings, CALLS)
    ended = command("trace", TRACE)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        f"trace {TRACE}",
        "4 calls, 6 s, 120 tokens in, 21 out",
        "",
        "                        STATE  DURATION  IN  OUT  ATTEMPTS  SPAN",
        "chat router             done        1 s  40    7         1  11111111",
        "a span that is no call                                      55555555",
        "  chat gpt-4o  plan     done      2.5 s  40    7         2  22222222",
        "    chat embed          done        1 s  40    7         1  44444444",
        "  chat gpt-4o           error       1 s   -    -         1  33333333",
    ]


@pytest.mark.parametrize("arguments", [[BELOW[:6]], [f"{TRACE[:4]}/{BELOW}"], [TRACE[:8]], [], ["-"]])
def test_a_trace_is_named_by_any_of_its_calls_too_and_the_newest_by_nothing(
    settings: Settings, command: Callable[..., Ended], arguments: list[str]
) -> None:
    store_calls(settings, CALLS)
    assert command("trace", *arguments) == command("trace", TRACE)


def test_as_json_it_is_the_summaries_by_start(settings: Settings, command: Callable[..., Ended]) -> None:
    store_calls(settings, CALLS)
    with open_reader(settings) as reader:
        calls = [call.to_dict() for call in reader.calls_of_trace(TRACE)]
    assert json.loads(command("trace", TRACE, "--json").out) == {"trace_id": TRACE, "calls": calls}


def test_on_a_colour_terminal_the_tree_is_drawn(
    settings: Settings, command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    store_calls(settings, CALLS)
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = command("trace", TRACE).out
    assert "├─ chat gpt-4o  plan" in out
    assert "│  └─ chat embed" in out
    assert "└─ chat gpt-4o" in out
    monkeypatch.setenv("NO_COLOR", "1")
    out = command("trace", TRACE).out
    assert not set(out) & set("├─│└\x1b")
