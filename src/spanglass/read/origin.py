"""Where a sentence of a prompt came from: a leaf of the upstream context, or the answer of an earlier call.

Invariant: an origin quotes its source. The characters that it names are in the source's text, and are as much of the
sentence as its score says.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from spanglass.read.alignment import Claims, Index, Rarity, matched
from spanglass.read.leaf import leaves
from spanglass.read.window import text_of
from spanglass.read.words import Lexicon

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from spanglass.model.record import Record
    from spanglass.read.fate import How

#: The share of a sentence that an origin has at least, and of what the best one has.
_LEAST, _BESIDE = 0.5, 0.75
#: How many places are given at most: where all of it is, and where only most of it is.
_PLACES, _NEAR = 50, 5


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a sentence came from.

    Args:
        kind: ``upstream`` for a leaf of the call's upstream context, ``output`` for the answer of an earlier call.
        ref: the call that has it, as ``trace_id/span_id``.
        step_name: that call's step, or None.
        path: the leaf's path, such as ``claims[2].text``, or the answer's, such as ``output[0]``.
        how: ``exact``, ``normalised`` or ``near``, as in `spanglass.read.fate.Leaf`.
        score: the share of the sentence's words that stand there, 0 to 1.
        start, end: the characters of the source's text that they stand in, from the first to the last.
        text: these characters.
    """

    kind: Literal["upstream", "output"]
    ref: str
    step_name: str | None
    path: str
    how: How
    score: float
    start: int
    end: int
    text: str

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: the fields, in their order."""
        return {name: getattr(self, name) for name in self.__slots__}


class _Source(NamedTuple):
    kind: Literal["upstream", "output"]
    record: Record
    path: str
    text: str


class Sources:
    """All that a prompt may have been made of.

    Args:
        record: the call, with its upstream context.
        earlier: the calls before it, whose answers may have gone into its prompt; gone through when first asked for.
    """

    def __init__(self, record: Record, earlier: Iterable[Record]) -> None:
        self._record = record
        self._earlier = earlier
        self._lexicon = Lexicon()

    @cached_property
    def _sources(self) -> list[_Source]:
        upstream = [
            _Source("upstream", self._record, leaf.path, leaf.value)
            for leaf in leaves(self._record.upstream_context)
            if isinstance(leaf.value, str)
        ]
        answers = [
            _Source("output", call, f"output[{number}]", text_of(message))
            for call in sorted(self._earlier, key=lambda call: call.started_at)
            for number, message in enumerate(call.output)
        ]
        return upstream + answers

    @cached_property
    def _index(self) -> Index:
        return Index([source.text for source in self._sources], self._lexicon)

    def origins(self, sentence: str) -> list[Origin]:
        """Where a sentence came from: what has most of it first, then leaves, then the earliest answer."""
        letters = self._lexicon.read(sentence).letters
        if not letters:
            return []
        places = self._index.whole(letters, _PLACES)
        if places:
            spots = (self._index.stretch(place, len(letters)) for place in places)
            found = {spot[0]: self._whole(spot, sentence) for spot in list(spots)[::-1]}
            return [found[number] for number in sorted(found)]
        return sorted(self._near(letters), key=lambda origin: (-origin.score, origin.kind != "upstream"))

    def _whole(self, spot: tuple[int, int, int], sentence: str) -> Origin:
        number, start, end = spot
        exact = self._sources[number].text[start:end] in sentence
        return self._origin(number, "exact" if exact else "normalised", 1.0, start, end)

    def _near(self, letters: str) -> Iterator[Origin]:
        """Where most of it is, then where most of it is beside that, and so on while it is not much less."""
        claims, least = Claims(len(self._index.letters)), _LEAST
        for _ in range(_NEAR):
            pieces = self._index.pieces(letters, claims, Rarity(()))
            score = matched(pieces) / len(letters)
            if score < least:
                return
            least = max(least, score * _BESIDE)
            claims.add(pieces[0].there, pieces[-1].there + pieces[-1].length)
            number, start, _ = self._index.stretch(pieces[0].there, 1)
            last, _, end = self._index.stretch(pieces[-1].there, pieces[-1].length)
            if last == number:
                yield self._origin(number, "near", round(score, 4), start, end)

    def _origin(self, number: int, how: How, score: float, start: int, end: int) -> Origin:
        kind, record, path, text = self._sources[number]
        return Origin(kind, record.ref, record.step_name, path, how, score, start, end, text[start:end])
