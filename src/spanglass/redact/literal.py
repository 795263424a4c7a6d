r"""Where a JSON value ends in raw text, at any depth of JSON inside JSON strings, without parsing what is around it.

Invariant: at depth d a quote is written as 2**d - 1 backslashes and the quote. Reading never passes the end of a string
that encloses the value, so that what is cut out of a body leaves the rest of it valid.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_BACKSLASH = 0x5C
_SCALAR = re.compile(rb"""[^\s,}\]\\"'()]+""")
_QUOTE = re.compile(rb"""[bBrRuUfF]{0,2}(\\*)(["'])""")
_STRUCTURE = re.compile(rb"""["'{}\[\]]""")
_DOUBLE_QUOTE = re.compile(rb'"')
_LEAD = 64
#: How far behind the beginning of a string it is still asked whether that holds JSON of its own.
_NESTED = 1 << 16
_SPACE = re.compile(rb"(?:\s|\\+[nrt])*")


class Value(NamedTuple):
    """A value in raw text: its kind, where its own bytes are (a string's without its quotes), and where it is over."""

    kind: str
    start: int
    end: int
    after: int
    quote: bytes = b'"'


def backslashes(data: bytes, at: int) -> int:
    """How many backslashes stand right before ``at``."""
    first = at
    while first and data[first - 1] == _BACKSLASH:
        first -= 1
    return at - first


def string_end(data: bytes, start: int, quote: bytes, escapes: int, *, strict: bool = False) -> tuple[int, int]:
    """The end of a string's content and the place after its closing quote.

    Args:
        data: the raw text.
        start: where the content begins.
        quote: the quote that opened it.
        escapes: how many backslashes the opening quote had.
        strict: the text is JSON, so that a backslash before a single quote is written twice.

    Returns:
        Both places; the end of the text if the string is never closed. If a string around this one is closed first,
        both are the place where it is.
    """
    at = start
    while True:
        at = data.find(quote, at)
        if at < 0:
            return len(data), len(data)
        run = min(backslashes(data, at), at - start)
        if strict and quote == b"'":
            run //= 2
        ends = _closes(run, escapes)
        if ends >= 0:
            return at - ends, at + 1 if ends == escapes else at - ends
        at += 1


def _closes(run: int, escapes: int) -> int:
    """How many of ``run`` backslashes belong to the closing quote; -1 if the quote is part of the string."""
    level = 0
    while level < escapes:
        if run % 2 == 0:
            return level
        run = (run - 1) // 2
        level = 2 * level + 1
    return -1 if run % 2 else level


def skip_space(data: bytes, at: int) -> int:
    """The first place from ``at`` that is no space, be it written as an escape."""
    skipped = _SPACE.match(data, at)
    return skipped.end() if skipped else at


def read_value(data: bytes, at: int, key_quote: bytes, escapes: int, *, strict: bool) -> Value | None:
    """The value that begins at ``at``, after a quoted key and its colon; None if there is none.

    Args:
        data: the raw text.
        at: the place after the colon.
        key_quote: the quote around the key, and so the one to expect inside the value.
        escapes: how many backslashes the key's quotes had.
        strict: the text is JSON, so that a backslash before a single quote is written twice.
    """
    at = skip_space(data, at)
    opened = _QUOTE.match(data, at)
    if opened:
        return _read_string(data, opened, key_quote, escapes, strict=strict)
    if data[at : at + 1] in (b"{", b"["):
        end = _container_end(data, at, key_quote, escapes, strict=strict)
        return Value("container", at, end, end, key_quote)
    scalar = _SCALAR.match(data, at)
    return Value("scalar", at, scalar.end(), scalar.end(), key_quote) if scalar else None


def _read_string(data: bytes, opened: re.Match[bytes], key_quote: bytes, escapes: int, *, strict: bool) -> Value | None:
    run, quote = len(opened[1]), opened[2]
    if quote == key_quote and run != escapes:
        return None
    end, after = string_end(data, opened.end(), quote, run, strict=strict)
    return Value("string", opened.end(), end, after, quote)


def _container_end(data: bytes, at: int, quote: bytes, escapes: int, *, strict: bool) -> int:
    depth = 0
    while True:
        found = _STRUCTURE.search(data, at)
        if found is None:
            return len(data)
        char, at = found[0], found.end()
        if char in b"\"'":
            if char == b"'" and quote == b'"':
                continue
            run = backslashes(data, at - 1)
            if char == quote == b'"' and run < escapes:
                return at - 1 - run
            _, at = string_end(data, at, char, run, strict=strict)
        else:
            depth += 1 if char in b"{[" else -1
            if depth == 0:
                return at


def enclosing_end(data: bytes, at: int, borders: Sequence[int]) -> int:
    """Where the JSON string around ``at`` ends: the innermost, if that string holds JSON which has strings itself.

    Args:
        data: the raw text.
        at: a place in it.
        borders: where the quotes are that open or close its strings.
    """
    following = bisect_left(borders, at)
    start = borders[following - 1] if following else -1
    end = borders[following] if following < len(borders) else len(data)
    if at - start > _NESTED:
        return end
    escapes = 0
    while data[start + 1 : min(at, start + _LEAD)].lstrip()[:1] in (b"{", b"["):
        inner = 2 * escapes + 1
        quotes = (found.start() for found in _DOUBLE_QUOTE.finditer(data, start + 1, at))
        delimiters = [place for place in quotes if _closes(backslashes(data, place), inner) == inner]
        if len(delimiters) % 2 == 0:
            break
        start, escapes = delimiters[-1], inner
    return string_end(data, at, b'"', escapes)[0] if escapes else end


def decode(raw: bytes, escapes: int) -> Any:
    """The JSON value of raw text whose quotes have so many backslashes.

    Raises:
        ValueError: it is no JSON.
    """
    text = raw.decode("utf-8", "surrogatepass")
    while escapes:
        text, escapes = json.loads(f'"{text}"'), escapes // 2
    return json.loads(text)
