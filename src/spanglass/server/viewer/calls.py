"""Calls in lists: one line each, and the tree of a trace beside its time.

Invariant: every call that was found has its line, and every line leads to its call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from spanglass.read.tree import lines
from spanglass.server.viewer.bar import Bar, between

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spanglass.model.record import Summary

#: Operations that are requests to a model; others (an agent's run, a tool's) are spans around them.
_REQUESTS = frozenset({"chat", "text_completion", "generate_content", "embeddings"})
#: Levels of a tree that are still indented on the page.
_DEEPEST = 12


class Row(NamedTuple):
    """A line of a tree; ``call`` is None for a parent that is no call. ``bar`` is when it ran."""

    call: Summary | None
    span_id: str
    depth: int
    bar: Bar | None


class Sums(NamedTuple):
    """What several calls come to; ``duration_ns`` is from the first start to the last end, or None."""

    calls: int
    spans: int
    input_tokens: int
    output_tokens: int
    duration_ns: int | None
    states: tuple[tuple[str, int], ...]


class Neighbours(NamedTuple):
    """Where a call stands among those of its trace."""

    place: int
    total: int
    previous: Summary | None
    following: Summary | None


def is_request(call: Summary) -> bool:
    """Whether a call is a request to a model, and not a span of another instrumentation around such requests."""
    return call.format != "envelope" or call.operation in _REQUESTS


def rows(calls: Sequence[Summary]) -> list[Row]:
    """The calls of a trace as a tree."""
    return list(_rows(calls))


def _rows(calls: Sequence[Summary]) -> Iterator[Row]:
    first, last = _extent(calls)
    for line in lines(calls):
        depth = min(len(line.last) - 1, _DEEPEST)
        bar = None
        if line.call is not None:
            end = line.call.ended_at or last
            bar = between(line.call.started_at, end, first, last)
        yield Row(line.call, line.span_id, depth, bar)


def sums(calls: Sequence[Summary]) -> Sums:
    """What the calls come to; spans that are no request to a model are counted as spans only.

    Their tokens are not added either: an agent's are those of the calls below it.
    """
    requests = [call for call in calls if is_request(call)]
    states: dict[str, int] = {}
    for call in calls:
        states[call.state] = states.get(call.state, 0) + 1
    ended = [call.ended_at for call in calls if call.ended_at is not None]
    return Sums(
        len(requests),
        len(calls),
        sum(call.usage.input_tokens or 0 for call in requests),
        sum(call.usage.output_tokens or 0 for call in requests),
        max(ended) - min(call.started_at for call in calls) if ended else None,
        tuple(sorted(states.items())),
    )


def neighbours(call: Summary, calls: Sequence[Summary]) -> Neighbours:
    """The requests before and after a call, among those of its trace."""
    among = [other for other in calls if is_request(other) or other.span_id == call.span_id]
    place = next((index for index, other in enumerate(among) if other.span_id == call.span_id), 0)
    return Neighbours(
        place + 1,
        len(among),
        among[place - 1] if place > 0 else None,
        among[place + 1] if place + 1 < len(among) else None,
    )


def _extent(calls: Sequence[Summary]) -> tuple[int, int]:
    moments = [call.started_at for call in calls] + [call.ended_at for call in calls if call.ended_at is not None]
    return min(moments, default=0), max(moments, default=1)
