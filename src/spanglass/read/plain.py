"""Text of others made harmless for a terminal.

Invariant: what `plain` gives back holds no character that moves a cursor, changes a colour, turns the direction of
writing or cannot be encoded; each such character is replaced by one that shows it. Line breaks and tabs stay.
"""

from __future__ import annotations

import re

#: C0 less tab and newline, DEL, C1; directional marks and overrides; line and paragraph separators; lone surrogates;
#: and what no terminal shows and a model reads: zero-width space, soft hyphen, joiners of words, tags.
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
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
    if code > 0xFFFF:  # noqa: PLR2004 - the end of the plane that \\u can name
        return f"\\U{code:08x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - the end of Latin-1
