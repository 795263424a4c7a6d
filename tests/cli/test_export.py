from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from read.talk import ASSISTANT, USER, Talk, ref, says
from spanglass.cli.export import FORMATS
from spanglass.read import shape

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.conftest import Ended
    from spanglass.settings import Settings

ASK = says(USER, "How many?")
CHAT = {"messages": [ASK, says(ASSISTANT, "7")], "span_ids": [ref(1), ref(2)]}
GREETING = {"messages": [says(USER, "Hi"), says(ASSISTANT, "Hello")], "span_ids": [ref(3)]}
FAILED = {"messages": [says(USER, "Sum it up."), says(ASSISTANT, "It is")], "span_ids": [ref(4)]}


@pytest.fixture
def talk(settings: Settings) -> Talk:
    made = Talk()
    said = made.call([ASK], "many")
    made.call([*said, says(USER, "ValueError: no number")], "7")
    made.call([says(USER, "Hi")], "Hello", workflow="w-1", step="greet")
    made.call([says(USER, "Sum it up.")], "It is", finish="length")
    made.reader(settings.state_dir).close()
    return made


def lines(text: str) -> list[object]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_formats_are_those_that_can_be_made() -> None:
    assert FORMATS == shape.FORMATS


@pytest.mark.usefixtures("talk")
def test_chats_are_written_one_a_line_and_what_is_left_out_is_said(command: Callable[..., Ended]) -> None:
    done = command("export")
    assert (done.code, lines(done.out)) == (0, [CHAT, GREETING])
    assert done.err == "spanglass: note: left out: 1 answer cut short\n"


@pytest.mark.usefixtures("talk")
def test_pairs(command: Callable[..., Ended]) -> None:
    (row,) = lines(command("export", "--format", "trl-dpo").out)
    pair = {"chosen": [says(ASSISTANT, "7")], "rejected": [says(ASSISTANT, "many")]}
    assert row == {"prompt": [ASK], **pair, "span_ids": [ref(1), ref(2)]}


@pytest.mark.usefixtures("talk")
def test_json_is_one_document(command: Callable[..., Ended]) -> None:
    done = command("export", "--json")
    assert json.loads(done.out) == [CHAT, GREETING]
    assert json.loads(done.err) == {"notes": ["left out: 1 answer cut short"]}
    nothing = command("export", "--json", "--model", "none")
    assert (json.loads(nothing.out), json.loads(nothing.err)) == (
        [],
        {"notes": ["no row: no recorded conversation makes one"]},
    )


@pytest.mark.usefixtures("talk")
@pytest.mark.parametrize(
    ("arguments", "rows"),
    [
        (["--workflow", "w-1"], [GREETING]),
        (["--step", "greet"], [GREETING]),
        (["--trace", f"{3:032x}"], [GREETING]),
        (["--limit", "1"], [CHAT]),
        (["--failed"], [CHAT, GREETING, FAILED]),
        (["--state", "error"], []),
        (["--since", "1s"], []),
    ],
)
def test_what_is_asked_for_narrows_the_rows(
    command: Callable[..., Ended], arguments: list[str], rows: list[object]
) -> None:
    assert lines(command("export", *arguments).out) == rows


@pytest.mark.usefixtures("talk")
def test_refused_answers_are_in_a_chat_that_asks_for_them(command: Callable[..., Ended]) -> None:
    (row, *_) = lines(command("export", "--corrections").out)
    assert isinstance(row, dict)
    assert [message["content"] for message in row["messages"]] == ["How many?", "many", "ValueError: no number", "7"]


@pytest.mark.usefixtures("talk")
def test_a_file_is_written_and_reported(command: Callable[..., Ended], tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    done = command("export", "-o", str(path))
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines() == [
        f"spanglass: note: 2 rows of 3 conversations written to {path}",
        "spanglass: note: left out: 1 answer cut short",
    ]
    assert lines(path.read_text(encoding="utf-8")) == [CHAT, GREETING]
    report = json.loads(command("export", "-o", str(path), "--json").out)
    assert report == {
        "path": str(path),
        "format": "openai",
        "rows": 2,
        "conversations": 3,
        "left_out": {"answer cut short": 1},
        "duplicates": 0,
        "masked": 0,
    }


@pytest.mark.usefixtures("talk")
def test_a_file_that_cannot_be_written_is_said(command: Callable[..., Ended], tmp_path: Path) -> None:
    done = command("export", "-o", str(tmp_path / "none" / "rows.jsonl"))
    assert (done.code, done.out) == (74, "")
    assert "cannot read or write" in done.err


def test_what_a_terminal_would_obey_is_escaped(settings: Settings, command: Callable[..., Ended]) -> None:
    talk = Talk()
    talk.call([says(USER, "\u202eHi\x9b")], "\x1b[2J")
    talk.reader(settings.state_dir).close()
    out = command("export").out
    assert out.isascii()
    assert [message["content"] for message in json.loads(out)["messages"]] == ["\u202eHi\x9b", "\x1b[2J"]


def test_without_a_store_there_is_nothing_to_export(command: Callable[..., Ended]) -> None:
    done = command("export")
    assert (done.code, done.out) == (5, "")


def test_a_pipe_closed_by_its_reader_is_no_fault(
    command: Callable[..., Ended], talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    class Closed:
        def write(self, _text: str) -> int:
            raise BrokenPipeError

        def writelines(self, _lines: object) -> None:
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

        def fileno(self) -> int:
            raise OSError

    assert talk.made
    monkeypatch.setattr(sys, "stdout", Closed())
    assert command("export").code == 141
