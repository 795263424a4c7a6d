"""Bars: numbers as lengths, in percent of the whole.

Invariant: lengths are attributes of SVG shapes, never styles, because the pages' policy allows no inline style; and
none is wider than its frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What is there at all is seen.
_LEAST = 0.15


class Bar(NamedTuple):
    """Where a bar begins, and how long it is, in percent."""

    start: float
    length: float


def fraction(part: int, whole: int) -> Bar:
    """A bar from the left edge.

    Example:
        >>> fraction(1, 4)
        Bar(start=0.0, length=25.0)
    """
    return between(0, part, 0, whole)


def between(begin: int, end: int, first: int, last: int) -> Bar:
    """What lies between ``begin`` and ``end`` on a line from ``first`` to ``last``.

    Example:
        >>> between(5, 10, 0, 20)
        Bar(start=25.0, length=25.0)
    """
    whole = max(1, last - first)
    start = min(100.0, max(0.0, 100 * (begin - first) / whole))
    length = min(100.0 - start, max(0.0, 100 * (end - begin) / whole))
    if length < _LEAST:
        start, length = min(start, 100.0 - _LEAST), _LEAST
    return Bar(round(start, 3), round(length, 3))


def stacked(parts: Iterable[int]) -> list[Bar]:
    """Bars one after the other that fill the frame together."""
    found = list(parts)
    whole = max(1, sum(found))
    bars, so_far = [], 0
    for part in found:
        bars.append(Bar(round(100 * so_far / whole, 3), round(100 * part / whole, 3)))
        so_far += part
    return bars
