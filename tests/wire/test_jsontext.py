from __future__ import annotations

import json
from typing import Any

import pytest

from spanglass.wire.jsontext import json_text, parse_json

READABLE = {
    b'{"a": [1, 2.5, true, null, "\\u00e9"]}': {"a": [1, 2.5, True, None, "é"]},
    b'\xef\xbb\xbf{"a": 1}': {"a": 1},
    '{"a": "é"}'.encode("utf-16"): {"a": "é"},
    b'{"a": NaN, "b": -Infinity, "c": 1e999}': {"a": "NaN", "b": "-Infinity", "c": "1e999"},
    b'{"a": "x\\ud83dy", "b": "\\ud83d\\ude00"}': {"a": "x\ufffdy", "b": "😀"},
    b'{"a": "\xff"}': {"a": "\ufffd"},
    b'{"a": "one\ntwo"}': {"a": "one\ntwo"},
    b"123456789012345678901234567890": 123456789012345678901234567890,
    b"9" * 5000: "9" * 5000,
}


@pytest.mark.parametrize("body", READABLE, ids=lambda body: repr(body[:24]))
def test_reads_what_is_sent_and_gives_what_can_be_written(body: bytes) -> None:
    value = parse_json(body)
    assert value == READABLE[body]
    assert json.loads(json.dumps(value, allow_nan=False).encode("utf-8")) == value


@pytest.mark.parametrize("body", [b"", b"{", b"nope", b'{"a": 1} x', b"[" * 100_000, b'{"a":' * 100_000])
def test_what_is_no_json_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_json(body)


@pytest.mark.parametrize(
    ("value", "text"), [({"a": "é", "b": []}, '{"a":"é","b":[]}'), (10**30, "1" + "0" * 30), ({1j}, ""), ("\ud83d", "")]
)
def test_writes_compact_text_or_none(value: Any, text: str) -> None:
    assert json_text(value) == text
