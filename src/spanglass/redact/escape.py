r"""Undoes escapes that JSON does not need (``\u0061``, ``\/``), so that a credential cannot hide behind them.

Invariant: every place of the unescaped text leads back to a place of the original, and no escape is cut in two. A quote
or a backslash stays escaped: it is written the short way, at the same depth.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

#: Finds whether there is anything to undo.
ANCHORS = (r"\\u00[2-7][0-9a-fA-F]", r"\\/")
_ESCAPE = re.compile(rb"(\\+)(?:u00([2-7][0-9a-fA-F])|/)")
_QUOTE, _BACKSLASH = 0x22, 0x5C


class Unescaped(NamedTuple):
    """The text without needless escapes; ``places[i]`` there is ``origins[i]`` in the original."""

    data: bytes
    places: tuple[int, ...]
    origins: tuple[int, ...]

    def origin(self, place: int) -> int:
        """Where a place of the unescaped text is in the original."""
        at = bisect_right(self.places, place) - 1
        origin = self.origins[at] + place - self.places[at]
        return min(origin, *self.origins[at + 1 : at + 2], len(self.data) + self.origins[-1])


def unescape(data: bytes) -> Unescaped:
    """The text with its needless escapes undone."""
    pieces: list[bytes] = []
    places, origins = [0], [0]
    length = done = 0
    for found in _ESCAPE.finditer(data):
        short = _short(found)
        pieces += (data[done : found.start()], short)
        length += found.start() - done
        places += (length, length + len(short))
        origins += (found.start(), found.end())
        length += len(short)
        done = found.end()
    pieces.append(data[done:])
    return Unescaped(b"".join(pieces), tuple(places), tuple(origins))


def _short(escape: re.Match[bytes]) -> bytes:
    run = len(escape[1])
    code = int(escape[2], 16) if escape[2] else ord("/")
    if code == _QUOTE:
        return b"\\" * (2 * run - 1) + b'"'
    if code == _BACKSLASH:
        return b"\\" * (2 * run)
    return bytes((code,))
