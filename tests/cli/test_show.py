from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from read.made import BEGIN, SECOND, SPAN, Made, journal_calls, store_calls
from spanglass.read import open_reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.conftest import Ended
    from spanglass.settings import Settings

OTHER = "11f067aa0ba902b7"
RETRIED = Made(statuses=(429, 200), messages=[{"role": "user", "content": "Schöne Grüße \x1b[2J 😀 你好 \x9b"}])


def test_a_call_is_shown_with_its_prompt_and_its_answer(settings: Settings, command: Callable[..., Ended]) -> None:
    store_calls(settings, [RETRIED])
    ended = command("show", "00f0")
    assert (ended.code, ended.err) == (0, "")
    assert "    Schöne Grüße ␛[2J 😀 你好 \\x9b\n" in ended.out
    assert "    Rain, 11 degrees.\n" in ended.out
    assert "    1  429" in ended.out


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_without_a_reference_the_newest_call_is_shown(
    settings: Settings, command: Callable[..., Ended], arguments: list[str]
) -> None:
    store_calls(settings, [Made(OTHER, at=BEGIN + SECOND), Made()])
    assert json.loads(command("show", "--json", *arguments).out)["span_id"] == OTHER


def test_a_step_of_a_workflow_names_its_latest_call(settings: Settings, command: Callable[..., Ended]) -> None:
    placed = Made(workflow="trip/17", step="plan")
    store_calls(settings, [placed, Made(OTHER, at=BEGIN + SECOND, workflow="trip/17", step="plan")])
    assert json.loads(command("show", "trip/17/plan", "--json").out)["span_id"] == OTHER
    assert command("show", "trip/17/act").code == 3


def test_as_json_it_is_exactly_the_record(settings: Settings, command: Callable[..., Ended]) -> None:
    store_calls(settings, [RETRIED])
    ended = command("show", SPAN, "--json")
    with open_reader(settings) as reader:
        assert json.loads(ended.out) == reader.fetch(SPAN).to_dict()
    assert ended.err == ""


def test_json_on_a_terminal_moves_no_cursor(settings: Settings, command: Callable[..., Ended]) -> None:
    store_calls(settings, [RETRIED])
    out = command("show", SPAN, "--json").out
    assert [char for char in out if not (char.isprintable() or char == "\n")] == []
    assert "你好" in out


@pytest.mark.parametrize(
    ("which", "attempt"), [("request", "1"), ("request", None), ("response", "2"), ("response", None)]
)
def test_raw_writes_the_exact_bytes(
    settings: Settings, which: str, attempt: str | None, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    store_calls(settings, [RETRIED])
    more = [] if attempt is None else ["--attempt", attempt]
    command = [sys.executable, "-m", "spanglass", "show", SPAN, "--raw", which, *more]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert done.stdout == getattr(RETRIED, which)
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["response"], "no attempt has response body in the record (attempts: 1; state: started)"),
        (["response", "--attempt", "1"], "attempt 1 has no response body in the record (attempts: 1; state: started)"),
        (["request", "--attempt", "9"], "attempt 9 does not exist, so it has no request body in the record"),
    ],
)
def test_a_body_that_is_not_there_is_said(
    settings: Settings, command: Callable[..., Ended], arguments: list[str], message: str
) -> None:
    journal = journal_calls(settings, [Made(ended=False)])
    ended = command("show", SPAN, "--raw", *arguments)
    assert (ended.code, ended.out) == (3, "")
    assert message in ended.err
    journal.close(None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--attempt", "1"], "--attempt goes with --raw"),
        (["--raw", "request", "--json"], "--raw writes bytes, so it does not go with --json"),
        (["--raw", "both"], "invalid choice: 'both'"),
        (["--raw", "request", "--attempt", "0"], "'0' is no whole number above zero"),
    ],
)
def test_options_that_do_not_go_together_are_a_usage_error(
    command: Callable[..., Ended], arguments: list[str], message: str
) -> None:
    ended = command("show", SPAN, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_long_texts_are_folded_unless_all_is_asked_for(settings: Settings, command: Callable[..., Ended]) -> None:
    text = "word " * 4000
    store_calls(settings, [Made(messages=[{"role": "user", "content": text}])])
    assert "… 18,000 more characters: --full" in command("show").out
    assert text.rstrip() in command("show", "--full").out


def test_every_attempt_is_shown_whole_on_demand(settings: Settings, command: Callable[..., Ended]) -> None:
    store_calls(settings, [RETRIED])
    out = command("show", "--attempts").out
    assert out.count("POST https://api.openai.com/v1/chat/completions") == 2
    assert '{"error": {"type": "rate_limit", "message": "slow down"}}' in out
