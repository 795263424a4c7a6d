"""The user's own patterns and rules, applied to every string of a body as a reader would see it: decoded.

Invariant: it fails closed. A string for which a rule raises, or gives something that is no string, is dropped.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from spanglass import guard
from spanglass.errors import ConfigurationError
from spanglass.redact.finding import REDACTED, Span, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Stands in the place of a value that could not be judged.
FAILED = "[REDACTED: rule failed]"

#: Also one that is cut off: what a bound or a broken answer leaves.
_STRING = re.compile(rb'"((?:[^"\\]|\\.)*)(?:"(\s*:)?|\\?\Z)', re.DOTALL)


class LeafRules:
    """What the user adds to the rules of the house.

    Args:
        patterns: expressions of `re`; what they match is masked.
        rules: callables that get a string and give it back masked.

    Raises:
        ConfigurationError: a pattern that `re` cannot compile.
    """

    def __init__(self, patterns: Sequence[str], rules: Sequence[Callable[[str], str]]) -> None:
        self._patterns = tuple(map(_compiled, patterns))
        self._rules = tuple(rules)

    def __bool__(self) -> bool:
        return bool(self._patterns or self._rules)

    def apply(self, value: str) -> tuple[str, int]:
        """A string masked, and how many times."""
        count = 0
        for pattern in self._patterns:
            value, times = pattern.subn(_masked, value)
            count += times
        for rule in self._rules:
            try:
                masked = rule(value)
                if not isinstance(masked, str):
                    message = f"a redaction rule must give a str, not {type(masked).__name__}"
                    raise TypeError(message)  # noqa: TRY301 - handled right here: it fails closed like any other fault
            except Exception as fault:
                guard.absorb("redact.rule", fault)
                if guard.reraise:
                    raise
                return FAILED, count + 1
            count += masked != value
            value = masked
        return value, count

    def spans(self, text: Text) -> Iterator[Span]:
        """What to replace in raw text: each string of JSON, or prose as a whole."""
        if not text.strict:
            whole = text.data.decode("utf-8", "surrogateescape")
            masked, count = self.apply(whole)
            if count:
                yield Span(0, len(text.data), masked.encode("utf-8", "surrogateescape"))
            return
        for found in _STRING.finditer(text.data):
            if found[2] or not found[1]:
                continue
            value = _decoded(found[1])
            masked, count = self.apply(value)
            if count and masked != value:
                yield Span(*found.span(1), json.dumps(masked)[1:-1].encode())

    def pattern_spans(self, data: bytes) -> Iterator[Span]:
        """What the patterns mask in a text that was spelled over several events."""
        text = data.decode("utf-8", "replace") if self._patterns else ""
        for pattern in self._patterns:
            for found in pattern.finditer(text):
                yield Span(len(text[: found.start()].encode()), len(text[: found.end()].encode()))


def _masked(found: re.Match[str]) -> str:
    return REDACTED if found[0] else ""


def _decoded(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    if "\\" not in text:
        return text
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as why:
        message = f"the redaction pattern {pattern!r} is no expression: {why}; mend it, or escape it with re.escape()"
        raise ConfigurationError(message) from None
