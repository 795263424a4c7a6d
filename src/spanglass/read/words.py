"""The words of a text, whatever they are dressed in: case, white space, Markdown, escapes, Unicode forms.

Invariant: two texts with the same words in the same order have the same letters, and each word knows the characters of
the text that it stands for, so what is found among letters can be shown in the text as it is.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import NamedTuple

# Scripts that are written without spaces: each character is a word.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_IN_WORD = rf"[^\W_{_UNSPACED}]"
_INVISIBLE = "\u00ad\u200b-\u200d\u2060\ufeff"  # soft hyphen, zero-width characters
_JOINER = rf"[\u0300-\u036f{_INVISIBLE}]"  # these and combining marks are part of the word around them
_ESCAPED = r"\\+u[0-9a-fA-F]{4}"
_WORD = re.compile(
    r"\\+[nrtbf]"  # white space as JSON escapes it, however often: no word
    r"|(?:(?<!\w)|(?<=\\[nrtbf]))(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+)(?!\w)"  # 1,234.5
    rf"|(?:{_ESCAPED}{_IN_WORD}*|{_IN_WORD}+)(?:(?:{_ESCAPED}|{_JOINER}+){_IN_WORD}*)*"
    rf"|[{_UNSPACED}]"
    r"|&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-z]{2,8});"
    r"|(?<![\w)])[-+\u2212](?=[\d.])"  # a sign, not a hyphen or a bullet
    r"|<|(?<=[^\n])>|(?<!=)=(?!=)|[\u2264\u2265\u2260\u2248\u00b1%$\u20ac\xa3\xa5\xb0]"  # what changes a meaning
)
_DRESS = re.compile(rf"[{_INVISIBLE}]|,(?=\d)")
_SPACE = re.compile(r"\\+[nrtbf]")
_FIRST_LETTER, _SURROGATES, _LETTERS = 0x100, 0xD800, 0x110000 - 0x1000

#: Stands between two texts in one row of letters; no word has it.
BORDER = "\x00"


class Words(NamedTuple):
    """A text as letters, one a word, and the characters ``starts[i]`` to ``ends[i]`` that each stands for."""

    letters: str
    starts: list[int]
    ends: list[int]


class Lexicon:
    r"""Which letter stands for which word. Texts that are to be compared are read by the same lexicon.

    Example:
        >>> lexicon = Lexicon()
        >>> lexicon.read("The café “opens”").letters == lexicon.read(r'**the** caf\u00e9\n\"opens\"').letters
        True
    """

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}
        self._known: dict[str, str] = {}

    def read(self, text: str) -> Words:
        """The words of a text."""
        known, letters, starts, ends = self._known, [], [], []
        for match in _WORD.finditer(text):
            raw = match[0]
            found = known.get(raw)
            if found is None:
                found = self._learn(raw)
            for letter in found:
                letters.append(letter)
                starts.append(match.start())
                ends.append(match.end())
        return Words("".join(letters), starts, ends)

    def _learn(self, raw: str) -> str:
        """The letters of what the pattern found: one, or as many as its escapes hide."""
        if _SPACE.fullmatch(raw):
            found = ""
        elif raw[0] == "&" or "\\" in raw:
            plain = html.unescape(raw) if raw[0] == "&" else _unescaped(raw)
            found = "" if plain == raw else self.read(f" {plain}").letters
        else:
            found = self._letter(raw)
        self._known[raw] = found
        return found

    def _letter(self, raw: str) -> str:
        word = unicodedata.normalize("NFKC", _DRESS.sub("", raw) if not raw.isalpha() else raw).casefold()
        if word not in self._letters:
            # Past the last letter words share letters: that many different words are no text.
            number = _FIRST_LETTER + len(self._letters) % _LETTERS
            self._letters[word] = chr(number if number < _SURROGATES else number + 0x800)
        return self._letters[word]


def _unescaped(raw: str) -> str:
    r"""JSON's ``\u`` escapes undone, two halves of a surrogate pair joined."""
    text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), raw)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
