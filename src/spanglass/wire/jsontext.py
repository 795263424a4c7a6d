"""JSON text to values and back, for whatever providers and programs really send.

Invariant: what `parse_json` gives can always be written again as valid JSON: numbers that JSON has no name for are the
text they were (``"NaN"``), a lone surrogate is U+FFFD.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec

_BOM = b"\xef\xbb\xbf"
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()

#: The fast way, for bytes that ought to be plain JSON. Raises ValueError or RecursionError.
decode = _DECODER.decode


def parse_json(body: bytes) -> Any:
    """The value of a JSON text; also with a byte order mark, NaN, lone surrogates, bytes that are no UTF-8, or UTF-16.

    Raises:
        ValueError: this is no JSON, or it is nested too deeply.

    Example:
        >>> parse_json(b'{"temperature": NaN}')
        {'temperature': 'NaN'}
    """
    try:
        return decode(body)
    except (ValueError, RecursionError):
        pass
    try:
        return _lenient(body)
    except RecursionError:
        message = "JSON nested too deeply to be read"
        raise ValueError(message) from None


def json_text(value: Any) -> str:
    """A JSON value as compact text, or an empty text where it cannot be written."""
    try:
        return _ENCODER.encode(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        return ""


def _lenient(body: bytes) -> Any:
    body = body.removeprefix(_BOM)
    plain = body.decode(json.detect_encoding(body), "replace")
    value = json.loads(plain, parse_constant=str, parse_float=_float, parse_int=_int, strict=False)
    written = json.dumps(value, ensure_ascii=False)
    cleaned, lone = _LONE_SURROGATE.subn("\ufffd", written)
    return json.loads(cleaned) if lone else value


def _float(number: str) -> float | str:
    value = float(number)
    return value if math.isfinite(value) else number


def _int(number: str) -> int | str:
    try:
        return int(number)
    except ValueError:  # more digits than Python converts
        return number
