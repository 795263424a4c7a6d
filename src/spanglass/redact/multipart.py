"""Finds the fields of a multipart form whose names are a credential's.

Source: RFC 7578. Invariant: boundaries, the headers of parts and all other parts stay byte for byte.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from spanglass.redact.finding import Span, is_masked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The name of a part, the rest of its headers, and the empty line behind them.
_HEAD = re.compile(rb'[; ]name="?([^"\r\n;]{1,160})"?[^\r\n]*\r\n(?:[^\r\n]{1,1024}\r\n){0,16}\r\n', re.IGNORECASE)
_BRACKET = re.compile(rb"[\[\].]+")


def field_spans(data: bytes, is_credential: Callable[[str], bool]) -> Iterator[Span]:
    """The values of fields whose names, or the last parts of them (``metadata[api_key]``), are a credential's.

    Args:
        data: the body; it may be cut off anywhere.
        is_credential: judges a name.
    """
    for head in _HEAD.finditer(data):
        name = _BRACKET.split(head[1].rstrip(b"]"))[-1].decode("utf-8", "replace")
        end = data.find(b"\r\n--", head.end())
        value = Span(head.end(), len(data) if end < 0 else end)
        if value.start < value.end and is_credential(name) and not is_masked(data[value.start : value.end]):
            yield value
