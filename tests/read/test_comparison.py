from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import spanglass
from read.made import BEGIN, QUESTION, SECOND, SPAN, TRACE, Made, settings_in, store_calls
from spanglass import read
from spanglass.errors import NotFound
from spanglass.model.entry import UpstreamEntry
from spanglass.read import comparison
from spanglass.read.reader import Reader
from spanglass.settings import put_in_force
from spanglass.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from spanglass.settings import Settings

SECOND_SPAN, THIRD_SPAN, EMBEDDING = "1" * 16, "2" * 16, "3" * 16
FACT = "It rains in Bergen on two days of three."
CALLS = [
    Made(workflow="trip", step="facts", answer=FACT),
    Made(EMBEDDING, at=BEGIN + 4 * SECOND, workflow="trip", operation="embeddings", model="embed"),
    Made(
        SECOND_SPAN,
        at=BEGIN + 5 * SECOND,
        workflow="trip",
        step="plan",
        messages=[QUESTION, {"role": "user", "content": f"Known: {FACT}"}],
    ),
    Made(THIRD_SPAN, "a" * 32, at=BEGIN + 9 * SECOND),
]


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    settings = settings_in(tmp_path / "state")
    store_calls(settings, CALLS)
    store = open_store(settings.store)
    store.put_many(
        [UpstreamEntry(TRACE, SECOND_SPAN, body=json.dumps({"fact": FACT, "hotel": "Grand Hotel"}).encode())]
    )
    store.close()
    put_in_force(settings)
    yield settings
    read.close()
    put_in_force(settings_in(tmp_path / "nowhere"))


def test_what_a_step_was_handed_is_compared_with_its_prompt_and_its_sentences_with_earlier_answers(
    settings: Settings,
) -> None:
    found = spanglass.transit(SECOND_SPAN)
    assert {leaf.path: leaf.fate for leaf in found.leaves} == {"fact": "whole", "hotel": "missing"}
    assert [(one.kind, one.step_name) for one in found.origins(FACT)] == [("upstream", "plan"), ("output", "facts")]
    assert spanglass.transit(spanglass.fetch(SECOND_SPAN)).to_dict() == found.to_dict()


def test_a_long_workflow_is_looked_through_as_far_as_it_is_said(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "EARLIER", 1)
    with Reader(settings) as reader:
        found = comparison.transit_of(reader, reader.resolve(SECOND_SPAN))
        assert [one.kind for one in found.origins(FACT)] == ["upstream"]
        assert reader.notes == ["only the latest 1 calls before this one are looked at for where a text came from"]


def test_a_call_alone_is_compared_with_the_one_of_its_kind_before_it(settings: Settings) -> None:
    found = spanglass.diff(SECOND_SPAN)
    assert (found.before, found.after, found.common) == (f"{TRACE}/{SPAN}", f"{TRACE}/{SECOND_SPAN}", 1)
    assert spanglass.diff(SPAN, SECOND_SPAN) == found
    assert spanglass.diff(spanglass.fetch(SPAN), spanglass.fetch(SECOND_SPAN)) == found


@pytest.mark.parametrize(("span", "where"), [(SPAN, "workflow 'trip'"), (THIRD_SPAN, "trace")])
def test_the_first_call_has_none_before_it(settings: Settings, span: str, where: str) -> None:
    with pytest.raises(NotFound, match=f"{span} is the first call of its {where}"):
        spanglass.diff(span)
