from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from read.made import BEGIN, SECOND, SPAN, TRACE, Made, journal_calls, store_calls
from spanglass.model.entry import CallFacts, OutcomeEntry
from spanglass.model.step import FORMAT
from spanglass.read import open_reader
from spanglass.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.conftest import Ended
    from spanglass.settings import Settings

OTHER = "11f067aa0ba902b7"
CALLS = [
    Made(workflow="trip", step="plan"),
    Made(
        OTHER,
        "a" * 32,
        at=BEGIN + 60 * SECOND,
        state="error",
        statuses=(503, None),
        model="claude-5",
        input_tokens=None,
    ),
]


def test_calls_are_listed_newest_first_with_a_span_id_that_show_takes(
    settings: Settings, command: Callable[..., Ended]
) -> None:
    store_calls(settings, CALLS)
    ended = command("ls")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "TIME                  STATE  NAME           MODEL        IN  OUT  DURATION  ATTEMPTS  SPAN",
        "2026-09-21 14:14:20Z  error  chat claude-5  claude-5      -    -     2.5 s         2  11f067aa",
        "2026-09-21 14:13:20Z  done   chat gpt-4o    gpt-4o-2024  40    7       1 s         1  00f067aa",
    ]
    assert command("show", "11f067aa", "--json").code == 0


def test_the_span_ids_are_as_long_as_it_takes_to_tell_them_apart(
    settings: Settings, command: Callable[..., Ended]
) -> None:
    store_calls(settings, [Made("00f067aa00000000"), Made("00f067aa00100000")])
    shown = [line.split()[-1] for line in command("ls").out.splitlines()[1:]]
    assert sorted(shown) == ["00f067aa000", "00f067aa001"]


def test_as_json_it_is_the_summaries(settings: Settings, command: Callable[..., Ended]) -> None:
    store_calls(settings, CALLS)
    ended = command("ls", "--json")
    with open_reader(settings) as reader:
        assert json.loads(ended.out) == [call.to_dict() for call in reader.find()]
    assert ended.err == ""


@pytest.mark.parametrize(
    ("arguments", "spans"),
    [
        (["--state", "error"], [OTHER]),
        (["--model", "gpt-4o"], [SPAN]),
        (["--workflow", "trip"], [SPAN]),
        (["--workflow", "trip", "--step", "act"], []),
        (["--trace", TRACE[:5]], [SPAN]),
        (["--since", "2026-09-21T14:14:00"], [OTHER]),
        (["--since", "2026-09-21T16:14:00+02:00"], [OTHER]),
        (["--since", "90d"], None),
        (["--since", "1s"], []),
        (["--limit", "1"], [OTHER]),
    ],
)
def test_what_is_asked_for_narrows_the_list(
    settings: Settings, command: Callable[..., Ended], arguments: list[str], spans: list[str] | None
) -> None:
    store_calls(settings, CALLS)
    if spans is None:
        old = time.time_ns() - 90 * 86_400 * SECOND > BEGIN
        spans = [] if old else [OTHER, SPAN]
    assert [call["span_id"] for call in json.loads(command("ls", "--json", *arguments).out)] == spans


def test_operations_are_listed_only_with_all(settings: Settings, command: Callable[..., Ended]) -> None:
    store_calls(settings, CALLS)
    operation = "22f067aa0ba902b7"
    facts = CallFacts("answer", BEGIN + 90 * SECOND, "1-1-00000000", format=FORMAT)
    open_store(settings.store).put_many([OutcomeEntry(TRACE, operation, facts, "done", BEGIN + 91 * SECOND)])
    for arguments, spans in (([], [OTHER, SPAN]), (["--limit", "1"], [OTHER]), (["--all"], [operation, OTHER, SPAN])):
        assert [call["span_id"] for call in json.loads(command("ls", "--json", *arguments).out)] == spans
        assert [line.split()[-1] for line in command("ls", *arguments).out.splitlines()[1:]] == [s[:8] for s in spans]


def test_more_calls_than_are_shown_are_noted(settings: Settings, command: Callable[..., Ended]) -> None:
    store_calls(settings, CALLS)
    assert command("ls", "--limit", "1").err == "spanglass: note: these are the newest 1; --limit shows more\n"
    assert command("ls", "--limit", "2").err == ""
    assert json.loads(command("ls", "--limit", "1", "--json").err) == {
        "notes": ["these are the newest 1; --limit shows more"]
    }


def test_a_list_of_nothing_is_empty_and_says_so(settings: Settings, command: Callable[..., Ended]) -> None:
    store_calls(settings, CALLS)
    assert command("ls", "--model", "none") == (
        0,
        "",
        f"spanglass: note: no call in {settings.store} answers to this\n",
    )
    assert command("ls", "--model", "none", "--json") == (0, "[]\n", "")


def test_a_call_under_way_is_listed(settings: Settings, command: Callable[..., Ended]) -> None:
    journal = journal_calls(settings, [Made(ended=False)])
    assert command("ls").out.splitlines()[1].split()[2:] == [
        "started",
        "chat",
        "gpt-4o",
        "gpt-4o",
        "-",
        "-",
        "-",
        "1",
        "00f067aa",
    ]
    journal.close(None)


@pytest.mark.parametrize("columns", [30, 40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(
    settings: Settings, command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    store_calls(settings, [Made(model="a-model-whose-name-is-very-long-indeed-你好你好你好")])
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = command("ls").out.splitlines()
    assert all(len(line) <= columns for line in lines)
    assert lines[1].endswith("00f067aa")
