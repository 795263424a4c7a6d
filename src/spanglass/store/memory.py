"""A store in the process's own memory: for tests, and for programs that read their calls back themselves.

Invariant: stores of one name are one store, for as long as the process lives; closing one loses nothing.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from spanglass.errors import ConfigurationError, StoreError
from spanglass.model.record import Summary
from spanglass.store import chain, merge, piece
from spanglass.store.base import ERROR_STATES, Damage, Pruned, PruneRule, Query, StoreStats, Verification
from spanglass.store.chain import Literal, Piece
from spanglass.store.part import Key, Part, Ref, better, describe, gather

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spanglass.model.entry import Entry
    from spanglass.model.record import Record
    from spanglass.store.base import Progress
    from spanglass.store.chain import Frame


@dataclass(frozen=True, slots=True)
class _Tip:
    """The last node of a chain."""

    node: bytes


#: A kept segment: packed bytes, the digest of a piece, or a chain's last node.
_Kept: TypeAlias = "Literal | Piece | _Tip"


@dataclass(slots=True)
class _Call:
    """One span: its parts, the segments of their bodies, and the line about it."""

    summary: Summary
    parts: dict[Key, Part] = field(default_factory=dict)
    bodies: dict[Key, list[_Kept]] = field(default_factory=dict)


@dataclass(slots=True)
class _Shelf:
    """What the stores of one name share."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    calls: dict[Ref, _Call] = field(default_factory=dict)
    exits: set[str] = field(default_factory=set)
    pieces: dict[bytes, bytes] = field(default_factory=dict)
    nodes: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)


_SHELVES: dict[str, _Shelf] = {}
_SHELVES_LOCK = threading.Lock()


def _unlock() -> None:
    """In a child process: a lock that another thread held at the fork would never be given back."""
    for shelf in _SHELVES.values():
        shelf.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)


class MemoryStore:
    """The store ``memory://name``.

    Raises:
        ConfigurationError: the name is a path.
    """

    def __init__(self, url: str = "memory://", *, read_only: bool = False) -> None:
        name = url.removeprefix("memory://")
        if "/" in name:
            message = f"cannot open {url!r}: a memory store has a plain name, as in memory://tests"
            raise ConfigurationError(message)
        self.url = url
        self._read_only = read_only
        with _SHELVES_LOCK:
            self._shelf = _SHELVES.setdefault(name, _Shelf())

    def put_many(self, entries: Sequence[Entry]) -> None:
        """Merges entries into the records of their spans."""
        self._writable()
        batch = gather(entries)
        frames = {at: _frame(at[1], body) for at, body in batch.bodies.items()}
        shelf = self._shelf
        with shelf.lock:
            gone = batch.exits - shelf.exits
            shelf.exits |= gone
            for ref, parts in batch.parts.items():
                self._merge(ref, parts, {key: frame for (of, key), frame in frames.items() if of == ref})
            for ref, call in shelf.calls.items() if gone else ():
                if call.summary.state == "started":
                    call.summary = self._summarize(ref, call)

    def _merge(self, ref: Ref, parts: dict[Key, Part], frames: dict[Key, Frame]) -> None:
        call = self._shelf.calls.get(ref) or _Call(Summary(*ref))
        stale = False
        for key, part in parts.items():
            if key in call.parts and better(call.parts[key], part) is call.parts[key]:
                continue
            call.parts[key] = part
            stale |= call.bodies.pop(key, None) is not None
            if key in frames:
                call.bodies[key] = [self._keep(segment) for segment in frames[key]]
        call.summary = self._summarize(ref, call)
        self._shelf.calls[ref] = call
        if stale:
            self._collect()

    def _summarize(self, ref: Ref, call: _Call) -> Summary:
        gone = merge.owner_of(call.parts) in self._shelf.exits
        return merge.summarize(*ref, call.parts, lambda key: self._load(call, key), owner_gone=gone)

    def _keep(self, segment: chain.Segment) -> _Kept:
        if isinstance(segment, Literal):
            return Literal(piece.pack(segment.data))
        if isinstance(segment, Piece):
            return Piece(self._keep_piece(piece.digest(segment.data), segment.data))
        node = chain.ROOT
        for link in chain.links(segment):
            self._shelf.nodes.setdefault(link.node, (node, self._keep_piece(link.digest, link.data)))
            node = link.node
        return _Tip(node)

    def _keep_piece(self, digest: bytes, data: bytes) -> bytes:
        if digest not in self._shelf.pieces:
            self._shelf.pieces[digest] = piece.pack(data)
        return digest

    def _load(self, call: _Call, key: Key) -> bytes | None:
        try:
            data = b"".join(piece.unpack(packed) for packed in self._packed(call.bodies.get(key, ())))
        except (KeyError, ValueError):
            return None
        return data if piece.digest(data) == call.parts[key].digest else None

    def _packed(self, body: Iterable[_Kept]) -> Iterable[bytes]:
        for segment in body:
            if isinstance(segment, Literal):
                yield segment.data
            elif isinstance(segment, Piece):
                yield self._shelf.pieces[segment.data]
            else:
                yield from (self._shelf.pieces[digest] for _, digest in reversed(self._path(segment.node)))

    def _path(self, node: bytes) -> list[tuple[bytes, bytes]]:
        """A chain's nodes with their pieces, last to first."""
        path: list[tuple[bytes, bytes]] = []
        while node != chain.ROOT:
            parent, digest = self._shelf.nodes[node]
            path.append((node, digest))
            node = parent
        return path

    def get(self, trace_id: str, span_id: str) -> Record | None:
        """The record of a span."""
        with self._shelf.lock:
            call = self._shelf.calls.get(Ref(trace_id, span_id))
            if call is None:
                return None
            return merge.make_record(call.summary, call.parts, lambda key: self._load(call, key))

    def envelope(self, trace_id: str, span_id: str) -> bytes | None:
        """The body of the span's envelope."""
        with self._shelf.lock:
            call = self._shelf.calls.get(Ref(trace_id, span_id))
            return None if call is None else merge.envelope_body(call.parts, lambda key: self._load(call, key))

    def resolve(self, trace_prefix: str | None, span_prefix: str, limit: int = 20) -> list[Summary]:
        """The calls whose ids begin so, newest first."""
        trace, span = (trace_prefix or "").lower(), span_prefix.lower()
        return [c.summary for ref, c in self._newest() if ref[0].startswith(trace) and ref[1].startswith(span)][:limit]

    def find(self, query: Query) -> list[Summary]:
        """The calls that answer to the query, newest first."""
        found = [call for _, call in self._newest() if query.matches(call.summary)]
        if query.text is not None:
            spellings = piece.needles(query.text)
            with self._shelf.lock:
                found = [call for call in found if self._mentions(call, query.text, spellings)]
        return [call.summary for call in found[: query.limit]]

    def _mentions(self, call: _Call, text: str, spellings: tuple[bytes, ...]) -> bool:
        if call.summary.error is not None and text in call.summary.error.message:
            return True
        return any(piece.contains(p, spellings) for body in call.bodies.values() for p in self._packed(body))

    def _newest(self) -> list[tuple[Ref, _Call]]:
        with self._shelf.lock:
            calls = list(self._shelf.calls.items())
        calls.sort(key=lambda item: item[1].summary.started_at)
        calls.reverse()
        return calls

    def prune(self, rule: PruneRule) -> Pruned:
        """Deletes calls, and the pieces that no window needs any more."""
        self._writable()
        shelf = self._shelf
        with shelf.lock:
            before = shelf.calls
            kept = dict(self._keeps(rule))
            if rule.max_bytes is not None:
                kept = self._fit(kept, rule, rule.max_bytes)
            _, pieces = self._reached(kept.values())
            lost = self._reached(before.values())[1] - pieces
            gone = [call for ref, call in before.items() if ref not in kept]
            size = sum(len(shelf.pieces[digest]) for digest in lost) + sum(map(_own_bytes, gone))
            if not rule.dry_run:
                shelf.calls = kept
                self._collect()
            return Pruned(len(gone), len(lost), size)

    def _keeps(self, rule: PruneRule) -> Iterable[tuple[Ref, _Call]]:
        deadline = time.time_ns() - (rule.older_than_ns or 0)
        for ref, call in self._shelf.calls.items():
            old = rule.older_than_ns is None or call.summary.started_at < deadline
            if not (rule.by_selection and old and _prunable(rule, call.summary)):
                yield ref, call

    def _fit(self, kept: dict[Ref, _Call], rule: PruneRule, max_bytes: int) -> dict[Ref, _Call]:
        oldest = sorted(kept.items(), key=lambda item: item[1].summary.started_at)
        for ref, call in oldest:
            if self._bytes(kept.values()) <= max_bytes:
                break
            if call.summary.state != "started" and _prunable(rule, call.summary):
                kept = {other: held for other, held in kept.items() if other != ref}
        return kept

    def _reached(self, calls: Iterable[_Call]) -> tuple[set[bytes], set[bytes]]:
        """The nodes and the pieces that these calls need."""
        nodes: set[bytes] = set()
        pieces: set[bytes] = set()
        for segment in (segment for call in calls for body in call.bodies.values() for segment in body):
            if isinstance(segment, Piece):
                pieces.add(segment.data)
            node = segment.node if isinstance(segment, _Tip) else chain.ROOT
            while node != chain.ROOT and node not in nodes and node in self._shelf.nodes:
                nodes.add(node)
                node, digest = self._shelf.nodes[node]
                pieces.add(digest)
        return nodes, pieces

    def _collect(self) -> None:
        nodes, pieces = self._reached(self._shelf.calls.values())
        self._shelf.nodes = {node: held for node, held in self._shelf.nodes.items() if node in nodes}
        self._shelf.pieces = {digest: held for digest, held in self._shelf.pieces.items() if digest in pieces}

    def _bytes(self, calls: Iterable[_Call]) -> int:
        calls = list(calls)
        _, pieces = self._reached(calls)
        return sum(len(self._shelf.pieces[digest]) for digest in pieces) + sum(map(_own_bytes, calls))

    def verify(self, progress: Progress | None = None) -> Verification:
        """Hashes every piece and node again, and joins every body."""
        shelf = self._shelf
        with shelf.lock:
            nodes, pieces = self._reached(shelf.calls.values())
            bodies = [(ref, call, key) for ref, call in shelf.calls.items() for key in call.bodies]
            damaged = [
                Damage("/".join(ref), describe(key)) for ref, call, key in bodies if self._load(call, key) is None
            ]
            result = Verification(
                calls=len(shelf.calls),
                bodies=len(bodies),
                pieces=len(shelf.pieces),
                nodes=len(shelf.nodes),
                damaged=tuple(damaged),
                damaged_pieces=sum(not _is_sound(digest, packed) for digest, packed in shelf.pieces.items()),
                damaged_nodes=sum(chain.node_hash(*made) != node for node, made in shelf.nodes.items()),
                orphan_pieces=len(shelf.pieces.keys() - pieces),
                orphan_nodes=len(shelf.nodes.keys() - nodes),
            )
        if progress is not None:
            total = result.pieces + result.nodes + result.bodies
            progress(total, total)
        return result

    def stats(self) -> StoreStats:
        """How much there is; the bytes are those of what is kept, packed."""
        with self._shelf.lock:
            starts = [call.summary.started_at for call in self._shelf.calls.values()]
            size = self._bytes(self._shelf.calls.values())
            pieces = len(self._shelf.pieces)
        return StoreStats(len(starts), pieces, size, min(starts, default=None), max(starts, default=None))

    def close(self) -> None:
        """Nothing is held open."""

    def _writable(self) -> None:
        if self._read_only:
            message = f"cannot write to {self.url!r}: it was opened read-only"
            raise StoreError(message)


def _frame(key: Key, body: bytes) -> Frame:
    return chain.split(body) if key.kind == "request" else chain.whole(body)


def _prunable(rule: PruneRule, call: Summary) -> bool:
    return (
        rule.trace_id in (None, call.trace_id)
        and rule.workflow_id in (None, call.workflow_id)
        and not (rule.keep_errors and call.state in ERROR_STATES)
    )


def _own_bytes(call: _Call) -> int:
    """What a call takes beside its pieces."""
    inline = (len(s.data) for body in call.bodies.values() for s in body if isinstance(s, Literal))
    return sum(len(part.meta) for part in call.parts.values()) + sum(inline)


def _is_sound(digest: bytes, packed: bytes) -> bool:
    try:
        return piece.digest(piece.unpack(packed)) == digest
    except ValueError:
        return False
