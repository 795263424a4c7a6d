"""From where an anchor ends to what is masked there: the exact borders of a credential in raw text.

Invariant: a `Span` lies within one JSON string, or is one whole JSON value and says what stands in its place; so a body
that was valid JSON is valid JSON after masking.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from spanglass.redact.rules import Rule

#: What stands in the place of a credential.
REDACTED = "[REDACTED]"
MASK = REDACTED.encode()


class Text:
    """Raw text to be masked. ``strict``: it is JSON, or lines of it; otherwise prose, headers, a traceback."""

    __slots__ = ("_borders", "data", "strict")

    def __init__(self, data: bytes, *, strict: bool) -> None:
        self.data = data
        self.strict = strict
        self._borders: list[int] | None = None

    def having(self, data: bytes) -> Text:
        """Another text of the same kind."""
        return Text(data, strict=self.strict)

    @property
    def borders(self) -> list[int]:
        """Where the quotes are that open or close a string of JSON; looked for once."""
        if self._borders is None:
            self._borders = [found.start() for found in _BORDER.finditer(self.data) if found[0] == b'"']
        return self._borders


_BORDER = re.compile(rb'\\.|"', re.DOTALL)


class Span(NamedTuple):
    """The bytes that are masked, and the mask."""

    start: int
    end: int
    mask: bytes = MASK


def merge(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, those that overlap as one; the outermost says what stands in its place."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end, span.mask)):
        if span.start == span.end:
            continue
        if merged and span.start < merged[-1].end:
            merged[-1] = merged[-1]._replace(end=max(span.end, merged[-1].end))
        else:
            merged.append(span)
    return merged


def replace(data: bytes, spans: Iterable[Span]) -> bytes:
    """The text with every span masked."""
    pieces: list[bytes] = []
    done = 0
    for span in spans:
        pieces += (data[done : span.start], span.mask)
        done = span.end
    pieces.append(data[done:])
    return b"".join(pieces)


def is_masked(value: bytes) -> bool:
    """Whether a value is a mask of ours already."""
    return value.startswith((b"[REDACTED", b"%5BREDACTED%5D")) or not value.strip(b"*")


class Finder(Protocol):
    """Tells what to mask, given where its anchor ends."""

    def __call__(self, text: Text, end: int) -> Iterator[Span]:
        """The spans to mask there; none if it was a false alarm."""
        ...


class RuleFinder:
    """Finds what a `Rule` describes."""

    def __init__(self, rule: Rule, width: int) -> None:
        self._rule = rule
        self._group = "secret" if b"(?P<secret>" in rule.expression else 0
        self._check = rule.check
        self._width = width
        self._before = rule.before

    def __call__(self, text: Text, end: int) -> Iterator[Span]:
        """See `Finder`."""
        last = end - self._width
        match = self._rule.pattern.match
        for start in range(max(0, last - self._before), last + 1):
            found = match(text.data, start)
            if found and found.end() >= end:
                secret = found[self._group]
                if secret and (self._check is None or self._check(secret)):
                    yield Span(*found.span(self._group))
                return


_USERINFO_END = re.compile(rb"""[^\s/?#"'<>\\]*@""")
_WEB = (b"http", b"https", b"ftp", b"ws", b"wss")


def find_userinfo(text: Text, end: int) -> Iterator[Span]:
    """What stands before the ``@`` of a url; a bare user name only where it may be a token."""
    data = text.data
    start = data.rfind(b"://", 0, end) + 3
    more = _USERINFO_END.match(data, end)
    stop = more.end() - 1 if more else end - 1
    userinfo = data[start:stop]
    scheme = re.search(rb"[A-Za-z]*\Z", data[max(0, start - 13) : start - 3])
    if not is_masked(userinfo) and (b":" in userinfo or (scheme and scheme[0].lower() in _WEB)):
        yield Span(start, stop)


_DIGIT = re.compile(rb"[0-9]")
_LETTER = re.compile(rb"[A-Za-z]")
_FEW = 2
_JUDGED = 256
_PARAMETER = re.compile(rb"""[^&\s"'<>\\#]{1,8192}""")


def find_parameter(text: Text, end: int) -> Iterator[Span]:
    """The value of a signed url's parameter; of ``key`` and ``code`` only what looks like a credential."""
    found = _PARAMETER.match(text.data, end - 1)
    if found is None or is_masked(found[0]):
        return
    name = re.search(rb"[A-Za-z0-9-]+=\Z", text.data[max(0, end - 40) : end - 1])
    if (name and name[0].lower() not in (b"key=", b"code=", b"signature=")) or is_credential_like(found[0], 16):
        yield Span(*found.span())


def is_credential_like(value: bytes, least: int = 12) -> bool:
    """Whether a value is long enough, and mixed enough, to be a credential rather than a name or a word."""
    head = value[:_JUDGED]
    return len(value) >= least and len(_DIGIT.findall(head)) >= _FEW and len(_LETTER.findall(head)) >= _FEW


#: Expressions, without regard to case, that end where these finders begin.
URL_FINDERS: tuple[tuple[str, Finder], ...] = (
    (r"""://[^\s/?#"'<>@\\]{1,256}@""", find_userinfo),
    (
        r"[?&;](?:sig|key|code|signature|x-(?:amz|goog|oss|tos)-(?:signature|credential|security-token))=[^&\s\"]",
        find_parameter,
    ),
)
