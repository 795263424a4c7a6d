from __future__ import annotations

import json

import pytest

from spanglass.model.message import ChatMessage
from spanglass.model.record import Record
from spanglass.read.origin import Origin
from spanglass.read.transit import transit

TRACE = "0" * 32
CLAIM = "The pump of claim 1, wherein the housing is made of cast iron."
FACTS = Record(
    TRACE, "1" * 16, step_name="facts", started_at=1, output=(ChatMessage.as_assistant(f"I found: {CLAIM}"),)
)
DRAFT = Record(
    TRACE,
    "2" * 16,
    step_name="draft",
    started_at=2,
    output=(ChatMessage.as_assistant(json.dumps({"text": "It rains\nin “Bergen” all day."})),),
)


def origins(sentence: str, upstream: object = None) -> list[tuple[str, str | None, str, str, float, str]]:
    record = Record(TRACE, "3" * 16, step_name="answer", upstream_context=upstream)
    found = transit(record, earlier=[DRAFT, FACTS]).origins(sentence)
    return [(one.kind, one.step_name, one.path, one.how, one.score, one.text) for one in found]


def test_a_sentence_is_found_in_the_answer_of_an_earlier_step() -> None:
    assert origins(CLAIM) == [("output", "facts", "output[0]", "exact", 1.0, CLAIM[:-1])]


def test_a_sentence_in_another_dress_is_found_inside_json() -> None:
    (found,) = origins('It rains in "Bergen" ALL day')
    assert found[:5] == ("output", "draft", "output[0]", "normalised", 1.0)
    assert found[5].startswith("It rains\\nin")


def test_upstream_leaves_come_before_answers() -> None:
    assert [found[:3] for found in origins(CLAIM, {"claims": [CLAIM]})] == [
        ("upstream", "answer", "claims[0]"),
        ("output", "facts", "output[0]"),
    ]


def test_a_sentence_that_was_changed_is_found_with_a_score() -> None:
    (found,) = origins(CLAIM.replace("iron", "steel"))
    assert found[:4] == ("output", "facts", "output[0]", "near")
    assert 0.9 < found[4] < 1
    assert found[5] == "The pump of claim 1, wherein the housing is made of cast"


@pytest.mark.parametrize("sentence", ["Nothing like it was ever said before.", "", "…", "pump"])
def test_a_sentence_of_nobody_has_no_origin(sentence: str) -> None:
    assert [found[3] for found in origins(sentence)] == (["exact"] if sentence == "pump" else [])


def test_the_json_form_has_every_field() -> None:
    record = Record(TRACE, "3" * 16, step_name="answer")
    (found,) = transit(record, earlier=[FACTS]).origins("made of cast iron")
    assert found == Origin("output", FACTS.ref, "facts", "output[0]", "exact", 1.0, 53, 70, "made of cast iron")
    assert found.to_dict() == {
        "kind": "output",
        "ref": FACTS.ref,
        "step_name": "facts",
        "path": "output[0]",
        "how": "exact",
        "score": 1.0,
        "start": 53,
        "end": 70,
        "text": "made of cast iron",
    }
