from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from read.planted import PLANTED, figures, plant
from spanglass.model.message import ChatMessage
from spanglass.model.record import Attempt, Record
from spanglass.read.transit import FATES, Leaf, Spot, transit

if TYPE_CHECKING:
    from spanglass.read.transit import Fate

CLAIM = "The pump of claim 1, wherein the housing is made of cast iron with a wall of at least 4 mm"
OTHER = "The pump of claim 1, wherein the rotor is hollow and carries a ceramic bearing at both ends"
#: What a fixed set of plants has to reach; `benchmarks/transit.py` prints the figures of another one.
FLOOR = 0.95


def handed(upstream: Any, *prompt: str, **more: Any) -> Record:
    messages = tuple(ChatMessage.as_user(text) for text in prompt)
    return Record("0" * 32, "0" * 16, messages=messages, upstream_context=upstream, **more)


def fates(upstream: Any, *prompt: str, **more: Any) -> dict[str, Fate]:
    return {leaf.path: leaf.fate for leaf in transit(handed(upstream, *prompt, **more)).leaves}


def test_planted_losses_are_told_with_high_recall_and_precision() -> None:
    told = [(planted := plant(seed), transit(planted.record)) for seed in range(40)]
    found = figures(told)
    low = {
        (kind, fate): round(share[fate], 3)
        for kind, share in (("recall", found.recall), ("precision", found.precision))
        for fate in PLANTED
        if share[fate] < FLOOR
    }
    assert low == {}, found.wrong[:20]


def test_what_is_there_letter_for_letter_is_whole_and_exact() -> None:
    (leaf,) = transit(handed({"claim": CLAIM}, "Hello", f"Read this: {CLAIM}. Then answer.")).leaves
    assert leaf == Leaf("claim", CLAIM, "whole", "exact", 1.0, (Spot(1, 11, 11 + len(CLAIM)),))
    assert leaf.lost == ()


@pytest.mark.parametrize(
    "prompt",
    [
        f"- **{CLAIM.upper()}**",
        json.dumps({"items": [{"text": f"{CLAIM}\n"}]}, indent=2),
        CLAIM.replace(" ", "\n  "),
        json.dumps(json.dumps(CLAIM)),
    ],
)
def test_what_is_there_in_another_dress_is_whole_and_normalised(prompt: str) -> None:
    (leaf,) = transit(handed([CLAIM], prompt)).leaves
    assert (leaf.fate, leaf.score) == ("whole", 1.0)


def test_what_is_there_in_part_is_cut_and_says_what_is_lost() -> None:
    kept, lost = CLAIM[:61], CLAIM[61:]
    (leaf,) = transit(handed([CLAIM], f"Claims: {kept}… And so on.")).leaves
    assert (leaf.fate, leaf.how, leaf.spots) == ("cut", "near", (Spot(0, 8, 8 + len(kept.rstrip())),))
    assert [CLAIM[start:end] for start, end in leaf.lost] == [lost]
    assert 0 < (leaf.score or 0) < 1


def test_what_is_there_with_another_word_is_altered_and_says_where() -> None:
    (leaf,) = transit(handed([CLAIM], f"Claims: {CLAIM.replace('iron', 'steel')}.")).leaves
    assert leaf.fate == "altered"
    assert [CLAIM[start:end].strip() for start, end in leaf.lost] == ["iron"]
    assert len(leaf.spots) == len(leaf.kept) == 2


def test_parts_in_another_order_are_altered_and_nothing_is_lost() -> None:
    first, second = f"{CLAIM}.", "It is driven by a belt, which a spring keeps taut at any speed of the motor."
    (leaf,) = transit(handed([f"{first} {second}"], f"{second}\n\nAnd before that, as we all know: {first}")).leaves
    assert (leaf.fate, leaf.score, leaf.lost) == ("altered", 1.0, ())
    assert [spot.start for spot in leaf.spots] == [111, 0]


def test_a_text_in_two_chunks_is_altered_and_nothing_is_lost() -> None:
    second = "It is driven by a belt, which a spring keeps taut at any speed of the motor."
    (leaf,) = transit(handed([f"{CLAIM}. {second}"], CLAIM, "Continue the list of parts, please.", second)).leaves
    assert (leaf.fate, leaf.score, [spot.message for spot in leaf.spots]) == ("altered", 1.0, [0, 2])


def test_a_lost_leaf_does_not_live_off_its_sibling() -> None:
    assert fates([CLAIM, OTHER], f"Claims: {CLAIM}") == {"[0]": "whole", "[1]": "missing"}
    assert fates([CLAIM, OTHER], f"Claims: {CLAIM.replace('iron', 'steel')}") == {"[0]": "altered", "[1]": "missing"}


@pytest.mark.parametrize(
    ("upstream", "prompt", "fate"),
    [
        (None, "text", None),
        ({"a": None}, "text", "short"),
        ({"a": ""}, "text", "short"),
        ({"a": "***"}, "text", "short"),
        ({"ok": True}, "it is true", "short"),
        ({"ok": True}, '{"ok": true}', "whole"),
        ({"ok": True}, "ok = true", "whole"),
        ({"count": 3}, "3 pumps", "short"),
        ({"count": 3}, "count: 3", "whole"),
        ({"pumps": 3}, "3 pumps", "whole"),
        ({"count": 3}, "4 pumps", "missing"),
        ({"year": 2019}, "filed in 2019", "whole"),
        ({"year": 2019}, "filed in 20190", "missing"),
        ({"price": 1234567.5}, "for 1,234,567.5 only", "whole"),
        ({"at": -12.25}, "at -12.25 °C", "whole"),
        ({"city": "Bergen"}, "weather in Bergen today", "whole"),
        ({"city": "Bergen"}, "the Bergenser", "missing"),
        ({"unit": "mm"}, "4 mm", "short"),
        ({"unit": "mm"}, "unit: mm", "whole"),
        ({"unit": "mm"}, "inches", "missing"),
        ({"name": "你好"}, "说你好", "whole"),
    ],
)
def test_short_values_and_numbers_are_told_only_where_they_can_be(
    upstream: Any, prompt: str, fate: Fate | None
) -> None:
    assert list(fates(upstream, prompt).values()) == ([] if fate is None else [fate])


def test_the_tools_are_part_of_the_prompt_and_come_after_the_messages() -> None:
    found = transit(handed([CLAIM], "Hello", tools=({"name": "read", "description": CLAIM},)))
    assert [spot.message for leaf in found.leaves for spot in leaf.spots] == [1]
    assert [role for role, _ in found.texts] == ["user", "tools"]


def test_the_request_itself_is_looked_through_where_its_format_is_not_read() -> None:
    body = json.dumps({"inputs": CLAIM}).encode()
    record = handed([CLAIM], attempts=(Attempt(1, "POST", "https://model", 0, request_body=body),), format="opaque")
    found = transit(record)
    assert [leaf.fate for leaf in found.leaves] == ["whole"]
    assert [role for role, _ in found.texts] == ["request"]


def test_without_a_prompt_nothing_is_said() -> None:
    found = transit(handed([CLAIM]))
    assert (found.texts, found.leaves) == ((), ())


@pytest.mark.parametrize("handed_as", ["data:image/png;base64,{}", "{}"])
def test_a_picture_is_found_where_the_text_of_a_message_only_names_it(handed_as: str) -> None:
    picture, other = "iVBORw0K" * 100, "R0lGODlh" * 100
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
    messages = (ChatMessage.as_user("Look:"), ChatMessage.as_user([part]))
    upstream = {"seen": handed_as.format(picture), "unseen": other}
    seen, unseen = transit(Record("0" * 32, "0" * 16, messages=messages, upstream_context=upstream)).leaves
    assert (seen.fate, seen.how, seen.spots[0].message) == ("whole", "exact", 1)
    assert unseen.fate == "missing"


def test_the_counts_have_every_fate_and_what_was_lost_comes_by_how_bad_it_is() -> None:
    upstream = {"a": CLAIM, "b": OTHER, "ok": True, "title": "Pump with housing"}
    found = transit(handed(upstream, f"{CLAIM[:50]}…\n\nPump with housing"))
    assert found.counts == {"missing": 1, "cut": 1, "altered": 0, "short": 1, "whole": 1}
    assert list(found.counts) == list(FATES)
    assert [leaf.path for leaf in found.lost] == ["b", "a"]


def test_the_json_form_has_every_field() -> None:
    found = transit(handed({"a": "Pump with housing"}, "A pump with housing", workflow_id="w", step_name="s"))
    assert found.to_dict() == {
        "ref": f"{'0' * 32}/{'0' * 16}",
        "workflow_id": "w",
        "step_name": "s",
        "counts": {"missing": 0, "cut": 0, "altered": 0, "short": 0, "whole": 1},
        "leaves": [
            {
                "path": "a",
                "value": "Pump with housing",
                "fate": "whole",
                "how": "normalised",
                "score": 1.0,
                "spots": [{"message": 0, "start": 2, "end": 19}],
                "kept": [],
                "lost": [],
            }
        ],
    }


VOCABULARY = ["pump", "valve", "rotor", "hollow", "steel", "mm", "4", "with", "of", "the", "and", "claim"]
WORDS = st.lists(st.sampled_from(VOCABULARY), max_size=30)


@given(st.lists(WORDS.map(" ".join), max_size=8), st.lists(WORDS.map(" ".join), max_size=4))
def test_any_leaf_has_one_fate_and_what_was_kept_and_lost_make_it_up(leaves: list[str], prompt: list[str]) -> None:
    found = transit(handed(leaves, "", *prompt))
    assert [leaf.path for leaf in found.leaves] == [f"[{number}]" for number in range(len(leaves))]
    for leaf, text in zip(found.leaves, leaves, strict=True):
        assert leaf.fate in FATES
        for spot in leaf.spots:
            assert 0 <= spot.start < spot.end <= len(found.texts[spot.message][1])
        if leaf.fate in ("cut", "altered"):
            assert len(leaf.spots) == len(leaf.kept)
            parts = sorted([*leaf.kept, *leaf.lost])
            assert "".join(text[start:end] for start, end in parts).replace(" ", "") == text.replace(" ", "")
        for spot, (start, end) in zip(leaf.spots, leaf.kept, strict=False):
            assert found.texts[spot.message][1][spot.start : spot.end] == text[start:end]


@given(st.lists(WORDS.map(" ".join), min_size=1, max_size=6), st.integers(0, 5))
def test_any_long_leaf_that_a_prompt_quotes_is_whole(leaves: list[str], which: int) -> None:
    leaf = leaves[which % len(leaves)] + " annular membrane"
    found = transit(handed([*leaves, leaf], f"Before. {leaf} After."))
    assert found.leaves[-1].fate == "whole"


def test_a_megabyte_of_one_word_is_no_trouble() -> None:
    found = transit(handed(["same " * 100_000, "same " * 200_001], "same " * 200_000))
    assert [leaf.fate for leaf in found.leaves] == ["whole", "missing"]
