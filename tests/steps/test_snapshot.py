"""Data of every kind becomes JSON, as it was at that moment."""

from __future__ import annotations

import json
from collections import OrderedDict, UserDict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessage

from spanglass.redact import Redactor
from spanglass.steps.snapshot import EMPTY, Snapshot, brief, encode, extend, mask, take
from spanglass.timeline import FACT_LIMIT

REDACTOR = Redactor()


@dataclass
class Point:
    x: int
    y: int


class Colour(Enum):
    RED = "red"


class Opaque:
    def __repr__(self) -> str:
        return "<an opaque thing>"


class Word(str):
    __slots__ = ()


class Hostile:
    def __repr__(self) -> str:
        message = "not to be shown"
        raise RuntimeError(message)


class HostileMapping(Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(["a"])

    def __len__(self) -> int:
        return 1

    def __repr__(self) -> str:
        return "HostileMapping()"


def cycle() -> list[Any]:
    found: list[Any] = [1]
    found.append(found)
    return found


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        ("text", "text"),
        (1.5, 1.5),
        (2**70, 2**70),
        (float("nan"), None),
        (b"bytes", "Ynl0ZXM="),
        ((1, 2), [1, 2]),
        ({1: 2}, {"1": 2}),
        (Point(1, 2), {"x": 1, "y": 2}),
        (Colour.RED, "red"),
        (Word("word"), "word"),
        (Decimal("1.50"), "1.50"),
        (Fraction(1, 2), 0.5),
        (datetime(2026, 1, 2, tzinfo=timezone.utc), "2026-01-02T00:00:00Z"),
        (deque([1]), [1]),
        (range(3), [0, 1, 2]),
        (UserDict(a=1), {"a": 1}),
        (OrderedDict(a=1), {"a": 1}),
        (ValueError("no"), "ValueError: no"),
        (Opaque(), "<an opaque thing>"),
        ([Opaque()], ["<an opaque thing>"]),
        (Hostile(), "<Hostile>"),
        ([Hostile()], "<list>"),
        (HostileMapping(), "HostileMapping()"),
        (cycle(), "[1, [...]]"),
        ("half a pair: \ud83d", "half a pair: ?"),
        ({"a": ["\ud83d", Opaque()]}, {"a": ["?", "<an opaque thing>"]}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_kept_as_json_has_it(value: Any, kept: Any) -> None:
    body = encode({"value": value, "other": 1})
    assert json.loads(body) == {"value": kept, "other": 1}


def test_what_an_sdk_returned_is_kept_with_its_fields() -> None:
    message = ChatCompletionMessage(role="assistant", content="Hi")
    assert json.loads(encode({"message": message}))["message"]["content"] == "Hi"


def test_a_deep_value_is_kept_somehow() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert set(json.loads(encode({"deep": deep, "other": 1}))) == {"deep", "other"}


def test_what_changes_later_is_kept_as_it_was() -> None:
    messages = ["one"]
    taken = take({"messages": messages}, REDACTOR)
    messages.append("two")
    assert taken == Snapshot(b'{"messages":["one"]}', (("messages", '["one"]'),))


def test_no_data_is_no_json() -> None:
    assert take({}, REDACTOR) is EMPTY
    assert extend(EMPTY, EMPTY) is EMPTY


def test_a_name_that_is_taken_is_not_written_over() -> None:
    both = extend(take({"error": "mine"}, REDACTOR), take({"error": "theirs", "more": 1}, REDACTOR))
    assert json.loads(both.body) == {"error": "mine", "spanglass.error": "theirs", "more": 1}


def test_of_many_values_the_first_are_shown_and_the_others_counted() -> None:
    taken = take({f"v{number}": number for number in range(20)}, REDACTOR)
    assert taken.facts == (*((f"v{number}", str(number)) for number in range(FACT_LIMIT)), ("more values", "12"))


def test_shortened_data_is_json_with_short_values() -> None:
    taken = take({"short": [1], "long": "x" * 1000, "list": list(range(1000))}, REDACTOR)
    values = json.loads(brief(taken))
    assert values["short"] == [1]
    assert values["long"].startswith("xxx")
    assert "more characters" in values["long"]
    assert values["list"].startswith("[0,1,2")
    assert len(brief(taken)) < 600


def test_what_cannot_be_masked_is_dropped_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from spanglass import guard

    def broken(text: str) -> str:
        raise RuntimeError(text)

    monkeypatch.setattr(guard, "reraise", False)
    taken = mask(b'{"a":"secret"}', Redactor(rules=[broken]))
    assert b"secret" not in taken.body
    assert isinstance(json.loads(taken.body), dict)
    assert taken.redactions == 1


anything = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.text(st.characters(categories=["Cs", "L"])),
        st.binary(),
        st.builds(Opaque),
        st.builds(Hostile),
    ),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.none(), inner) | st.tuples(inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(st.text() | st.text(st.characters(categories=["Cs"])), anything, max_size=5))
def test_whatever_is_given_a_json_object_comes_of_it(data: dict[str, Any]) -> None:
    taken = take(data, REDACTOR)
    values = json.loads(taken.body)
    assert isinstance(values, dict)
    assert bool(values) == bool(data)
    assert isinstance(json.loads(extend(taken, take({"result": 1}, REDACTOR)).body), dict)
