"""What to mask under, or after, a name that names a credential: in JSON at any depth, in reprs, and in assignments.

Invariant: what declares a parameter (a JSON schema) or reports a piece of text (an entry of log-probabilities) is kept;
true, false, null and the empty value are no credentials.
"""

# ruff: noqa: SIM905 - words read better in lines than in a column

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from spanglass.redact.finding import MASK, Span, Text, is_credential_like, is_masked
from spanglass.redact.key import flat
from spanglass.redact.literal import Value, backslashes, decode, enclosing_end, read_value, skip_space

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanglass.redact.key import Keys, Scope

_LATE = re.compile(rb"""(token|headers|auth)(?:\\*["'])\]?\s*[=:]""", re.IGNORECASE)
_LATE_WINDOW = 128
_KEY_WINDOW = 160
_QUOTES = (b'"', b"'")
_BARE_KEY = re.compile(rb"[A-Za-z0-9_.-]+\Z")
_BARE_VALUE = re.compile(rb"""[^\s&;,"'<>(){}\[\]\\|`]+""")
_OPENING = re.compile(rb"""[=>]?[ \t]*(?:[bBrRuUfF]{0,2}(\\*)(["']))?""")
_LONGEST = 8192
#: How much before a key, and how much of its value, is looked at in a string that may be long.
_AROUND, _FURTHEST = 2048, 1 << 18
_LINE = re.compile(rb"""[^\r\n"\\]+""")
_LINE_NAMES = ("authorization", "cookie")
_NOTHING = frozenset((b"", b"true", b"false", b"null", b"none", b"nil", b"undefined"))
_NUMBER = re.compile(rb"-?[0-9][0-9.eE+-]*\Z")

_LOGPROB = rb"""\\*"(?:raw_)?log_?prob(?:ability)?\\*"\s*:"""
_SIBLING = rb"""\\*"[\w-]+\\*"\s*:\s*(?:\[[^\[\]{}]*\]|\\*"(?:[^"\\]|\\+[^"\\])*\\*"|[-+\w.]+)"""
_LOGPROB_AFTER = re.compile(
    rb"(?:\s*,\s*" + _SIBLING + rb"){0,6}?\s*,\s*(?:" + _LOGPROB + rb"""|\\*"top_logprobs\\*"\s*:\s*\[)""",
    re.IGNORECASE,
)
_LOGPROB_BEFORE = re.compile(rb"""prob(?:ability)?\\*"\s*:\s*[-+\w.]+\s*,\s*(?:""" + _SIBLING + rb"\s*,\s*){0,6}?\Z")
_LOGPROB_WINDOW = 1024

_SCHEMA_TYPES = frozenset("string number integer boolean array object null str int float bool list dict any".split())
_SCHEMA_WORDS = frozenset(
    "type description title format enum const default example examples nullable required optional pattern "
    "minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum multipleOf items minItems maxItems "
    "uniqueItems properties anyOf oneOf allOf not $ref $defs $schema $comment additionalProperties deprecated "
    "readOnly writeOnly contentEncoding contentMediaType propertyOrdering minProperties maxProperties "
    "patternProperties".split()
)
_SCHEMA_SIZE = 1 << 16
_SCHEMA_VALUE = re.compile(rb"""(\\*)"(?:default|const|examples?)\\*"\s*:""")


class _Key(NamedTuple):
    name: str
    scope: Scope
    start: int
    quote: bytes
    escapes: int


class KeyFinder:
    """Finds the value under, or assigned to, a credential's name; its anchor ends at the ``:`` or ``=``."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def __call__(self, text: Text, end: int) -> Iterator[Span]:
        """See `Finder`."""
        data, at = text.data, end - 1
        first = max(0, at - _KEY_WINDOW)
        head = data[first:at].rstrip()
        subscript = head.endswith(b"]")
        head = head.rstrip(b"] \t") if subscript else head
        quote = head[-1:]
        if quote not in _QUOTES:
            bare = _BARE_KEY.search(head)
            name = bare[0].decode() if bare else ""
            scope = self._keys.scope(name)
            if scope and not subscript:
                yield from _assigned(text, at, name, scope)
            return
        run = backslashes(head, len(head) - 1)
        last = len(head) - 1 - run
        opening = head.rfind(quote, 0, last)
        name = _name(head[opening + 1 : last])
        scope = self._keys.scope(name)
        if scope and (subscript or data[at] == ord("=")):
            yield from _assigned(text, at, name, scope)
        elif scope:
            key = _Key(name, scope, first + max(opening, 0), quote, run)
            if quote == b"'" and text.strict:
                part = _string_around(text, end)
                for span in _under(part.text, at + 1 - part.start, key._replace(start=key.start - part.start)):
                    yield part.place(span)
            else:
                yield from _under(text, at + 1, key)


class LateKeyFinder(KeyFinder):
    """The same for an anchor that ends somewhere in the value or after it."""

    def __init__(self, keys: Keys, expression: str) -> None:
        super().__init__(keys)
        self._match = re.compile(expression.encode(), re.IGNORECASE).match

    def __call__(self, text: Text, end: int) -> Iterator[Span]:
        """See `Finder`."""
        for found in _LATE.finditer(text.data, max(0, end - _LATE_WINDOW), end):
            whole = self._match(text.data, found.start(1)) or self._match(text.data, max(0, found.start(1) - 1))
            if whole and whole.end() == end:
                yield from super().__call__(text, found.end())
                return


def _name(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    if "\\u" in text:
        try:
            return str(json.loads(f'"{text}"'))
        except ValueError:
            return text
    return text


class _Part(NamedTuple):
    """What is around a place in a JSON string, where that begins, and where the string ends, which may be further."""

    text: Text
    start: int
    end: int

    def place(self, span: Span) -> Span:
        """A span of the part as one of the whole text; one that the part's end cuts goes on to the string's end."""
        end = self.end if span.end == len(self.text.data) else span.end + self.start
        return span._replace(start=span.start + self.start, end=end)


def _string_around(text: Text, at: int) -> _Part:
    start, end = max(0, at - _AROUND), enclosing_end(text.data, at, text.borders)
    return _Part(text.having(text.data[start : min(end, at + _FURTHEST)]), start, end)


def _under(text: Text, at: int, key: _Key, *, called: bool = False) -> Iterator[Span]:
    """The value under a quoted key; ``called``: it stands between parentheses."""
    at = skip_space(text.data, at)
    if key.scope == "text" and text.data[at : at + 1] in (b"{", b"["):
        return
    value = read_value(text.data, at, key.quote, key.escapes, strict=text.strict)
    if value is None:
        return
    raw = text.data[value.start : value.end]
    if value.kind == "string":
        if key.scope != "container" and not is_masked(raw) and not _is_logprob(text.data, key, value):
            yield Span(value.start, value.end)
    elif value.kind == "container":
        if raw.strip(b"{}[] \t\r\n"):
            yield from _container(text, value, key)
    elif text.data[value.end : value.end + 1] == b"(" and not text.strict and not called:
        yield from _under(text, value.end + 1, key, called=True)
    elif key.scope == "any" and raw.lower() not in _NOTHING and not is_masked(raw):
        yield Span(value.start, value.end, _quoted(key) if _NUMBER.match(raw) else MASK)


def _container(text: Text, value: Value, key: _Key) -> Iterator[Span]:
    if _is_schema_text(text.data[value.start : value.end], key.escapes):
        for found in _SCHEMA_VALUE.finditer(text.data, value.start, value.end):
            yield from _under(text, found.end(), key._replace(scope="any", escapes=len(found[1])))
    else:
        yield Span(value.start, value.end, _quoted(key))


def _quoted(key: _Key) -> bytes:
    quote = b"\\" * key.escapes + key.quote
    return quote + MASK + quote


def _is_schema_text(raw: bytes, escapes: int) -> bool:
    try:
        return len(raw) <= _SCHEMA_SIZE and is_schema(decode(raw, escapes))
    except (ValueError, RecursionError):
        return False


def is_schema(value: Any) -> bool:
    """Whether a value describes a parameter, and does nothing else."""
    if not isinstance(value, Mapping) or not all(word in _SCHEMA_WORDS or str(word).startswith("x-") for word in value):
        return False
    return _names_types(value.get("type")) or any(word in value for word in ("$ref", "anyOf", "oneOf", "allOf", "enum"))


def _names_types(value: Any) -> bool:
    names = value if isinstance(value, list) else [value]
    return bool(names) and all(isinstance(name, str) and name.lower() in _SCHEMA_TYPES for name in names)


def _is_logprob(data: bytes, key: _Key, value: Value) -> bool:
    """Whether a ``token`` is a piece of text with its probability beside it."""
    if flat(key.name) != "token":
        return False
    head = data[max(0, key.start - _LOGPROB_WINDOW) : key.start].rstrip(b"\\").lower()
    last = head.rfind(b"prob")
    if last >= 0 and _LOGPROB_BEFORE.match(head, last):
        return True
    return _LOGPROB_AFTER.match(data, value.after, value.after + _LOGPROB_WINDOW) is not None


def _assigned(text: Text, at: int, name: str, scope: Scope) -> Iterator[Span]:
    """The value of ``name = value``, ``name: value`` and their like; in JSON strings only if it looks like one."""
    data = text.data
    if scope == "container" or data[at : at + 2] == b"==":
        return
    opened = _OPENING.match(data, at + 1)
    if opened and opened[2]:
        if text.strict and opened[2] == b'"' and not opened[1]:
            return
        bounded = text.strict and opened[2] == b"'"
        part = _string_around(text, at) if bounded else _Part(text, 0, len(data))
        value = read_value(part.text.data, opened.start(1) - part.start, opened[2], len(opened[1]), strict=text.strict)
        raw = part.text.data[value.start : value.end] if value else b""
        if value and not is_masked(raw) and (not text.strict or (is_credential_like(raw, 8) and len(raw.split()) == 1)):
            yield part.place(Span(value.start, value.end))
        return
    start = opened.end() if opened else at + 1
    bare = (_LINE if _is_line(text, at, name) else _BARE_VALUE).match(data, start, start + _LONGEST)
    if bare and _is_assigned_value(text, at, name, bare):
        yield Span(start, start + len(bare[0].rstrip()))


def _is_line(text: Text, at: int, name: str) -> bool:
    return not text.strict and text.data[at] == ord(":") and flat(name).endswith(_LINE_NAMES)


def _is_assigned_value(text: Text, at: int, name: str, found: re.Match[bytes]) -> bool:
    value, after = found[0], text.data[found.end() : found.end() + 1]
    if value.lower() in (*_NOTHING, name.lower().encode()) or is_masked(value) or value[:1] in b"$%" or after == b"(":
        return False
    if text.strict:
        return is_credential_like(value) and after not in (b"[", b".")
    if text.data[at] == ord("=") or _is_line(text, at, name):
        return True
    return after in (b"", b"\r", b"\n") or any(byte in b"0123456789" for byte in value)
