"""Values, ids and times as OTLP writes them, and as nobody should."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from read.made import SPAN, TRACE
from server.made import JSON, PROTOBUF, any_value, encoded, span, traces
from spanglass.redact import Redactor
from spanglass.server.decoding import Item, NotOtlp, attributes_of, decode, ids_of, moment, parent_of
from spanglass.server.foreign import entries_of_span, is_about_a_model

if TYPE_CHECKING:
    from collections.abc import Callable

REDACTOR = Redactor()
ENCODINGS = {"json": JSON, "protobuf": PROTOBUF}


def items(request: dict[str, Any], encoding: Any) -> list[Item]:
    return decode(encoded(request, ENCODINGS[encoding]), encoding, "traces")


def raw_value(value: str) -> Item:
    """A span with one attribute, whose value is written here."""
    text = json.dumps(traces(span({"gen_ai.x": "HERE"}))).replace(json.dumps(any_value("HERE")), value)
    return decode(text.encode(), "json", "traces")[0]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
    | st.binary(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(said=values)
def test_an_attribute_says_the_same_in_both_encodings(said: Any) -> None:
    for encoding in ENCODINGS:
        (item,) = items(traces(span({"x": said})), encoding)
        assert attributes_of(item.raw) == {"x": said}
        assert (ids_of(item.raw), item.origin.service, item.origin.scope) == ((TRACE, SPAN), "weather", "vendor.lib")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('{"intValue": 3}', 3),
        ('{"intValue": "99999999999999999999"}', "99999999999999999999"),
        ('{"doubleValue": 1}', 1.0),
        ('{"doubleValue": "1.5"}', 1.5),
        ('{"arrayValue": {}}', []),
        ('{"arrayValue": {"values": [{}, {"boolValue": false}]}}', [None, False]),
        ('{"kvlistValue": {"values": [{"key": "a"}]}}', {"a": None}),
        ('{"newKind": 1}', None),
        ("null", None),
    ],
)
def test_what_json_may_write_otherwise_is_understood(value: str, said: Any) -> None:
    assert attributes_of(raw_value(value).raw) == {"gen_ai.x": said}


def test_null_is_as_good_as_absent() -> None:
    request = traces(span({"x": b"\xff", "y": None}, events=None, name=None, status=None))
    request["resourceSpans"][0]["schemaUrl"] = None
    (item,) = items(request, "json")
    assert (attributes_of(item.raw), item.raw.events, item.raw.name) == ({"x": b"\xff", "y": None}, [], "")
    with pytest.raises(NotOtlp, match="Expected `object`, got `null`"):
        decode(b"null", "json", "traces")


@pytest.mark.parametrize("value", ['{"doubleValue": "abc"}', '{"arrayValue": {"values": [{"doubleValue": ""}]}}'])
def test_a_number_that_is_none_is_said(value: str) -> None:
    with pytest.raises(NotOtlp, match="says that it is a number"):
        attributes_of(raw_value(value).raw)


def test_values_nested_too_deeply_are_said() -> None:
    value: Any = {"stringValue": "deep"}
    item = raw_value('{"stringValue": "HERE"}')
    for _ in range(3000):
        value = _array(value)
    item.raw.attributes[0].value = value
    with pytest.raises(NotOtlp, match="nested too deeply"):
        attributes_of(item.raw)


def _array(inner: Any) -> Any:
    from spanglass.server.otlp_json import Value, Values

    return Value(array_value=Values([inner if isinstance(inner, Value) else Value(string_value="x")]))


@pytest.mark.parametrize(
    "ids", [("0" * 32, SPAN), (TRACE, "0" * 16), (TRACE[:-1], SPAN), (TRACE, "g" * 16), ("", SPAN)]
)
def test_ids_that_are_none_are_said(ids: tuple[str, str]) -> None:
    (item,) = decode(json.dumps(traces(span({}, traceId=ids[0], spanId=ids[1]))).encode(), "json", "traces")
    with pytest.raises(NotOtlp, match="no trace id and span id"):
        ids_of(item.raw)


def test_ids_may_be_absent_or_in_capitals() -> None:
    nothing = span({}, traceId="", spanId="", parentSpanId="")
    loud = span({}, traceId=TRACE.upper(), parentSpanId="ABC" + "D" * 13)
    absent, capitals = items(traces(nothing, loud), "json")
    assert (ids_of(absent.raw), parent_of(absent.raw)) == (("", ""), None)
    assert (ids_of(capitals.raw), parent_of(capitals.raw)) == ((TRACE, SPAN), "abc" + "d" * 13)


@pytest.mark.parametrize("given_time", [-1, "x", 2**63, "18446744073709551615", ""])
def test_a_time_that_is_none_is_said(given_time: int | str) -> None:
    with pytest.raises(NotOtlp, match="a time is none"):
        moment(given_time)


NAMES = sorted({*span({}), "key", "value", "values", "stringValue", "kvlistValue"})
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
PLACES: dict[str, Callable[[Any], Any]] = {
    "whole": lambda said: said,
    "span": lambda said: traces(
        {**span({"gen_ai.system": "x"}), **(said if isinstance(said, dict) else {"name": said})}
    ),
    "value": lambda said: traces({**span({}), "attributes": [{"key": "gen_ai.system", "value": said}]}),
    "event": lambda said: traces(span({}, events=[{"name": "gen_ai.choice", "attributes": said}])),
}


@settings(deadline=None)
@given(hostile=json_values, place=st.sampled_from(sorted(PLACES)))
def test_nothing_but_not_otlp_is_ever_raised_whatever_comes(hostile: Any, place: str) -> None:
    with suppress(NotOtlp):
        for item in decode(json.dumps(PLACES[place](hostile)).encode(), "json", "traces"):
            if is_about_a_model(item):
                entries_of_span(item, REDACTOR)


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_bytes_that_are_no_protobuf_are_refused_or_read(body: bytes) -> None:
    with suppress(NotOtlp):
        assert isinstance(decode(body, "protobuf", "logs"), list)
