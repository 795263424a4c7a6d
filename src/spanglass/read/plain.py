"""Text of others made harmless for a terminal.

Invariant: what `plain` gives back holds no character that moves a cursor, changes a colour, turns the direction of
writing or cannot be encoded; each such character is replaced by one that shows it. Line breaks and tabs stay.
"""

from __future__ import annotations

import re

#: C0 less tab and newline, DEL, C1; directional marks and overrides; line and paragraph separators; lone surrogates.
UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_PICTURES = 0x2400
_DELETE, _DELETE_PICTURE = 0x7F, "\u2421"


def plain(text: str) -> str:
    r"""``text`` with every unsafe character made visible: escape as ``␛``, others as pictures or ``\u202e``.

    Example:
        >>> plain("\x1b[2Jgone")
        '␛[2Jgone'
    """
    return UNSAFE.sub(_visible, text.replace("\r\n", "\n"))


def plain_line(text: str) -> str:
    """The same on one line: line breaks and tabs shown as pictures too."""
    return plain(text).replace("\n", "\u240a").replace("\t", "\u2409")


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < ord(" "):
        return chr(_PICTURES + code)
    if code == _DELETE:
        return _DELETE_PICTURE
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - the end of Latin-1
