"""The calls of a trace as a tree.

Invariant: every call of the trace has exactly one line, whatever its parent is: another call, a span that is no call
and so is not recorded, or (in a damaged trace) a call below itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spanglass.model.record import Summary


class Line(NamedTuple):
    """A line of the tree: a call, or None for a parent that is no call; ``last`` says which levels end here."""

    call: Summary | None
    span_id: str
    last: tuple[bool, ...]


def lines(calls: Sequence[Summary]) -> Iterator[Line]:
    """The tree, top down. Calls below one span that is not recorded stand together below a line for it."""
    known = {call.span_id for call in calls}
    below: dict[str | None, list[Summary]] = {}
    for call in calls:
        below.setdefault(call.parent_span_id, []).append(call)
    roots = list(dict.fromkeys(call.parent_span_id for call in calls if call.parent_span_id not in known))
    seen: set[str] = set()
    tops: list[Summary | str] = []
    for root in roots:
        tops += below[None] if root is None else [root]
    for index, top in enumerate(tops):
        yield from _branch(top, below, seen, (index == len(tops) - 1,))
    for call in calls:
        if call.span_id not in seen:
            yield from _branch(call, below, seen, (True,))


def _branch(
    top: Summary | str, below: dict[str | None, list[Summary]], seen: set[str], last: tuple[bool, ...]
) -> Iterator[Line]:
    waiting: list[tuple[Summary | str, tuple[bool, ...]]] = [(top, last)]
    while waiting:
        node, last = waiting.pop()
        call, span_id = (None, node) if isinstance(node, str) else (node, node.span_id)
        if span_id in seen:
            continue
        seen.add(span_id)
        yield Line(call, span_id, last)
        children = [child for child in below.get(span_id, ()) if child.span_id not in seen]
        waiting += [(child, (*last, index == len(children) - 1)) for index, child in enumerate(children)][::-1]
