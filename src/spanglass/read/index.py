"""Which call continues which: all calls gone through once, in the order in which they began.

Invariant: of each call no more is kept than its ids and marks, so that a store of any number of conversations can be
gone through; a conversation is read again, whole, when its row is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from spanglass.model.step import GENERATION_STEP
from spanglass.read.chain import Chain, Cut, is_complaint
from spanglass.read.thread import marks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from spanglass.model.record import Record, Summary

    #: Gives a call's record, or None if it is gone.
    Load = Callable[[Summary], Record | None]
    #: Told how many of how many calls are done.
    Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Node:
    """One call among all."""

    call: Summary
    parent: int | None = None
    cut: Cut | None = None
    generation: str | None = None
    restart: int = 0
    accepted: bool | None = None
    continued: bool = False


class Index:
    """The calls of a store as conversations.

    Attributes:
        silent: how many calls have no messages that can be read, or ask for no answer in words.
        broken: how many calls have messages, and no answer; a conversation that they continue has no good end.
    """

    def __init__(self) -> None:
        self.silent = 0
        self.broken = 0
        self._nodes: list[Node] = []
        self._said: dict[bytes, int] = {}
        self._lengths: list[int] = []
        self._by_generation: dict[str, list[int]] = {}

    def add(self, record: Record, call: Summary) -> None:
        """Takes a call in; those that began before it are in already."""
        if not record.messages or record.operation == "embeddings":
            self.silent += record.format != "envelope"  # a span that only contains calls is none itself
            return
        place, node = len(self._nodes), Node(call)
        told = next((step.data for step in record.steps if step.step_name == GENERATION_STEP), None)
        if told is not None:
            _take_told(node, told)
        found = marks(record.messages, record.output)
        node.parent = self._parent_of(node, found.heard)
        if node.parent is not None:
            self._nodes[node.parent].continued = True
            if self._refused(self._nodes[node.parent], record, found.heard_length):
                node.cut = Cut(self._lengths[node.parent], found.heard_length, len(record.messages))
        if not record.output:
            self.broken += 1
            return
        self._nodes.append(node)
        self._lengths.append(len(record.messages))
        for said in found.said:
            self._said.update(dict.fromkeys(_keys(node, said), place))
        if node.generation is not None:
            self._by_generation.setdefault(node.generation, []).append(place)

    def _parent_of(self, node: Node, heard: bytes | None) -> int | None:
        """The call that it continues: in a generation one of the same, else rather one of the same trace."""
        if heard is None:
            return None
        keys = islice(_keys(node, heard), 1 if node.generation is not None else None)
        return next((self._said[key] for key in keys if key in self._said), None)

    def _refused(self, parent: Node, record: Record, heard: int) -> bool:
        """Whether a call that continues another one does so because its answer would not do."""
        if parent.generation is not None:
            return parent.accepted is False
        answered_at = parent.call.ended_at or parent.call.started_at
        return is_complaint(record.messages[heard:], record.started_at - answered_at)

    def __len__(self) -> int:
        """How many conversations there are: calls that no other continues."""
        return sum(not node.continued for node in self._nodes)

    def chains(self, load: Load) -> Iterator[Chain]:
        """Each conversation, by its last call, in the order in which the last calls began."""
        for place, node in enumerate(self._nodes):
            if not node.continued:
                chain = self._chain(place, load)
                if chain is not None:
                    yield chain

    def _chain(self, place: int, load: Load, *, with_earlier: bool = True) -> Chain | None:
        node = self._nodes[place]
        record = load(node.call)
        if record is None:
            return None
        path = [*self._ancestors(place)][::-1]
        cuts = tuple(step.cut for step in path if step.cut is not None)
        earlier: list[Chain] = []
        if with_earlier and node.accepted and node.generation is not None and node.restart:
            ends = [other for other in self._by_generation[node.generation] if self._given_up(other, node.restart)]
            found = (self._chain(end, load, with_earlier=False) for end in ends)
            earlier = [chain for chain in found if chain is not None]
        return Chain(record, cuts, tuple(step.call.ref for step in path), node.accepted, tuple(earlier))

    def _given_up(self, place: int, before: int) -> bool:
        node = self._nodes[place]
        return not node.continued and node.restart < before and node.accepted is False

    def _ancestors(self, place: int | None) -> Iterator[Node]:
        while place is not None:
            node = self._nodes[place]
            yield node
            place = node.parent


def index_of(calls: Iterable[Summary], load: Load, progress: Progress | None = None) -> Index:
    """The index of calls, whatever their order; each is read once."""
    ordered = sorted(calls, key=lambda call: (call.started_at, call.span_id))
    index = Index()
    for done, call in enumerate(ordered, 1):
        record = load(call)
        if record is not None:
            index.add(record, call)
        if progress is not None:
            progress(done, len(ordered))
    return index


def _keys(node: Node, mark: bytes) -> Iterator[bytes]:
    """Under what a mark is known, the nearest first."""
    if node.generation is not None:
        yield mark + node.generation.encode()
    yield mark + node.call.trace_id.encode()
    yield mark


def _take_told(node: Node, told: dict[str, Any]) -> None:
    generation, restart, accepted = (told.get(name) for name in ("generation", "restart", "accepted"))
    node.generation = generation if isinstance(generation, str) else None
    node.restart = restart if isinstance(restart, int) else 0
    node.accepted = accepted if isinstance(accepted, bool) else None
