"""What became of what a call was handed: what of it reached the prompt, and where a sentence of a prompt came from.

Invariant: every leaf of the upstream context has exactly one fate, and what is called ``whole`` is there word for word.
A leaf too short for its presence to mean anything is said to be so, never counted as arrived or lost.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spanglass.read.arrival import arrivals
from spanglass.read.fate import FATES, Fate, How, Leaf, Spot
from spanglass.read.leaf import leaves
from spanglass.read.origin import Origin, Sources
from spanglass.read.window import contents, is_base64
from spanglass.read.words import Lexicon

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from spanglass.model.record import Record

__all__ = ["FATES", "Fate", "How", "Leaf", "Origin", "Spot", "Transit", "transit"]


@dataclass(frozen=True, slots=True)
class Transit:
    """What of a call's upstream context reached its prompt.

    Args:
        ref: the call, as ``trace_id/span_id``.
        workflow_id, step_name: its place, or None.
        texts: what `Spot.message` counts: role and text of each message as `spanglass.format_context_window` shows it,
            then the tools, if there are any; of a call whose wire format is not read, the request as it was sent.
        leaves: every leaf of the upstream context, in its order; none where the record has none, or where it has no
            prompt to look in (``texts`` is then empty).
        sources: what `origins` looks through.
    """

    ref: str
    workflow_id: str | None
    step_name: str | None
    texts: tuple[tuple[str, str], ...] = field(repr=False)
    leaves: tuple[Leaf, ...]
    sources: Sources = field(repr=False, compare=False)

    @property
    def counts(self) -> dict[Fate, int]:
        """How many leaves had each fate; the keys are all of `FATES`, in their order."""
        counted = Counter(leaf.fate for leaf in self.leaves)
        return {fate: counted[fate] for fate in FATES}

    @property
    def lost(self) -> tuple[Leaf, ...]:
        """The leaves that did not arrive as they were: missing, then cut, then altered."""
        order: dict[Fate, int] = {"missing": 0, "cut": 1, "altered": 2}
        found = (leaf for leaf in self.leaves if leaf.fate in order)
        return tuple(sorted(found, key=lambda leaf: order[leaf.fate]))

    def origins(self, sentence: str) -> list[Origin]:
        """Where a sentence of the prompt came from: upstream leaves and answers of earlier calls, the likeliest first.

        Args:
            sentence: as it stands in the prompt; case, white space, Markdown and escapes do not matter.

        Returns:
            What has all of it; else what has at least half of its words; nothing where neither is found.
        """
        return self.sources.origins(sentence)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: ``ref``, ``workflow_id``, ``step_name``, ``counts``, ``leaves``."""
        return {
            "ref": self.ref,
            "workflow_id": self.workflow_id,
            "step_name": self.step_name,
            "counts": dict(self.counts),
            "leaves": [leaf.to_dict() for leaf in self.leaves],
        }


def transit(record: Record, *, earlier: Iterable[Record] = ()) -> Transit:
    """What of a call's upstream context reached its prompt, leaf by leaf.

    Args:
        record: the call, read (its ``messages`` and ``tools`` are the prompt).
        earlier: calls before it, in whose answers `Transit.origins` looks too; gone through when that is first asked.

    Example:
        >>> from spanglass.model.message import ChatMessage
        >>> from spanglass.model.record import Record
        >>> handed = {"title": "A pump with two valves", "claims": ["It is made of steel", "It has a check valve"]}
        >>> prompt = (ChatMessage.as_user("Summarise: **A pump with two valves**. It is made of brass"),)
        >>> found = transit(Record("0" * 32, "0" * 16, messages=prompt, upstream_context=handed))
        >>> [(leaf.path, leaf.fate, leaf.score) for leaf in found.leaves]
        [('title', 'whole', 1.0), ('claims[0]', 'altered', 0.8), ('claims[1]', 'missing', 0.0)]
        >>> [(origin.path, origin.text) for origin in found.origins("a pump with TWO valves")]
        [('title', 'A pump with two valves')]
    """
    texts = contents(record) or _unread(record)
    handed = record.upstream_context is not None and texts
    found = list(leaves(record.upstream_context)) if handed else []
    media = _media(record)
    told = arrivals(found, [text for _, text in texts], Lexicon())
    return Transit(
        record.ref,
        record.workflow_id,
        record.step_name,
        tuple(texts),
        tuple(_as_media(leaf, media, texts) for leaf in told),
        Sources(record, earlier),
    )


def _unread(record: Record) -> list[tuple[str, str]]:
    """The request as it was sent, of a call whose wire format is not read."""
    bodies = [attempt.request_body for attempt in record.attempts if attempt.request_body]
    return [("request", bodies[-1].decode("utf-8", "replace"))] if bodies else []


def _media(record: Record) -> dict[str, int]:
    """The pictures, sounds and files in the messages, which their texts only name, and the messages that have them."""
    return {
        leaf.value.rpartition(",")[2]: number
        for number, message in enumerate(record.messages)
        for leaf in leaves(message.content)
        if isinstance(leaf.value, str) and is_base64(leaf.value)
    }


def _as_media(leaf: Leaf, media: Mapping[str, int], texts: Sequence[tuple[str, str]]) -> Leaf:
    """The leaf, or if it is a picture, sound or file, its message as the place that it is whole in."""
    if leaf.fate == "whole" or not isinstance(leaf.value, str) or not is_base64(leaf.value):
        return leaf
    number = media.get(leaf.value.rpartition(",")[2])
    if number is not None:
        spot = Spot(number, 0, len(texts[number][1]))
        return Leaf(leaf.path, leaf.value, "whole", "exact", 1.0, (spot,))
    return Leaf(leaf.path, leaf.value, "missing", score=0.0) if leaf.value.startswith("data:") else leaf
