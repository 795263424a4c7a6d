from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from read.made import SECOND, SPAN, TRACE, Made, store_calls
from spanglass.read import open_reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.conftest import Ended
    from spanglass.settings import Settings

FAILED, NEW = "1" * 16, "2" * 16
DAY = 86_400 * SECOND


@pytest.fixture(autouse=True)
def _stored(settings: Settings) -> None:
    now = time.time_ns()
    calls = [
        Made(at=now - 3 * DAY, workflow="trip"),
        Made(FAILED, "a" * 32, at=now - 2 * DAY, state="error", statuses=(500,)),
        Made(NEW, at=now - SECOND, workflow="trip"),
    ]
    store_calls(settings, calls)


def spans(settings: Settings) -> list[str]:
    with open_reader(settings) as reader:
        return [call.span_id for call in reader.find()]


def test_a_dry_run_shows_what_would_go_and_deletes_nothing(settings: Settings, command: Callable[..., Ended]) -> None:
    ended = command("prune", "--older-than", "1d", "--dry-run")
    assert (ended.code, ended.err) == (0, "")
    heading, failed, old, gap, told = ended.out.splitlines()
    assert heading.split() == ["TIME", "STATE", "NAME", "MODEL", "IN", "OUT", "DURATION", "ATTEMPTS", "SPAN"]
    assert [line.split()[-1] for line in (failed, old)] == [FAILED[:8], SPAN[:8]]
    assert gap == ""
    assert told.startswith("2 calls with ")
    assert told.endswith(" of payload would go")
    assert len(spans(settings)) == 3


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["--older-than", "1d"], [NEW]),
        (["--older-than", "1d", "--keep-errors"], [NEW, FAILED]),
        (["--older-than", "1d", "--workflow", "trip"], [NEW, FAILED]),
        (["--workflow", "trip"], [FAILED]),
        (["--trace", TRACE[:6]], [FAILED]),
        (["--trace", FAILED], [NEW, SPAN]),
        (["--max-bytes", "1"], []),
        (["--max-bytes", "1", "--keep-errors"], [FAILED]),
        (["--max-bytes", "10GB"], [NEW, FAILED, SPAN]),
    ],
)
def test_what_the_rule_lets_go_is_deleted(
    settings: Settings, command: Callable[..., Ended], arguments: list[str], left: list[str]
) -> None:
    foreseen = json.loads(command("prune", *arguments, "--dry-run", "--json").out)
    assert len(spans(settings)) == 3
    pruned = json.loads(command("prune", *arguments, "--json").out)
    assert spans(settings) == left
    assert pruned["calls"] == 3 - len(left)
    assert list(pruned) == ["dry_run", "calls", "pieces", "bytes", "selected"]
    if foreseen["selected"] is not None:
        assert foreseen["calls"] == pruned["calls"] == len(foreseen["selected"])


def test_without_a_rule_the_retention_of_the_settings_is_applied(
    settings: Settings, command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = command("prune")
    assert (ended.code, ended.out) == (2, "")
    assert "prune needs a rule: --older-than 7d" in ended.err
    monkeypatch.setenv("SPANGLASS_RETENTION", "60h")
    assert command("prune").code == 0
    assert spans(settings) == [NEW, FAILED]


def test_nothing_to_delete_is_said(command: Callable[..., Ended]) -> None:
    assert command("prune", "--older-than", "52w") == (0, "no call is to go\n", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--older-than", "soon"], "argument --older-than: 'soon': it takes a length of time"),
        (["--max-bytes", "-1"], "argument --max-bytes"),
        (["--max-bytes", "much"], "argument --max-bytes: 'much': it takes a number of bytes"),
    ],
)
def test_a_rule_that_cannot_work_is_a_usage_error(
    settings: Settings, command: Callable[..., Ended], arguments: list[str], words: str
) -> None:
    ended = command("prune", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert len(spans(settings)) == 3
