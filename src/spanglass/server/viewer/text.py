"""Text of others on a page: escaped, its unsafe characters shown, its masked values marked, and folded if it is long.

Invariant: every character of others that reaches a page went through `shown`. Nothing is left out silently: what is
folded says how much it is, and what is not on the page says where it is.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup, escape

from spanglass.read.plain import UNSAFE

if TYPE_CHECKING:
    from collections.abc import Callable

#: What a page does not show either, beside that: fillers, and the variation selectors that no emoji has.
_UNSEEN = "\u115f\u1160\u3164\U000e0080-\U000e01ef"
_ODD = re.compile(f"[{UNSAFE.pattern[1:-1]}{_UNSEEN}]")
_REMARKABLE = re.compile(rf"{_ODD.pattern}+|\[REDACTED(?:: [^\]\n]{{0,200}})?\]|%5BREDACTED%5D")
_MASK = Markup('<mark class="masked">'), Markup("</mark>")
_SEEN = Markup('<span class="unseen">'), Markup("</span>")
#: So many unseen characters in a row are shown one by one.
_NUMBERED = 40
#: A text up to so many characters is shown whole; of a longer one, so much before the fold.
WHOLE, HEAD = 4000, 1600
#: What is shown of a text at least, on a page that has no room left.
LEAST = 200
#: What one fold may hold, and all folds of a page together; what is over has a page of its own.
FOLD, PAGE = 200_000, 3_000_000
#: JSON up to so many characters is laid out.
LAID_OUT = 300_000


class Folded(NamedTuple):
    """A text as a page shows it.

    Attributes:
        head: what is shown at once.
        rest: what is shown on demand; None where there is no more, or where it is not on this page.
        more: how many characters are not shown at once.
    """

    head: Markup
    rest: Markup | None = None
    more: int = 0


class Room:
    """What room a page still has for texts that are folded away, in characters."""

    def __init__(self, left: int = PAGE) -> None:
        self.left = left

    def fold(self, text: str) -> Folded:
        """The text, folded if it is long; its rest only where there is room for it."""
        if len(text) <= max(LEAST, min(WHOLE, self.left)):
            self.left -= len(text)
            return Folded(shown(text))
        cut = _cut(text, HEAD if self.left > HEAD else LEAST)
        self.left -= cut
        head, more = shown(text[:cut]), len(text) - cut
        if more > min(FOLD, self.left):
            return Folded(head, None, more)
        self.left -= more
        return Folded(head, shown(text[cut:]), more)


def shown(text: str) -> Markup:
    """``text`` as markup that shows it and does nothing.

    Example:
        >>> shown("<b> [REDACTED]")
        Markup('&lt;b&gt; <mark class="masked">[REDACTED]</mark>')
    """
    text = text.replace("\r\n", "\n")
    if "REDACTED" not in text and _ODD.search(text) is None:
        return escape(text)
    pieces: list[Markup] = []
    end = 0
    for match in _REMARKABLE.finditer(text):
        pieces += [escape(text[end : match.start()]), _remark(match[0])]
        end = match.end()
    return Markup("").join([*pieces, escape(text[end:])])


def _remark(found: str) -> Markup:
    """A masked value as it stands, marked; unseen characters by their numbers."""
    if "REDACTED" in found:
        return _MASK[0] + escape(found) + _MASK[1]
    numbers = "".join(f"\\u{{{ord(char):x}}}" for char in found[:_NUMBERED])
    more = f" and {len(found) - _NUMBERED:,} more" if len(found) > _NUMBERED else ""
    return _SEEN[0] + escape(numbers + more) + _SEEN[1]


def laid_out(value: Any) -> str:
    """A JSON value over several lines, letters as they are."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def tidy(text: str, layout: Callable[[Any], str] = laid_out) -> str:
    """JSON text laid out, if it is a JSON object or list and not huge; any other text as it is."""
    if len(text) > LAID_OUT or not text.lstrip().startswith(("{", "[")):
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return layout(value) if isinstance(value, (dict, list)) else text


def _cut(text: str, about: int) -> int:
    """Where to fold: at the end of a line not far before ``about``, or of a word, or just there."""
    for border in ("\n", " "):
        found = text.rfind(border, about // 2, about)
        if found > 0:
            return found + 1
    return about
