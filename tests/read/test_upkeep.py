from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

import spanglass
from read.made import BEGIN, SECOND, SPAN, Made, journal_calls, settings_in, store_calls
from spanglass import read
from spanglass.errors import ConfigurationError, StoreMissing
from spanglass.read.reader import Reader
from spanglass.read.upkeep import verify_store
from spanglass.settings import put_in_force

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from spanglass.settings import Settings

FAILED, NEW, OTHER = "1" * 16, "2" * 16, "3" * 16
DAY = 86_400 * SECOND


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    settings = settings_in(tmp_path / "state")
    put_in_force(settings)
    yield settings
    read.close()
    put_in_force(settings_in(tmp_path / "nowhere"))


@pytest.fixture
def stored(settings: Settings) -> Settings:
    now = time.time_ns()
    calls = [
        Made(at=now - 3 * DAY, workflow="trip"),
        Made(FAILED, at=now - 2 * DAY, state="error", statuses=(500,)),
        Made(OTHER, "a" * 32, at=now - DAY // 2),
        Made(NEW, at=now - SECOND, workflow="trip"),
    ]
    store_calls(settings, calls)
    return settings


def spans(settings: Settings) -> list[str]:
    with Reader(settings) as reader:
        return [call.span_id for call in reader.find()]


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ({"days": 1}, [NEW, OTHER]),
        ({"hours": 60}, [NEW, OTHER, FAILED]),
        ({"days": 1, "keep_errors": True}, [NEW, OTHER, FAILED]),
        ({"days": 1, "hours": 36, "seconds": 3600}, [NEW, OTHER, FAILED]),
        ({"seconds": 1e9}, [NEW, OTHER, FAILED, SPAN]),
    ],
)
def test_calls_of_an_age_are_deleted(stored: Settings, rule: dict[str, Any], left: list[str]) -> None:
    foreseen = spanglass.prune_older_than(**rule, dry_run=True)
    assert foreseen.calls == 4 - len(left)
    assert len(spans(stored)) == 4
    assert spanglass.prune_older_than(**rule).calls == foreseen.calls
    assert spans(stored) == left


def test_calls_of_a_workflow_or_trace_are_deleted(stored: Settings) -> None:
    assert spanglass.prune(workflow_id="trip", older_than_s=86_400).calls == 1
    assert spanglass.prune(trace_id="a" * 32).calls == 1
    assert spans(stored) == [NEW, FAILED]


def test_the_oldest_calls_are_deleted_until_the_store_is_small_enough(stored: Settings) -> None:
    assert spanglass.prune(max_bytes=1 << 40).calls == 0
    assert spanglass.prune(max_bytes=1).calls == 4
    assert spans(stored) == []


def test_what_is_still_journaled_goes_too(settings: Settings) -> None:
    journal = journal_calls(settings, [Made(at=BEGIN - 1000 * DAY)])
    assert spanglass.prune_older_than(days=1).calls == 1
    assert spans(settings) == []
    journal.close(None)


@pytest.mark.parametrize("rule", [{}, {"keep_errors": True}, {"older_than_s": -1}, {"max_bytes": -5}])
def test_a_rule_that_cannot_work_deletes_nothing(stored: Settings, rule: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        spanglass.prune(**rule)
    with pytest.raises(ConfigurationError, match="takes days=, hours= or seconds= above zero"):
        spanglass.prune_older_than(days=0)
    assert len(spans(stored)) == 4


def test_pruning_makes_no_store(settings: Settings) -> None:
    with pytest.raises(StoreMissing):
        spanglass.prune_older_than(days=1)
    assert not settings.state_dir.exists()


def test_a_store_is_checked_and_says_how_far_it_is(stored: Settings) -> None:
    told: list[tuple[int, int]] = []
    with Reader(stored) as reader:
        found = verify_store(reader, lambda done, total: told.append((done, total)))
    assert (found.sound, found.calls) == (True, 4)
    assert told[-1][0] == told[-1][1] > 0
