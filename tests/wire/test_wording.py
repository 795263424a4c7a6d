from __future__ import annotations

import json
from array import array
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanglass.model.message import ChatMessage
from spanglass.wire.wording import to_json, to_plain


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Name(str):
    __slots__ = ()


@dataclass
class Claim:
    number: int
    text: str


class Dumped:
    def model_dump(self) -> dict[str, Any]:
        return {"claim": Claim(1, "A lamp")}


class Silent:
    def __repr__(self) -> str:
        raise ValueError


class Broken:
    def model_dump(self) -> dict[str, Any]:
        raise KeyError

    def __repr__(self) -> str:
        return "<Broken>"


Pair = namedtuple("Pair", ["x", "y"])  # noqa: PYI024 - what old code has


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Claim(1, "A lamp"), {"number": 1, "text": "A lamp"}),
        (Claim, repr(Claim)),
        (Dumped(), {"claim": {"number": 1, "text": "A lamp"}}),
        (Pair(1, (2, 3)), {"x": 1, "y": [2, 3]}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        ({3, 1, 2}, [1, 2, 3]),
        (deque([1, {"a"}]), [1, ["a"]]),
        (range(10**12), "<range: range(0, 1000000000000)>"),
        (array("d", [0.5, 1.5]), [0.5, 1.5]),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Name("anna"), "anna"),
        (datetime(2026, 11, 26, 4, tzinfo=timezone.utc), "2026-11-26T04:00:00+00:00"),
        (date(2026, 11, 26), "2026-11-26"),
        (timedelta(seconds=1), "<timedelta: datetime.timedelta(seconds=1)>"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("a/b"), "a/b"),
        (Decimal("1.10"), "1.10"),
        (b"text", "text"),
        (b"\xff\x00", "data:application/octet-stream;base64,/wA="),
        (float("nan"), "NaN"),
        (float("-inf"), "-inf"),
        ({1: "a", "1": "b", (1, 2): "c", None: "d"}, {"1": "a", "1'": "b", "[1, 2]": "c", "null": "d"}),
        (ValueError("no"), "<ValueError: ValueError('no')>"),
        (-(1 << 99_999), "-0x8" + "0" * 24_999),
        (Silent(), "<Silent that has no repr: ValueError>"),
        (Broken(), "<Broken>"),
        (ChatMessage.as_user("Hi"), ChatMessage.as_user("Hi").to_dict()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_cannot_hold_is_put_into_words(value: Any, expected: Any) -> None:
    assert to_plain(value) == expected
    assert json.loads(to_json([value])) == [expected]


def test_a_value_inside_itself_is_named_and_not_followed() -> None:
    circle: list[Any] = [1]
    circle += [circle, {"again": circle}]
    assert to_plain(circle) == [1, "<the same list again>", {"again": "<the same list again>"}]


def test_the_same_value_side_by_side_is_no_circle() -> None:
    claim = ["A lamp"]
    assert to_plain([claim, claim]) == [["A lamp"], ["A lamp"]]


def test_nesting_without_end_ends_in_words() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert to_json(deep).count(b"[") >= 100


def test_half_a_pair_of_surrogates_leaves_valid_text() -> None:
    assert json.loads(to_json({"a": "\ud83d"})) == {"a": "?"}


jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(value=jsons)
def test_any_json_value_comes_back_as_it_was(value: Any) -> None:
    assert to_plain(value) == value
    assert json.loads(to_json(value)) == value


@settings(deadline=None)
@given(value=st.from_type(object) | st.binary() | st.complex_numbers() | st.frozensets(st.integers() | st.text()))
def test_any_value_becomes_valid_json(value: Any) -> None:
    json.loads(to_json(value))
