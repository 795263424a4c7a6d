"""What entries say of a span, part by part: attempt 2's request, the outcome, step 5.

Each entry is a version of one part. Of two versions the better one is kept, by a total order.

Invariant: the better of any number of versions does not depend on the order, or on how often, they are compared.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from dataclasses import replace as replace_fields
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import msgspec
from msgspec.structs import replace

from spanglass.model.entry import (
    ENTRY_TYPES,
    AttemptEntry,
    EnvelopeEntry,
    ExitEntry,
    OutcomeEntry,
    RequestEntry,
    StepEntry,
    UpstreamEntry,
)
from spanglass.store import piece

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from spanglass.model.entry import Entry
    from spanglass.model.record import State

SpanEntry: TypeAlias = "RequestEntry | AttemptEntry | OutcomeEntry | EnvelopeEntry | UpstreamEntry | StepEntry"


class Key(NamedTuple):
    """Which part of a span: the entry's kind, and the attempt's number or the step's index."""

    kind: str
    number: int = 0


class Part(NamedTuple):
    """What one entry says: the entry without its body, the same as JSON to be kept, and the body's digest and size."""

    entry: SpanEntry
    meta: bytes
    digest: bytes | None = None
    size: int = 0


class Ref(NamedTuple):
    """The span that a part belongs to."""

    trace_id: str
    span_id: str


Parts: TypeAlias = "Mapping[Key, Part]"
#: Gives a part's body, or None when it does not come out as it was put in.
Load: TypeAlias = "Callable[[Key], bytes | None]"

OUTCOME = Key("outcome")
ENVELOPE = Key("envelope")
UPSTREAM = Key("upstream")

_PRECEDENCE = {"started": 0, "killed": 1}
_FINAL = 2
_BY_HAND = "manual"


def part_of(entry: Entry) -> tuple[Key, Part, bytes | None]:
    """An entry of a span as a part, and its body. A step's data is its body, so that it is packed and found as such."""
    if isinstance(entry, ExitEntry):
        message = "an exit belongs to no span"
        raise TypeError(message)
    number = entry.number if isinstance(entry, (RequestEntry, AttemptEntry, EnvelopeEntry)) else 0
    if isinstance(entry, StepEntry):
        number = entry.index
        if entry.body is None and entry.step.data:
            entry = replace(entry, body=_encode_data(entry.step.data), step=replace_fields(entry.step, data={}))
    body = None if isinstance(entry, OutcomeEntry) else entry.body
    bare = entry if isinstance(entry, OutcomeEntry) or body is None else replace(entry, body=None)
    key = Key(entry.kind, number)
    try:
        meta = msgspec.json.encode(bare)
    except UnicodeEncodeError:  # a lone surrogate, as Python makes them of file names and arguments
        meta = json.dumps(msgspec.to_builtins(bare), ensure_ascii=False).encode("utf-8", "replace")
        bare = read_part(entry.kind, meta, None, 0).entry
    if body is None:
        return key, Part(bare, meta), None
    return key, Part(bare, meta, piece.digest(body), len(body)), body


def read_part(kind: str, meta: bytes, digest: bytes | None, size: int) -> Part:
    """The part that was kept.

    Raises:
        ValueError: the bytes are damaged.
    """
    try:
        entry = cast("SpanEntry", msgspec.json.decode(meta, type=ENTRY_TYPES[kind]))
    except (msgspec.MsgspecError, KeyError) as why:
        message = f"a {kind} entry is damaged"
        raise ValueError(message) from why
    return Part(entry, meta, digest, size)


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries by span: the best version of each part, and its body if it has one. Also the owners that are gone."""

    parts: dict[Ref, dict[Key, Part]] = field(default_factory=dict)
    bodies: dict[tuple[Ref, Key], bytes] = field(default_factory=dict)
    exits: set[str] = field(default_factory=set)


def gather(entries: Sequence[Entry]) -> Batch:
    """The entries as a batch."""
    batch = Batch()
    for entry in entries:
        if isinstance(entry, ExitEntry):
            batch.exits.add(entry.owner)
            continue
        ref = Ref(entry.trace_id, entry.span_id)
        key, part, body = part_of(entry)
        parts = batch.parts.setdefault(ref, {})
        if key in parts and better(parts[key], part) is parts[key]:
            continue
        parts[key] = part
        batch.bodies.pop((ref, key), None)
        if body is not None:
            batch.bodies[ref, key] = body
    return batch


def better(one: Part, other: Part) -> Part:
    """Of two versions of one part the one to keep: that which knows more, or else the earlier outcome."""
    return one if one[1:] == other[1:] or _rank(one) >= _rank(other) else other


def _rank(part: Part) -> tuple[Any, ...]:
    """A total order: only equal parts rank equal, so the better of many does not depend on the order of asking."""
    entry = part.entry
    knows: tuple[Any, ...] = ()
    if isinstance(entry, OutcomeEntry):
        knows = rank_outcome(entry.state, entry.ended_at)
    elif isinstance(entry, AttemptEntry):
        knows = (entry.complete, entry.ended_at, entry.answer is not None, entry.call_ended_at or 0)
    elif isinstance(entry, StepEntry):
        knows = (entry.step.duration_ns is not None,)
    # What went over a wire says more than what the program, before it did, logged by hand.
    by_wire = not isinstance(entry, RequestEntry) or entry.call.format != _BY_HAND
    return (by_wire, part.digest is not None, *knows, part.size, part.meta, part.digest or b"")


def rank_outcome(state: State, ended_at: int) -> tuple[int, int]:
    """Of two ends of one call the higher counts: what is final, and the earlier of two such."""
    return _PRECEDENCE.get(state, _FINAL), -ended_at


def describe(key: Key) -> str:
    """A part's body in words, such as ``request body of attempt 2``."""
    if key.kind in ("request", "attempt"):
        return f"{'request' if key.kind == 'request' else 'response'} body of attempt {key.number}"
    return {"step": f"data of step {key.number}", "upstream": "upstream context"}.get(key.kind, f"{key.kind}'s body")


def _encode_data(data: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(data)
    except UnicodeEncodeError:
        return json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")
