"""The example of a dataset, run as its reader would run it: twenty rows, their mistakes, and two files to train on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from spanglass.read.reader import Reader
from spanglass.settings import Settings

if TYPE_CHECKING:
    from spanglass.model.record import Record

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[2] / "examples"


class Ran(NamedTuple):
    """What the example printed and wrote, twice, and what is recorded of it."""

    out: str
    again: str
    cards: list[dict[str, Any]]
    chats: list[dict[str, Any]]
    pairs: list[dict[str, Any]]
    records: dict[str, Record]


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The example beside its provider, both as programs of their own."""
    home = tmp_path_factory.mktemp("dataset")
    environ = {"PATH": os.environ.get("PATH", ""), "HOME": str(home), "SPANGLASS_STATE_DIR": str(home / "state")}
    made = home / "made"
    serve = [sys.executable, str(EXAMPLES / "provider.py")]
    said = []
    with subprocess.Popen(serve, env=environ, stdout=subprocess.PIPE, text=True) as provider:
        try:
            assert provider.stdout is not None
            environ |= {"OPENAI_BASE_URL": provider.stdout.readline().strip(), "OPENAI_API_KEY": "none"}
            command = [sys.executable, str(EXAMPLES / "dataset.py"), str(made)]
            for _ in range(2):
                done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100, check=False)
                assert done.returncode == 0, done.stderr
                said.append(done.stdout)
        finally:
            provider.kill()
    with Reader(Settings.from_environment(environ)) as reader:
        records = {record.ref: record for record in map(reader.read, reader.find(limit=1000))}
    cards, chats, pairs = (lines(made / f"{name}.jsonl") for name in ("cards", "chats", "pairs"))
    return Ran(said[0], said[1], cards, chats, pairs, records)


def test_every_row_is_made_once_with_its_trace(ran: Ran) -> None:
    assert ran.out.splitlines()[0] == "20 cards made, 0 there already, 0 failed"
    assert ran.again.splitlines()[0] == "0 cards made, 20 there already, 0 failed"
    assert len({row["city"] for row in ran.cards}) == len(ran.cards) == 20
    for row in ran.cards:
        assert row["card"].keys() == {"question", "answer", "difficulty"}
        assert json.loads(row["card__trace"][-1]["content"]) == row["card"]
    assert Counter(len(row["card__trace"]) for row in ran.cards) == {3: 6, 5: 10, 7: 4}


def test_what_is_exported_are_the_conversations_and_their_mistakes(ran: Ran) -> None:
    assert ran.out.splitlines()[1] == "20 conversations and 18 pairs of 20 recorded conversations"
    assert ran.again.splitlines()[1:2] == ran.out.splitlines()[1:2]
    answers = {row["city"]: row["card"] for row in ran.cards}
    for row in ran.chats:
        system, asked, answer = row["messages"]
        city = asked["content"].split()[-1].rstrip(".")
        assert (system["role"], json.loads(answer["content"])) == ("system", answers[city])
        assert answer["reasoning_content"].startswith(city)
    assert len(ran.pairs) == sum(len(row["card__trace"]) // 2 - 1 for row in ran.cards)
    for row in ran.pairs:
        city = row["prompt"][-1]["content"].split()[-1].rstrip(".")
        assert json.loads(row["chosen"][-1]["content"]) == answers[city]
        assert row["rejected"] != row["chosen"]


def test_every_row_names_its_calls_in_order(ran: Ran) -> None:
    for row in (*ran.chats, *ran.pairs):
        calls = [ran.records[ref] for ref in row["span_ids"]]
        assert [call.step_name for call in calls] == ["card"] * len(calls)
        assert [call.step_attempt for call in calls] == [1, 2, 3][: len(calls)]
        (parent,) = {ran.records[f"{call.trace_id}/{call.parent_span_id}"].name for call in calls}
        assert parent.startswith("generate ")
