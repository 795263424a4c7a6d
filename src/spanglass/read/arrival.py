"""Finding the leaves of an upstream context again in the texts of a prompt.

Invariant: leaves that are there whole are found first, and the words that they stand for are theirs: another leaf that
reads much the same, and was lost, does not live off its sibling. What is left goes to the leaf that it fits best.
"""

from __future__ import annotations

import heapq
import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from spanglass.read.alignment import Claims, Index, Piece, matched
from spanglass.read.fate import Leaf, Spot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spanglass.read.fate import Fate, How
    from spanglass.read.leaf import Found, Scalar
    from spanglass.read.words import Lexicon, Words

_PLACES = 10
#: From so many words on a leaf keeps its words from others.
_CLAIMS = 3
#: A piece of so many words is a trace of its leaf, however long that is; of these so many are nobody else's.
_TRACE, _FRESH = 8, 4
#: The share of a leaf that has to be there otherwise; of one of fewer words than `_FEW`, where each is a lot, more.
_LEAST, _LEAST_OF_FEW, _FEW = 0.5, 0.75, 5
#: So few words at an end, with others in their place, were replaced and not cut.
_REPLACED = 2
#: A mark for what was left out, and how many words it has at most.
_MARK, _MARK_WORDS = re.compile(r"\u2026|\.{3}|truncat|omitted|elided|snip|\bmore\b", re.IGNORECASE), 8
# What stands at the border of a text that was put into another.
_AFTER = re.compile(r"""\s{0,3}[.,;:]?\s?(?:\u2026|\.\.|\n|\\+n|["'\u2019\u201d\xbb)\]}>|<\[]|\Z)""")
_BEFORE = re.compile(r"""(?:\u2026|\.\.|\n|\\+n|["'\u2018\u201c\xab(\[{<>|:\]]|\A)[\s#*_`>-]{0,8}\Z""")
_NEAR = 16
#: Between a name and its value.
_LINKS = ("", "=", "is")
#: A single word tells from so many characters on, a number from so many digits.
_TELLING, _TELLING_NUMBER = 5, 4


def arrivals(found: Sequence[Found], texts: Sequence[str], lexicon: Lexicon) -> list[Leaf]:
    """What became of leaves in the texts of a prompt, in the order of the leaves."""
    prompt = _Prompt(Index(texts, lexicon), lexicon)
    told, lost = {}, []
    for number, leaf in enumerate(found):
        sought = _Sought(number, leaf, _spelling(leaf.value), lexicon.read(_spelling(leaf.value)))
        known = prompt.at_once(sought)
        if known is None:
            lost.append(sought)
        else:
            told[number] = known
    told.update(prompt.in_pieces(lost))
    return [told[number] for number in range(len(found))]


class _Sought(NamedTuple):
    """A leaf on its way."""

    number: int
    leaf: Found
    text: str
    words: Words

    @property
    def letters(self) -> str:
        return self.words.letters

    def fared(self, fate: Fate, how: How | None = None, score: float | None = None, spots: Sequence[Spot] = ()) -> Leaf:
        return Leaf(self.leaf.path, self.leaf.value, fate, how, score, tuple(spots))


class _Prompt:
    """The texts of a prompt, and which of their words are spoken for."""

    def __init__(self, index: Index, lexicon: Lexicon) -> None:
        self._index = index
        self._lexicon = lexicon
        self._claims = Claims(len(index.letters))

    def at_once(self, sought: _Sought) -> Leaf | None:
        """The fate of a leaf that is whole, too short to tell or surely missing; None if it may be there in pieces."""
        letters = sought.letters
        if not letters:
            return sought.fared("short")
        places = self._index.whole(letters, _PLACES)
        if not _tells(sought.leaf.value, sought.text, letters):
            return self._short(sought, places)
        if places:
            return self._whole(sought, places)
        return sought.fared("missing", score=0.0) if len(letters) < _CLAIMS else None

    def _whole(self, sought: _Sought, places: list[int]) -> Leaf:
        size = len(sought.letters)
        if size >= _CLAIMS:
            for place in places:
                self._claims.add(place, place + size)
        own = sought.text[sought.words.starts[0] : sought.words.ends[-1]]
        spots = self._spots((place, size) for place in places)
        exact = any(self._index.texts[spot.message][spot.start : spot.end] == own for spot in spots)
        return sought.fared("whole", "exact" if exact else "normalised", 1.0, spots)

    def _short(self, sought: _Sought, places: list[int]) -> Leaf:
        """Of a leaf that may stand anywhere by chance: whole if its name stands beside it, missing if it is nowhere."""
        value, name = sought.letters, self._lexicon.read(sought.leaf.name).letters
        if name:
            pairs = [name + self._lexicon.read(link).letters + value for link in _LINKS]
            for pair, shift in (*((pair, len(pair) - len(value)) for pair in pairs), (value + name, 0)):
                beside = [place + shift for place in self._index.whole(pair, _PLACES)]
                if beside:
                    return self._whole(sought, beside)
        if not places and not isinstance(sought.leaf.value, (bool, type(None))):
            return sought.fared("missing", score=0.0)
        return sought.fared("short", spots=self._spots((place, len(value)) for place in places))

    def in_pieces(self, lost: Sequence[_Sought]) -> Iterator[tuple[int, Leaf]]:
        """The fates of leaves that are nowhere whole: who finds most of itself is first, and keeps what it found."""
        waiting = [(*self._trace(sought), sought) for sought in lost]
        queue = [(-score, sought.number, pieces, sought) for score, pieces, sought in waiting]
        heapq.heapify(queue)
        while queue:
            _, number, pieces, sought = heapq.heappop(queue)
            if any(self._claims.free(piece) != piece for piece in pieces):
                score, pieces = self._trace(sought)
                if queue and -score > queue[0][0]:
                    heapq.heappush(queue, (-score, number, pieces, sought))
                    continue
            yield number, self._fate(sought, pieces)

    def _trace(self, sought: _Sought) -> tuple[float, list[Piece]]:
        """What there is of a leaf, if it is enough to be no chance, and which share of it that is."""
        pieces, size = self._index.pieces(sought.letters, self._claims), len(sought.letters)
        found = matched(pieces)
        fresh = sum(self._claims.fresh(piece) for piece in pieces)
        enough = found >= size * (_LEAST_OF_FEW if size < _FEW else _LEAST) and fresh >= min(_CLAIMS, found)
        trace = any(piece.length >= _TRACE for piece in pieces) and fresh >= _FRESH
        return (found / size, pieces) if enough or trace else (0.0, [])

    def _fate(self, sought: _Sought, pieces: list[Piece]) -> Leaf:
        if not pieces:
            return sought.fared("missing", score=0.0)
        for piece in pieces:
            self._claims.add(piece.there, piece.there + piece.length)
        cut, changed = self._losses(sought, pieces)
        score = round(matched(pieces) / len(sought.letters), 4)
        starts, ends = sought.words.starts, sought.words.ends
        return Leaf(
            sought.leaf.path,
            sought.leaf.value,
            "cut" if cut > changed else "altered",
            "near",
            score,
            self._spots((piece.there, piece.length) for piece in pieces),
            tuple((starts[piece.own], ends[piece.own + piece.length - 1]) for piece in pieces),
        )

    def _losses(self, sought: _Sought, pieces: list[Piece]) -> tuple[int, int]:
        """How many words were only left out, and how many replaced or put in."""
        cut = changed = 0
        for before, piece in pairwise(pieces):
            left_out = piece.own - before.own - before.length
            between = piece.there - before.there - before.length
            if between == 0 or self._is_mark(before.there + before.length, between):
                cut += left_out
            else:
                changed += max(left_out, min(abs(between), len(sought.letters)))
        head, tail = pieces[0].own, len(sought.letters) - pieces[-1].own - pieces[-1].length
        for words, is_cut in ((head, self._begins(pieces[0])), (tail, self._ends(sought, pieces[-1]))):
            cut, changed = (cut + words, changed) if words > _REPLACED or is_cut else (cut, changed + words)
        return cut, changed

    def _is_mark(self, there: int, words: int) -> bool:
        """Whether words stand there to say that something was left out."""
        if not 0 < words <= _MARK_WORDS:
            return False
        message, start, end = self._index.stretch(there, words)
        return _MARK.search(self._index.texts[message][max(0, start - _NEAR) : end + _NEAR]) is not None

    def _begins(self, piece: Piece) -> bool:
        """Whether nothing stands before a piece that could be another text in place of its leaf's."""
        message, start, _ = self._index.stretch(piece.there, 1)
        return _BEFORE.search(self._index.texts[message][max(0, start - _NEAR) : start]) is not None

    def _ends(self, sought: _Sought, piece: Piece) -> bool:
        """The same after it; a part of the leaf's own next word is none."""
        message, _, end = self._index.stretch(piece.there, piece.length)
        rest = self._index.texts[message][end : end + 2 * _NEAR]
        if _AFTER.match(rest):
            return True
        following, own = re.search(r"\w+", rest), piece.own + piece.length
        if following is None or own >= len(sought.letters):
            return False
        return sought.text[sought.words.starts[own] : sought.words.ends[own]].startswith(following[0])

    def _spots(self, found: Iterator[tuple[int, int]]) -> tuple[Spot, ...]:
        return tuple(Spot(*self._index.stretch(place, length)) for place, length in found)


def _spelling(value: Scalar) -> str:
    """A leaf as it would stand in a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def _tells(value: Scalar, text: str, letters: str) -> bool:
    """Whether the leaf is long enough not to be anywhere by chance."""
    characters = sum(character.isalnum() for character in text[: 4 * _TELLING])
    if isinstance(value, (bool, type(None))):
        return False
    if len(letters) == 1 and characters == sum(character.isdigit() for character in text):
        return characters >= _TELLING_NUMBER
    return characters >= _TELLING or (len(letters) > 1 and not text.isascii())
