"""Finding the leaves of an upstream context again in the texts of a prompt.

Invariant: leaves that are there whole are found first, and the words that they stand for are theirs: another leaf that
reads much the same, and was lost, does not live off its sibling. What is left goes to the leaf that it fits best.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from spanglass.read.alignment import Claims, Index, Piece, Rarity, matched
from spanglass.read.fate import Leaf, Spot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spanglass.read.fate import Fate, How
    from spanglass.read.leaf import Found, Scalar
    from spanglass.read.words import Lexicon, Words

#: In how many places a leaf is looked for, and how many of them are named.
_PLACES, _SPOTS = 100, 10
#: From so many words on a leaf keeps its words from others.
_CLAIMS = 3
#: So many words that no other leaf has are a trace of one, however long that is.
_TRACE = 6
#: Otherwise this share of its words has to be there, most of `_FEW` of them in a row; of one of fewer words more.
_LEAST, _LEAST_OF_FEW, _FEW = 0.3, 0.75, 5
#: So few words at an end, with any others in their place, were replaced and not cut.
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
        self._rarity = Rarity(())

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
        spots = self._spots((place, size) for place in places[:_SPOTS])
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
        return sought.fared("short", spots=self._spots((place, len(value)) for place in places[:_SPOTS]))

    def in_pieces(self, lost: Sequence[_Sought]) -> Iterator[tuple[int, Leaf]]:
        """The fates of leaves that are nowhere whole: who finds most of itself is first, and keeps what it found."""
        self._rarity = Rarity(sought.letters for sought in lost)
        waiting = [(*self._trace(sought), sought) for sought in lost]
        queue = [(-score, sought.number, pieces, sought) for score, pieces, sought in waiting]
        heapq.heapify(queue)
        while queue:
            _, number, pieces, sought = heapq.heappop(queue)
            if any(map(self._claims.any, pieces)):
                score, pieces = self._trace(sought)
                if queue and -score > queue[0][0]:
                    heapq.heappush(queue, (-score, number, pieces, sought))
                    continue
            yield number, self._fate(sought, pieces)

    def _trace(self, sought: _Sought) -> tuple[float, list[Piece]]:
        """What there is of a leaf, if it is enough to be no chance, and which share of it that is."""
        letters, weigh = sought.letters, self._rarity.weigh
        pieces = self._index.pieces(letters, self._claims, self._rarity)
        told = sum(weigh(letters[piece.own : piece.own + piece.length]) for piece in pieces)
        longest = max((piece.length for piece in pieces), default=0)
        least = _LEAST_OF_FEW if len(letters) < _FEW else _LEAST
        enough = matched(pieces) >= least * len(letters) and longest >= min(_FEW, len(letters)) - 1
        return (told / weigh(letters), pieces) if enough or told >= _TRACE else (0.0, [])

    def _fate(self, sought: _Sought, pieces: list[Piece]) -> Leaf:
        if not pieces:
            return sought.fared("missing", score=0.0)
        self._claims.add(pieces[0].there, pieces[-1].there + pieces[-1].length)
        pieces = sorted([*pieces, *self._elsewhere(sought, pieces)])
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

    def _elsewhere(self, sought: _Sought, pieces: list[Piece]) -> Iterator[Piece]:
        """What is missing here and stands in another place: a paragraph that was moved, the second of two chunks."""
        edges = [0, *(edge for piece in pieces for edge in (piece.own, piece.own + piece.length)), len(sought.letters)]
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            letters = sought.letters[start:end]
            moved = self._index.pieces(letters, self._claims, self._rarity) if len(letters) >= _TRACE else []
            told = sum(self._rarity.weigh(letters[piece.own : piece.own + piece.length]) for piece in moved)
            if told >= max(_TRACE, len(letters) * _LEAST):
                self._claims.add(moved[0].there, moved[-1].there + moved[-1].length)
                yield from (Piece(start + piece.own, piece.there, piece.length) for piece in moved)

    def _losses(self, sought: _Sought, pieces: list[Piece]) -> tuple[int, int]:
        """How many words were only left out, and how many replaced or put in."""
        cut = changed = 0
        for before, piece in pairwise(pieces):
            left_out = piece.own - before.own - before.length
            between = piece.there - before.there - before.length
            if (between == 0 and left_out) or self._is_mark(before.there + before.length - 1, piece.there):
                cut += left_out
            else:
                changed += max(left_out, min(abs(between), len(sought.letters)), 1)
        for letters, instead in self._ends_of(sought, pieces):
            if _alike(letters, instead):
                changed += len(letters)
            else:
                cut += len(letters)
        return cut, changed

    def _ends_of(self, sought: _Sought, pieces: list[Piece]) -> Iterator[tuple[str, str | None]]:
        """What is missing at both ends, and as many words of the prompt; None where its text begins or ends there."""
        first, last, here = pieces[0], pieces[-1], self._index.letters
        head, tail = sought.letters[: first.own], sought.letters[last.own + last.length :]
        before, after = max(0, first.there - len(head)), last.there + last.length
        yield head, None if self._begins(first) else here[before : first.there]
        yield tail, None if self._ends(sought, last) else here[after : after + len(tail)]

    def _is_mark(self, before: int, after: int) -> bool:
        """Whether what stands between two words only says that something was left out."""
        message, _, start = self._index.stretch(before, 1)
        there, end, _ = self._index.stretch(after, 1)
        if there != message or not 0 < after - before - 1 <= _MARK_WORDS:
            return False
        return is_mark(self._index.texts[message][start:end])

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
        word = sought.text[sought.words.starts[own] : sought.words.ends[own]]
        return word.casefold().startswith(following[0].casefold())

    def _spots(self, found: Iterator[tuple[int, int]]) -> tuple[Spot, ...]:
        return tuple(Spot(*self._index.stretch(place, length)) for place, length in found)


def is_mark(text: str) -> bool:
    """Whether a text between two pieces only says that something was left out there."""
    return _MARK.search(text) is not None


def _alike(letters: str, instead: str | None) -> bool:
    """Whether words may have been replaced by others: few were, or some of them are still there."""
    if instead is None:
        return False
    same = sum((Counter(letters) & Counter(instead)).values())
    return len(letters) <= _REPLACED or same * 3 >= len(letters)


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
