from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from read.made import BEGIN, SECOND, SPAN, Made, store_calls
from spanglass.read import open_reader
from spanglass.read.mention import mentions

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.conftest import Ended
    from spanglass.settings import Settings

OTHER = "11f067aa0ba902b7"


@pytest.fixture(autouse=True)
def _stored(settings: Settings) -> None:
    long = f"{'before ' * 60}the umbrella{' after' * 60}"
    calls = [
        Made(workflow="trip", step="plan"),
        Made(OTHER, at=BEGIN + SECOND, messages=[{"role": "user", "content": long}], answer="No umbrella.\nNone."),
    ]
    store_calls(settings, calls)


def test_each_place_has_a_line_with_its_span_and_what_stands_around_it(command: Callable[..., Ended]) -> None:
    assert command("grep", "Bergen") == (0, "00f067aa  messages[0].content user: What is the weather in Bergen?\n", "")
    ended = command("grep", "umbrella")
    assert (ended.code, ended.err) == (0, "")
    first, second = ended.out.splitlines()
    assert first.startswith("11f067aa  messages[0].content user: …")
    assert "before the umbrella after" in first
    assert len(first) <= 162
    assert second == "11f067aa  output[0].content assistant: No umbrella. None."


def test_as_json_it_is_the_summaries_with_the_places(settings: Settings, command: Callable[..., Ended]) -> None:
    with open_reader(settings) as reader:
        (call,) = reader.find(text="Bergen")
        places = [place.to_dict() for place in mentions(reader.read(call), "Bergen")]
    assert json.loads(command("grep", "Bergen", "--json").out) == [{**call.to_dict(), "mentions": places}]


def test_a_text_of_nobody_ends_with_1(settings: Settings, command: Callable[..., Ended]) -> None:
    assert command("grep", "BERGEN") == (1, "", f"spanglass: note: no call in {settings.store} holds this text\n")
    assert command("grep", "BERGEN", "--json") == (1, "[]\n", "")


@pytest.mark.parametrize(
    ("arguments", "spans"),
    [
        ([], [OTHER, SPAN]),
        (["--workflow", "trip"], [SPAN]),
        (["--workflow", "trip", "--step", "act"], []),
        (["--limit", "1"], [OTHER]),
        (["--since", "2026-09-21T14:13:21"], [OTHER]),
    ],
)
def test_what_is_asked_for_narrows_the_search(
    command: Callable[..., Ended], arguments: list[str], spans: list[str]
) -> None:
    found = json.loads(command("grep", "gpt-4o", "--json", *arguments).out)
    assert [call["span_id"] for call in found] == spans


def test_more_calls_than_are_shown_are_noted(command: Callable[..., Ended]) -> None:
    assert command("grep", "gpt-4o", "--limit", "1").err == (
        "spanglass: note: these are the newest 1; --limit shows more\n"
    )


def test_an_empty_text_is_a_usage_error(command: Callable[..., Ended]) -> None:
    assert command("grep", "") == (2, "", "spanglass: argument TEXT: it is empty; see 'spanglass grep --help'\n")


@pytest.mark.parametrize("columns", [60, 100])
def test_a_line_about_fits_the_terminal(
    command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert all(len(line) <= columns for line in command("grep", "umbrella").out.splitlines())
