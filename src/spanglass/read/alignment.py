"""Where a text stands in other texts: as it is, or in pieces with something left out, put in or replaced.

Invariant: a piece is a run of the same words in both, inside one text, and the pieces of a text are in the same order
in both. What is certain (a run that is the whole text) is found through its rarest word; for the rest, runs of three
words say about where to look, so nothing is quadratic in the size of the texts.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from difflib import SequenceMatcher
from functools import cached_property
from heapq import nsmallest
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from spanglass.read.words import BORDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from spanglass.read.words import Lexicon

#: So many words in a row say where to look, unless they stand in more places than `_COMMON`.
SEED = 3
_COMMON = 64
#: Of a text up to so many words single words say it, too.
_SMALL = 60
#: A text up to so many words is compared word by word, a longer one run by run.
_BY_WORDS = 400
#: How many of the likeliest places are looked at, if they are not this many times less likely than the likeliest.
_LOOKS, _LIKELY = 3, 3
#: A run of three that stands in a place more often than that says nothing about where in it.
_TRIES = 8
#: What a word of others between two pieces costs, in words that the next piece must have to belong to the one before.
_GAP = 1.0


class Piece(NamedTuple):
    """``length`` words that are the same from word ``own`` of a text and from word ``there`` of the index on."""

    own: int
    there: int
    length: int


class Rarity:
    """How much words tell of the text that they are of, where many are alike: the less, the more of them have the same.

    Args:
        texts: the letters of all that are looked for.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._having: Counter[str] = Counter()
        for letters in texts:
            seeds = {letters[at : at + SEED] for at in range(len(letters) - SEED + 1)}
            self._having.update(seeds | set(letters))

    def weigh(self, letters: str) -> float:
        """The sum over the words: each counts as the rarest run of three that it is in, at most 1."""
        if len(letters) < SEED:
            return sum(map(self.of, letters))
        runs = [self.of(letters[at : at + SEED]) for at in range(len(letters) - SEED + 1)]
        padded = [0.0] * (SEED - 1) + runs + [0.0] * (SEED - 1)
        return sum(map(max, padded, padded[1:], padded[2:]))

    def of(self, run: str) -> float:
        """How much a word or a run of three tells, at most 1."""
        return 1 / self._having.get(run, 1)


class Claims:
    """Which words of an index are spoken for: a text that stands there is no trace of another that is like it."""

    def __init__(self, size: int) -> None:
        self._taken = bytearray(size)

    def add(self, start: int, end: int) -> None:
        """Words ``start`` to ``end`` are spoken for."""
        self._taken[start:end] = b"\x01" * (end - start)

    def any(self, piece: Piece) -> bool:
        """Whether a word of the piece is."""
        return self._taken.find(1, piece.there, piece.there + piece.length) >= 0

    def free(self, there: int) -> bool:
        """Whether this word is not."""
        return not self._taken[there]


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

    def pieces(self, letters: str, claims: Claims, rarity: Rarity) -> list[Piece]:
        """What of ``letters`` stands here in pieces that belong together, where what tells most does, in its order."""

        def worth(pieces: Iterable[Piece]) -> float:
            return sum(rarity.weigh(letters[piece.own : piece.own + piece.length]) for piece in pieces)

        align = self._by_words if len(letters) <= _BY_WORDS else self._by_runs
        looks = self._looks(letters, claims, rarity)
        found = (_together(list(align(letters, start, end, claims)), worth) for start, end in looks)
        return self._stretched(letters, max(found, key=worth, default=[]))

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

    def _looks(self, letters: str, claims: Claims, rarity: Rarity) -> list[tuple[int, int]]:
        """Where to look for pieces: the stretches of the index that most free seeds of the text point to."""
        width = max(16, len(letters))
        votes: dict[int, float] = {}
        seeds = ((at, letters[at : at + SEED], self._seeds) for at in range(len(letters) - SEED + 1))
        words = ((at, letter, self._places) for at, letter in enumerate(letters[: _SMALL + 1]))
        for at, seed, known in chain(seeds, words if len(letters) <= _SMALL else ()):
            places = known.get(seed, ())
            if len(places) > _COMMON:
                continue
            for bucket in {(place - at) // width for place in places if claims.free(place)}:
                votes[bucket] = votes.get(bucket, 0) + rarity.of(seed) / len(places)
        sums = {bucket: votes[bucket] + votes.get(bucket + 1, 0) for bucket in votes}
        best = nsmallest(_LOOKS, sums, key=lambda bucket: (-sums[bucket], bucket))
        best = [bucket for bucket in best if sums[bucket] * _LIKELY >= sums[best[0]]]
        return [(max(0, bucket * width), (bucket + 2) * width + len(letters)) for bucket in best]

    def _by_words(self, letters: str, start: int, end: int, claims: Claims) -> Iterator[Piece]:
        window = "".join(
            letter if claims.free(place) else BORDER for place, letter in enumerate(self.letters[start:end], start)
        )
        for own, there, length in SequenceMatcher(None, letters, window, autojunk=False).get_matching_blocks()[:-1]:
            yield Piece(own, start + there, length)

    def _by_runs(self, letters: str, start: int, end: int, claims: Claims) -> list[Piece]:
        """Run by run, the longest first, each that fits between those before it."""
        runs: list[Piece] = []
        reached: dict[int, int] = {}
        for at in range(len(letters) - SEED + 1):
            places = self._seeds.get(letters[at : at + SEED], [])
            first, last = bisect_left(places, start), bisect_left(places, end)
            for place in places[first:last] if last - first <= _TRIES else ():
                if reached.get(place - at, 0) <= at and claims.free(place):
                    run = self._run(letters, at, place)
                    reached[place - at] = run.own + run.length
                    runs.append(run)
        found: list[Piece] = []
        for run in sorted(runs, key=lambda run: (-run.length, run.own)):
            at = bisect_left(found, run)
            if (fitted := _fitted(run, found[at - 1 : at], found[at : at + 1])) is not None:
                found.insert(at, fitted)
        return found

    def _run(self, letters: str, at: int, place: int, length: int = SEED) -> Piece:
        """The whole run about words that are the same."""
        here, back = self.letters, 0
        while back < min(at, place) and letters[at - back - 1] == here[place - back - 1]:
            back += 1
        rest = min(len(letters) - at, len(here) - place)
        while length < rest and letters[at + length] == here[place + length]:
            length += 1
        return Piece(at - back, place - back, back + length)

    def _stretched(self, letters: str, pieces: list[Piece]) -> list[Piece]:
        """The pieces made longer by words that are the same and spoken for, such as a title that begins a sentence."""
        found: list[Piece] = []
        for number, (own, there, length) in enumerate(pieces):
            before = found[-1] if found else Piece(0, 0, 0)
            run = self._run(letters, own, there, length)
            fitted = _fitted(run, [before], pieces[number + 1 : number + 2])
            found.append(Piece(own, there, length) if fitted is None else fitted)
        return found


def matched(pieces: Iterable[Piece]) -> int:
    """How many words pieces have together."""
    return sum(piece.length for piece in pieces)


def _fitted(run: Piece, before: Sequence[Piece], after: Sequence[Piece]) -> Piece | None:
    """What of a run lies behind one piece and before another, in both texts; None if that is less than a seed."""
    own, there, length = run
    for piece in before:
        skip = max(0, piece.own + piece.length - own, piece.there + piece.length - there)
        own, there, length = own + skip, there + skip, length - skip
    for piece in after:
        length = min(length, piece.own - own, piece.there - there)
    return Piece(own, there, length) if length >= min(SEED, run.length) else None


def _together(pieces: list[Piece], worth: Callable[[Sequence[Piece]], float]) -> list[Piece]:
    """Of pieces in order those about the most telling one that are worth the words of others between them."""
    if not pieces:
        return pieces
    anchor = max(range(len(pieces)), key=lambda at: worth(pieces[at : at + 1]))
    first = _reach(pieces[anchor::-1], lambda near, far: near.there - far.there - far.length)
    last = _reach(pieces[anchor:], lambda near, far: far.there - near.there - near.length)
    return pieces[anchor - first : anchor + last + 1]


def _reach(pieces: Sequence[Piece], gap: Callable[[Piece, Piece], int]) -> int:
    """How many pieces away from the first one it is worth to go."""
    best, reach, worth = 0.0, 0, 0.0
    for steps in range(1, len(pieces)):
        worth += pieces[steps].length - _GAP * gap(pieces[steps - 1], pieces[steps])
        if worth > best:
            best, reach = worth, steps
    return reach
