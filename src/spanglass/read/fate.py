"""What can become of a leaf of an upstream context on its way into a prompt, as objects with a JSON form.

Invariant: ``spots`` lead into the prompt's texts and ``kept`` and ``lost`` into the leaf's own, all in characters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from spanglass.read.leaf import Scalar

#: ``whole``: all of it, in one place. ``cut``: words are missing. ``altered``: words were replaced or put in, or
#: it is there in another order.
#: ``missing``: nothing of it. ``short``: too short for its presence, or its absence, to mean anything.
Fate: TypeAlias = Literal["whole", "cut", "altered", "missing", "short"]
#: ``exact``: letter for letter. ``normalised``: but for case, white space, Markdown, escapes and Unicode forms.
#: ``near``: word for word in the ranges that are given.
How: TypeAlias = Literal["exact", "normalised", "near"]

_SAYS_NOTHING = " \t\r\n.,;:!?\u2026\"'`\u2018\u2019\u201c\u201d\xab\xbb()[]{}*_#|~-\u2013\u2014/\\"

#: All fates, in the order in which a person wants to know of them.
FATES: tuple[Fate, ...] = ("missing", "cut", "altered", "short", "whole")


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """Where in a prompt: characters ``start`` to ``end`` of the text of message number ``message``."""

    message: int
    start: int
    end: int

    def to_dict(self) -> dict[str, int]:
        """The JSON form."""
        return {"message": self.message, "start": self.start, "end": self.end}


@dataclass(frozen=True, slots=True)
class Leaf:
    """What became of one leaf of an upstream context.

    Args:
        path: where it is, such as ``claims[2].text``; empty if the context is a single value.
        value: the leaf.
        fate: see `Fate`.
        how: how it was found again; None for one that was not.
        score: the share of its words that reached the prompt, 0 to 1; None where that means nothing (``short``).
        spots: where. Of a leaf that is ``whole`` (or ``short``) the places that it stands in, ten at most; of one that
            is ``cut`` or ``altered`` the place of each piece.
        kept: of one that is ``cut`` or ``altered``, the characters of the value in each piece, as (start, end) in the
            order of ``spots``.
    """

    path: str
    value: Scalar
    fate: Fate
    how: How | None = None
    score: float | None = None
    spots: tuple[Spot, ...] = ()
    kept: tuple[tuple[int, int], ...] = ()

    @property
    def lost(self) -> tuple[tuple[int, int], ...]:
        """The characters of the value that did not arrive, as (start, end), less what is punctuation alone."""
        size = len(self.value) if isinstance(self.value, str) else 0
        if self.fate in ("whole", "short") or not size:
            return ()
        edges = [0, *(edge for piece in sorted(self.kept) for edge in piece), size]
        gaps = zip(edges[::2], edges[1::2], strict=True)
        return tuple((start, end) for start, end in gaps if str(self.value)[start:end].strip(_SAYS_NOTHING))

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, with ``lost``."""
        return {
            "path": self.path,
            "value": self.value,
            "fate": self.fate,
            "how": self.how,
            "score": self.score,
            "spots": [spot.to_dict() for spot in self.spots],
            "kept": [list(piece) for piece in self.kept],
            "lost": [list(piece) for piece in self.lost],
        }
