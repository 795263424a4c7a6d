"""The `Redactor`: masks credentials in bodies, headers, urls, texts and values, before anything keeps them.

Invariant: nothing but credentials changes, byte for byte; valid JSON stays valid JSON; masking twice is masking once.
It fails closed: what cannot be judged is dropped and marked, never passed on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

from spanglass import guard
from spanglass.redact import escape, finding
from spanglass.redact.engine import Anchor, Hit, make_engine
from spanglass.redact.eventstream import mask_frames
from spanglass.redact.finding import REDACTED, Finder, RuleFinder, Span, Text
from spanglass.redact.key import Keys
from spanglass.redact.keyed import KeyFinder, LateKeyFinder
from spanglass.redact.leaf import FAILED, LeafRules
from spanglass.redact.multipart import field_spans
from spanglass.redact.rules import RULES
from spanglass.redact.stream import StreamFinder
from spanglass.redact.url import UrlMasker
from spanglass.redact.value import ValueMasker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

#: Name and value.
Header: TypeAlias = "tuple[str, str] | tuple[bytes, bytes]"
#: A header as it may be kept, and how often something was masked in it.
_Seen: TypeAlias = "tuple[tuple[str, str], int]"

_STREAMS = ("event-stream", "ndjson", "jsonl", "json-seq", "stream+json", "json-lines")
_BINARY_STREAM = "amazon.eventstream"
_FORM = "x-www-form-urlencoded"
_MULTIPART = "multipart/"
_JSON = re.compile(rb"""\s*(?:\{\s*(?:["}]|\Z)|\[\s*(?:["{\[\]]|\Z)|"|(?:data|event|id|retry):)""")
_EVENTS = re.compile(rb"\s*(?:data|event|id|retry)?:")
_ROUNDS = 8
_HEADERS_KEPT = 512
_URLS_KEPT = 256


class Redactor:
    """Masks credentials: by the name they stand under, by their shape, and by the user's own rules.

    It is pure and thread-safe, and cheap where there is nothing to mask: one pass of a multi-pattern matcher.

    Args:
        keys: further names whose values are masked.
        patterns: further expressions; what they match is masked.
        rules: callables that get a string and give it back masked; if one raises, the string is dropped.
        cache_dir: where the compiled expressions are kept for the next process; None compiles them in each.

    Raises:
        ConfigurationError: a pattern that is no expression.

    Example:
        >>> Redactor().body(b'{"api_key": "hunter2", "max_tokens": 9}')
        (b'{"api_key": "[REDACTED]", "max_tokens": 9}', 1)
    """

    def __init__(
        self,
        *,
        keys: Sequence[str] = (),
        patterns: Sequence[str] = (),
        rules: Sequence[Callable[[str], str]] = (),
        cache_dir: Path | None = None,
    ) -> None:
        self._keys = Keys(keys)
        self._leaf = LeafRules(patterns, rules)
        self._has_leaf_rules = bool(self._leaf)
        self._cache_dir = cache_dir
        self._anchors, self._finders = _table(self._keys)
        self._url_masker = UrlMasker(self._keys, self._shapes)
        self._values = ValueMasker(self._keys, self.text)
        self._scan: Callable[[bytes], Sequence[Hit]] = self._first_scan
        self._stream: StreamFinder | None = None
        self._kinds = {"application/json": "text"}
        self._headers: dict[Header, _Seen] = {}
        self._urls: dict[str, tuple[str, int]] = {}

    def body(self, data: bytes, content_type: str = "application/json") -> tuple[bytes, int]:
        """Masks the body of a request or an answer.

        Args:
            data: the body, its content-encoding undone; it may be cut off anywhere.
            content_type: what the header says of it. A stream (SSE, NDJSON) is searched across its events, too; a
                binary event stream keeps its framing: credentials there become as many ``*``.

        Returns:
            The body, the very same object if nothing was masked, and how many values were.
        """
        try:
            kind = self._kinds.get(content_type) or self._kind(content_type)
            if kind != "text" or self._has_leaf_rules or data[:1] != b"{":
                return self._body(data, kind)
            hits = self._scan(data)
            return self._mask(Text(data, strict=is_json(data)), hits) if hits else (data, 0)
        except Exception as fault:  # noqa: BLE001 - fails closed: a body that cannot be judged is dropped
            return _failed("redact.body", fault, f'"{FAILED}"'.encode())

    def headers(self, headers: Sequence[Header]) -> tuple[list[tuple[str, str]], int]:
        """Masks headers, in order: those that carry credentials by their name wholly, others by their value.

        Args:
            headers: name and value of each, as text or as the bytes that were sent.

        Returns:
            The headers, and how many values were masked.
        """
        try:
            found = [*map(self._headers.__getitem__, headers)]
        except KeyError:
            found = self._look_at(headers)
        return [masked for masked, _ in found], sum([count for _, count in found])

    def _look_at(self, headers: Sequence[Header]) -> list[_Seen]:
        """Each header as it may be kept.

        Headers are remembered, because a client sends nearly the same with every request; those that are new, such as a
        request's id, are looked through in one pass.
        """
        known = [self._headers.get(header) for header in headers]
        new = [header for header, seen in zip(headers, known, strict=True) if seen is None]
        clean = not self._has_leaf_rules and self._are_clean(new)
        if len(self._headers) + len(new) > _HEADERS_KEPT:
            self._headers.clear()
        looked = iter([self._mask_header(header, clean=clean) for header in new])
        return [next(looked) if seen is None else seen for seen in known]

    def _are_clean(self, headers: list[Header]) -> bool:
        """Whether nothing has the shape of a credential in any of the values."""
        try:
            return not self._scan(b"\n".join([_bytes(value) for _, value in headers]))
        except Exception as fault:  # noqa: BLE001 - each is then judged alone
            _failed("redact.headers", fault, None)
            return False

    def _mask_header(self, header: Header, *, clean: bool) -> _Seen:
        """A header as it may be kept; ``clean``: its value looks like no credential, whatever its name."""
        name, value = map(_text, header)
        try:
            shown, count = self._header(name, value, clean=clean)
        except Exception as fault:  # noqa: BLE001 - fails closed
            return (name, FAILED), _failed("redact.headers", fault, FAILED)[1]
        found = self._headers[header] = (name, shown), count
        return found

    def url(self, url: str) -> tuple[str, int]:
        """Masks a url: userinfo, credentials among its parameters, segments with a credential's shape.

        Returns:
            The url, and how many of its parts were masked.
        """
        try:
            return self._urls[url]
        except KeyError:
            pass
        try:
            masked, count = self._url_masker.url(url)
            masked, more = self._leaf.apply(masked) if self._leaf else (masked, 0)
        except Exception as fault:  # noqa: BLE001 - fails closed
            return _failed("redact.url", fault, FAILED)
        if len(self._urls) >= _URLS_KEPT:
            self._urls.clear()
        found = self._urls[url] = masked, count + more
        return found

    def text(self, text: str) -> tuple[str, int]:
        """Masks a text: an exception's, a stack trace, an attribute; it may be JSON, or have JSON, reprs or urls in it.

        Returns:
            The text, the very same object if nothing was masked, and how many values were.
        """
        try:
            data = text.encode("utf-8", "surrogatepass")
            hits = self._scan(data)
            if not hits and not self._leaf:
                return text, 0
            masked, count = self._mask(Text(data, strict=is_whole_json(data)), hits)
            return (masked.decode("utf-8", "surrogatepass"), count) if count else (text, 0)
        except Exception as fault:  # noqa: BLE001 - fails closed
            return _failed("redact.text", fault, FAILED)

    def value(self, key: str, value: Any) -> tuple[Any, int]:
        """Masks a value of any JSON type, or a span's attribute, under its name and at any depth.

        Returns:
            The value, the very same object if nothing was masked, and how many values were.
        """
        try:
            return self._values.mask(key, value)
        except Exception as fault:  # noqa: BLE001 - fails closed
            return _failed("redact.value", fault, FAILED)

    def is_clean(self, names: Iterable[str], texts: Iterable[str]) -> bool:
        """Whether nothing is to be masked under these names or in these texts; False if a closer look is needed."""
        if self._leaf:
            return False
        scope = self._keys.scope
        for name in names:
            if scope(name):
                return False
        return not self._scan("\n".join(texts).encode("utf-8", "surrogatepass"))

    def _first_scan(self, data: bytes) -> Sequence[Hit]:
        # Two threads may both come here first; each then has an engine, and one of them is kept.
        self._scan = make_engine(self._anchors, self._cache_dir).scan
        return self._scan(data)

    def _kind(self, content_type: str) -> str:
        lowered = content_type.lower()
        kind = "text"
        if _BINARY_STREAM in lowered:
            kind = "binary"
        elif any(word in lowered for word in _STREAMS):
            kind = "stream"
        elif _FORM in lowered:
            kind = "form"
        elif _MULTIPART in lowered:
            kind = "multipart"
        if len(self._kinds) < _HEADERS_KEPT:
            self._kinds[content_type] = kind
        return kind

    def _body(self, data: bytes, kind: str) -> tuple[bytes, int]:
        if kind == "binary":
            return mask_frames(data, self._spans_of_stream)
        if kind == "form" and not is_json(data):
            text = data.decode("utf-8", "surrogateescape")
            masked, count = self._url_masker.form(text)
            masked, more = self._leaf.apply(masked)
            return (masked.encode("utf-8", "surrogateescape"), count + more) if count + more else (data, 0)
        if kind == "multipart":
            fields = list(field_spans(data, lambda name: self._keys.scope(name) in ("any", "text")))
            if fields:
                rest, more = self._body(finding.replace(data, fields), "text")
                return rest, more + len(fields)
        stream = kind == "stream" or data[:1] == b"[" or _EVENTS.match(data) is not None
        return self._mask(Text(data, strict=stream or is_json(data)), self._scan(data), stream=stream)

    def _mask(self, text: Text, hits: Sequence[Hit], *, stream: bool = False) -> tuple[bytes, int]:
        """Masks until nothing is left to mask, so that doing it again changes nothing."""
        count = 0
        for _ in range(_ROUNDS):
            spans = self._spans(text, hits, stream=stream)
            if not spans:
                break
            count += sum(bool(span.mask) for span in spans)
            text = text.having(finding.replace(text.data, spans))
            hits = self._scan(text.data)
        if self._leaf:
            left = list(self._leaf.spans(text))
            if left:
                text = text.having(finding.replace(text.data, left))
                bared = self._spans(text, self._scan(text.data), stream=stream)  # a border of theirs may be new
                text = text.having(finding.replace(text.data, bared))
                count += len(left) + sum(bool(span.mask) for span in bared)
        return text.data, count

    def _spans(self, text: Text, hits: Sequence[Hit], *, stream: bool = False) -> Sequence[Span]:
        spans = self._find(text, hits)
        if stream:
            if self._stream is None:
                self._stream = StreamFinder(self._find_in_leaf, self._cache_dir)
            spread = list(self._stream.spans(text.data))
            spans = finding.merge([*spans, *spread]) if spread else spans
        return spans

    def _spans_of_stream(self, lines: bytes) -> Sequence[Span]:
        return self._spans(Text(lines, strict=True), self._scan(lines), stream=True)

    def _find(self, text: Text, hits: Sequence[Hit]) -> Sequence[Span]:
        """Everything in a text that the house's own rules mask."""
        if not hits:
            return ()
        if any(self._finders[number] is None for number, _ in hits):
            plain = escape.unescape(text.data)
            spans = self._locate(text.having(plain.data), self._scan(plain.data))
            return [span._replace(start=plain.origin(span.start), end=plain.origin(span.end)) for span in spans]
        return self._locate(text, hits)

    def _locate(self, text: Text, hits: Sequence[Hit]) -> Sequence[Span]:
        found: list[Span] = []
        covered = last = 0
        for end, number in sorted((end, number) for number, end in hits):
            finder = self._finders[number]
            # What a span covers needs no look of its own; otherwise nested values would be read again at each depth.
            if finder and (end > covered or end == last):
                last = end
                spans = list(finder(text, end))
                covered = max(covered, *(span.end for span in spans)) if spans else covered
                found += spans
        return finding.merge(found)

    def _find_in_leaf(self, text: Text) -> Iterable[Span]:
        return [*self._find(text, self._scan(text.data)), *self._leaf.pattern_spans(text.data)]

    def _shapes(self, text: str) -> tuple[str, int]:
        """A piece of a url, masked by the shapes of what is in it."""
        data = text.encode("utf-8", "surrogatepass")
        spans = self._find(Text(data, strict=True), self._scan(data))
        return (finding.replace(data, spans).decode("utf-8", "surrogatepass"), len(spans)) if spans else (text, 0)

    def _header(self, name: str, value: str, *, clean: bool) -> tuple[str, int]:
        if self._keys.is_header(name) and value.strip().lower() not in ("", "true", "false"):
            return (value, 0) if value == REDACTED else (REDACTED, 1)
        return (value, 0) if clean else self.text(value)


def is_json(data: bytes) -> bool:
    """Whether a text is meant to be JSON, by how it begins."""
    return _JSON.match(data) is not None


def is_whole_json(data: bytes) -> bool:
    """Whether a text is JSON from its beginning to its end, by how it begins and ends."""
    bare = data.strip()
    return bare[:1] + bare[-1:] in (b"{}", b"[]", b'""') and is_json(data)


def _text(raw: str | bytes) -> str:
    return raw if isinstance(raw, str) else raw.decode("latin-1")


def _bytes(raw: str | bytes) -> bytes:
    return raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")


def _table(keys: Keys) -> tuple[list[Anchor], list[Finder | None]]:
    """All anchors, and what each leads to; None for escapes, which have to be undone first."""
    rows: list[tuple[Anchor, Finder | None]] = [
        (Anchor(expression, rule.caseless), RuleFinder(rule, width))
        for rule in RULES
        for expression, width in rule.anchors
    ]
    rows += ((Anchor(expression, caseless=True), KeyFinder(keys)) for expression in keys.anchors())
    rows += ((Anchor(expression, caseless=True), LateKeyFinder(keys, expression)) for expression in keys.late_anchors())
    rows += ((Anchor(expression, caseless=True), finder) for expression, finder in finding.URL_FINDERS)
    rows += ((Anchor(expression, once=True), None) for expression in escape.ANCHORS)
    return [anchor for anchor, _ in rows], [finder for _, finder in rows]


def _failed(place: str, fault: Exception, instead: Any) -> tuple[Any, int]:
    guard.absorb(place, fault)
    if guard.reraise:
        raise fault
    return instead, 1
