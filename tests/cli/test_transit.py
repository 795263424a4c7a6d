from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from read.made import BEGIN, SECOND, SPAN, TRACE, Made, store_calls
from spanglass.model.entry import UpstreamEntry
from spanglass.read import open_reader
from spanglass.read.comparison import transit_of
from spanglass.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.conftest import Ended
    from spanglass.settings import Settings

STEP = "1" * 16
IRON = "The pump of claim 1, wherein the housing is made of cast iron, thereby damping vibration."
ROTOR = "The pump of claim 1, wherein the rotor is hollow and carries a ceramic bearing."
HANDED = {"title": "A pump with two valves", "claims": [{"no": 2, "text": IRON}, {"no": 3, "text": ROTOR}], "ok": True}
PROMPT = "Summarise **a pump with two valves**.\n\n2. The pump of claim 1, wherein the housing is made of cast steel…"


@pytest.fixture
def patent(settings: Settings) -> Settings:
    question = {"role": "user", "content": PROMPT}
    calls = [
        Made(workflow="patent", step="extract", answer=f"Two claims. {IRON} {ROTOR}"),
        Made(STEP, at=BEGIN + 5 * SECOND, workflow="patent", step="summary", messages=[question]),
    ]
    store_calls(settings, calls)
    store = open_store(settings.store)
    store.put_many([UpstreamEntry(TRACE, STEP, body=json.dumps(HANDED).encode())])
    store.close()
    return settings


@pytest.mark.parametrize("name", [STEP, STEP[:6], f"{TRACE[:5]}/{STEP}", "patent/summary", "-", None])
def test_what_was_lost_is_shown_first(patent: Settings, command: Callable[..., Ended], name: str | None) -> None:
    ended = command("transit", *([] if name is None else [name]))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        f"patent/summary  span {STEP}",
        "6 values from upstream: 2 missing, 1 cut, 2 too short to tell, 1 whole",
        "",
        "MISSING  2   not in the prompt",
        "    claims[1].no",
        "      3",
        "    claims[1].text",
        f"      {ROTOR}",
        "",
        "CUT  1   in the prompt in part",
        "    claims[0].text  75 % arrived, in message 0 (user)",
        "      lost: iron, thereby damping vibration",
        "",
        "TOO SHORT TO TELL  2   would be anywhere by chance",
        "    claims[0].no, ok",
        "",
        "WHOLE  1   in the prompt word for word",
        "    title",
    ]


def test_as_json_it_is_the_transit(patent: Settings, command: Callable[..., Ended]) -> None:
    ended = command("transit", "patent/summary", "--json")
    with open_reader(patent) as reader:
        assert json.loads(ended.out) == transit_of(reader, reader.resolve(STEP)).to_dict()


def test_a_sentence_is_told_where_it_came_from(patent: Settings, command: Callable[..., Ended]) -> None:
    sentence = "the housing is made of cast steel"
    ended = command("transit", STEP, "--sentence", sentence)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "upstream  claims[0].text  86 % of it, near",
        "    the housing is made of cast",
        f"answer of  extract, span {SPAN}  output[0]  86 % of it, near",
        "    the housing is made of cast",
    ]
    assert [one["path"] for one in json.loads(command("transit", STEP, "--sentence", sentence, "--json").out)] == [
        "claims[0].text",
        "output[0]",
    ]


def test_a_sentence_of_nobody_says_so(patent: Settings, command: Callable[..., Ended]) -> None:
    words = ["transit", STEP, "--sentence", "Nobody said this, ever"]
    assert command(*words) == (0, "in no upstream value and no answer of an earlier call\n", "")
    assert command(*words, "--check").code == 1
    assert command("transit", STEP, "--sentence", "a pump with two valves", "--check").code == 0


def test_a_script_can_ask_whether_anything_was_lost(patent: Settings, command: Callable[..., Ended]) -> None:
    assert command("transit", STEP, "--check").code == 1
    store_calls(patent, [Made("2" * 16, at=BEGIN + 9 * SECOND)])
    assert command("transit", "--check").code == 0


def test_a_call_without_upstream_context_says_how_to_name_it(patent: Settings, command: Callable[..., Ended]) -> None:
    assert command("transit", SPAN).out.splitlines() == [
        f"patent/extract  span {SPAN}",
        "no upstream context is recorded for this call",
        "  name it where the step begins: spanglass.step(name, upstream=value)",
    ]


def test_many_values_are_named_in_part_and_counted(settings: Settings, command: Callable[..., Ended]) -> None:
    items = [f"item number {number} of the list" for number in range(80)]
    store_calls(settings, [Made(messages=[{"role": "user", "content": "\n".join(items[:20])}])])
    store = open_store(settings.store)
    store.put_many([UpstreamEntry(TRACE, SPAN, body=json.dumps(items).encode())])
    store.close()
    lines = command("transit").out.splitlines()
    assert lines[1] == "80 values from upstream: 60 missing, 20 whole"
    assert [line.strip() for line in lines if "more" in line] == ["… 10 more: --full", "… 8 more: --full"]
    assert not any("more" in line for line in command("transit", "--full").out.splitlines())


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("patent/nothing", 3, "'patent/nothing' is neither a reference to a call nor a step of a workflow"),
        ("abcd/abcd", 3, "has a trace id that starts with 'abcd'"),
        ("patent", 2, "'patent' is no reference to a call"),
        ("/x", 3, "is neither a reference to a call nor a step"),
    ],
)
def test_a_call_that_is_not_there_is_said(
    patent: Settings, command: Callable[..., Ended], name: str, code: int, words: str
) -> None:
    for verb in ("transit", "diff"):
        ended = command(verb, name)
        assert (ended.code, ended.out) == (code, "")
        assert words in ended.err


@pytest.mark.parametrize("columns", [30, 60, 100])
def test_no_line_is_wider_than_the_terminal(
    patent: Settings, command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert all(len(line) <= columns for line in command("transit", STEP, "--full").out.splitlines())
