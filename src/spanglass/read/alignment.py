"""Where a text stands in other texts: as it is, or in pieces with something left out, put in or replaced.

Invariant: a piece is a run of the same words in both, inside one text. What is certain (a run that is the whole text)
is found through its rarest word, the rest through runs of three words; nothing is quadratic in the size of the texts.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from difflib import SequenceMatcher
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from spanglass.read.words import BORDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from spanglass.read.words import Lexicon

#: So many words in a row begin a piece.
SEED = 3
#: A text up to so many words is also held, word by word, against where its rare words stand together.
_SMALL = 60
#: A word that stands in more places than this is not rare.
_COMMON = 64
#: So many of the places of a run of three are tried.
_TRIED = 32
#: A piece that stands away from the others counts from so many words on.
_ALONE = 8


class Piece(NamedTuple):
    """``length`` words that are the same from word ``own`` of a text and from word ``there`` of the index on."""

    own: int
    there: int
    length: int


class Claims:
    """Which words of an index are spoken for: a text that stands there whole is no trace of another that is like it."""

    def __init__(self, size: int) -> None:
        self._owner = [0] * size
        self._ranges = [(0, 0)]

    def add(self, start: int, end: int) -> None:
        """Words ``start`` to ``end`` belong together."""
        self._owner[start:end] = [len(self._ranges)] * (end - start)
        self._ranges.append((start, end))

    def fresh(self, piece: Piece) -> int:
        """How many words of a piece nobody has claimed."""
        return self._owner[piece.there : piece.there + piece.length].count(0)

    def free(self, piece: Piece) -> Piece | None:
        """The piece less the claims that it covers only in part; None if nothing is left that is its own."""
        own, start, end = piece.own, piece.there, piece.there + piece.length
        first, last = self._ranges[self._owner[start]], self._ranges[self._owner[end - 1]]
        if self._owner[start] and (first[0] < start or first[1] > end):
            own, start = own + min(first[1], end) - start, min(first[1], end)
        if self._owner[end - 1] and (last[1] > end or last[0] < start):
            end = max(last[0], start)
        left = Piece(own, start, end - start)
        return left if left.length > 0 and self.fresh(left) else None


class Index:
    """Texts in which others are looked for.

    Args:
        texts: what is looked through.
        lexicon: the one by which the texts looked for are read, too.
    """

    def __init__(self, texts: Sequence[str], lexicon: Lexicon) -> None:
        self.texts = texts
        self._offsets: list[int] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        rows = []
        for text in texts:
            words = lexicon.read(text)
            self._offsets.append(len(self._starts))
            self._starts += [*words.starts, len(text)]
            self._ends += [*words.ends, len(text)]
            rows.append(words.letters + BORDER)
        self.letters = "".join(rows)

    def stretch(self, there: int, length: int) -> tuple[int, int, int]:
        """The text that words stand in, and their first and last character."""
        return bisect_right(self._offsets, there) - 1, self._starts[there], self._ends[there + length - 1]

    def whole(self, letters: str, limit: int) -> list[int]:
        """From which words on all of ``letters`` stand in a row, the first ``limit`` places."""
        found: list[int] = []
        if not letters:
            return found
        rarest = min(range(len(letters)), key=lambda at: len(self._places.get(letters[at], ())))
        for place in self._places.get(letters[rarest], ()):
            if place >= rarest and self.letters.startswith(letters, place - rarest):
                found.append(place - rarest)
                if len(found) == limit:
                    break
        return found

    def pieces(self, letters: str, claims: Claims | None = None) -> list[Piece]:
        """What of ``letters`` stands here in pieces that belong together, in the order of ``letters``."""
        claims = Claims(len(self.letters)) if claims is None else claims
        found = _together(list(self._runs(letters, claims)), len(letters))
        if len(letters) <= _SMALL and matched(found) < len(letters):
            found = max(found, self._by_words(letters, claims), key=matched)
        return found

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for place, letter in enumerate(self.letters):
            found.setdefault(letter, []).append(place)
        found.pop(BORDER, None)
        return found

    @cached_property
    def _seeds(self) -> dict[str, list[int]]:
        letters = self.letters
        found: dict[str, list[int]] = {}
        for place in range(len(letters) - SEED + 1):
            found.setdefault(letters[place : place + SEED], []).append(place)
        return found

    def _runs(self, letters: str, claims: Claims) -> Iterator[Piece]:
        """The longest runs, left to right; where several places have one as long, the one next to the run before."""
        at, follows = 0, 0
        while at <= len(letters) - SEED:
            places = self._seeds.get(letters[at : at + SEED], ())
            runs = [Piece(at, place, self._length(letters, at, place)) for place in _near(places, follows)]
            free = [piece for run in runs if (piece := claims.free(run)) is not None and piece.length >= SEED]
            if free:
                best = max(free, key=lambda piece: (piece.length, -abs(piece.there - follows)))
                yield best
                at, follows = best.own + best.length, best.there + best.length
            else:
                at += max((run.length for run in runs), default=1)

    def _length(self, letters: str, at: int, place: int) -> int:
        here, length = self.letters, SEED
        rest = min(len(letters) - at, len(here) - place)
        while length < rest and letters[at + length] == here[place + length]:
            length += 1
        return length

    def _by_words(self, letters: str, claims: Claims) -> list[Piece]:
        """Word by word, where most of the rare words stand together."""
        width = max(8, len(letters) // 2)
        votes: dict[int, int] = {}
        for at, letter in enumerate(letters):
            places = self._places.get(letter, ())
            if len(places) <= _COMMON:
                for bucket in {(place - at) // width + more for place in places for more in (0, -1)}:
                    votes[bucket] = votes.get(bucket, 0) + 1
        best = max(votes, key=lambda bucket: (votes[bucket], -bucket), default=None)
        if best is None or votes[best] * 3 < len(letters):
            return []
        start = max(0, best * width)
        window = self.letters[start : start + 2 * width + len(letters)]
        same = SequenceMatcher(None, letters, window, autojunk=False).get_matching_blocks()[:-1]
        pieces = (claims.free(Piece(own, start + there, length)) for own, there, length in same)
        return [piece for piece in pieces if piece is not None]


def matched(pieces: Iterable[Piece]) -> int:
    """How many words pieces have together."""
    return sum(piece.length for piece in pieces)


def _near(places: Sequence[int], follows: int) -> list[int]:
    """The places next to where the run before ended, and the first ones."""
    if len(places) <= _TRIED:
        return list(places)
    middle = bisect_left(places, follows)
    return sorted({*places[max(0, middle - 2) : middle + _TRIED // 2], *places[: _TRIED // 2]})


def _together(pieces: list[Piece], size: int) -> list[Piece]:
    """The pieces about the longest one, and those long enough to stand alone."""
    if not pieces:
        return pieces
    longest = max(pieces, key=lambda piece: piece.length)
    reach = size // 2 + 20
    shift = longest.there - longest.own
    return [piece for piece in pieces if piece.length >= _ALONE or abs(piece.there - piece.own - shift) <= reach]
