"""What a call was handed by the steps before it, and what of that reached its prompt, as a page shows it.

Invariant: every leaf of the upstream context has its line with its fate, and what is lost of it is marked.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from spanglass.read.transit import transit
from spanglass.server.viewer.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markupsafe import Markup

    from spanglass.model.record import Record
    from spanglass.read.fate import Leaf
    from spanglass.read.origin import Origin

#: Leaves that one page shows, and characters of one leaf.
LEAVES, LONGEST = 2000, 20_000
#: What each fate means, in a few words.
MEANINGS = {
    "missing": "nothing of it reached the prompt",
    "cut": "words are missing",
    "altered": "words were replaced or put in",
    "short": "too short to tell",
    "whole": "all of it reached the prompt",
}


class Stretch(NamedTuple):
    """A piece of a leaf; ``lost`` if it did not reach the prompt."""

    lost: bool
    text: Markup


class LeafView(NamedTuple):
    """One leaf; ``messages`` are where it, or a piece of it, stands, None for the tools."""

    path: str
    fate: str
    percent: int | None
    stretches: tuple[Stretch, ...]
    messages: tuple[int, ...]
    in_tools: bool
    cut_off: int


class UpstreamView(NamedTuple):
    """All leaves, how many had each fate, and where an asked-for sentence came from."""

    counts: tuple[tuple[str, int], ...]
    leaves: tuple[LeafView, ...]
    more: int
    origins: tuple[Origin, ...]


def upstream_view(record: Record, sentence: str, earlier: Sequence[Record]) -> UpstreamView:
    """What became of the record's upstream context; the sentence is looked for in ``earlier`` calls' answers too."""
    found = transit(record, earlier=earlier)
    return UpstreamView(
        tuple((fate, count) for fate, count in found.counts.items() if count),
        tuple(_leaf(leaf, len(record.messages)) for leaf in found.leaves[:LEAVES]),
        max(0, len(found.leaves) - LEAVES),
        tuple(found.origins(sentence)) if sentence else (),
    )


def _leaf(leaf: Leaf, messages: int) -> LeafView:
    text = leaf.value if isinstance(leaf.value, str) else json.dumps(leaf.value, ensure_ascii=False)
    numbers = sorted({spot.message for spot in leaf.spots})
    percent = None if leaf.score is None or leaf.fate in ("whole", "missing") else round(100 * leaf.score)
    return LeafView(
        leaf.path or "the whole value",
        leaf.fate,
        percent,
        tuple(_stretches(leaf, text)),
        tuple(number for number in numbers if number < messages),
        any(number >= messages for number in numbers),
        max(0, len(text) - LONGEST),
    )


def _stretches(leaf: Leaf, text: str) -> Iterator[Stretch]:
    if leaf.fate == "missing":
        yield Stretch(lost=True, text=shown(text[:LONGEST]))
        return
    at = 0
    for start, end in leaf.lost:
        yield Stretch(lost=False, text=shown(text[at:start]))
        yield Stretch(lost=True, text=shown(text[start:end]))
        at = end
        if at > LONGEST:
            return
    yield Stretch(lost=False, text=shown(text[at : max(at, LONGEST)]))
