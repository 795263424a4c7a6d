"""Checking that what comes out of the file is what was put in.

Invariant: it only reads, a batch at a time, so that it runs beside live writers; what is pruned meanwhile is no damage.
"""

from __future__ import annotations

from itertools import chain as chained
from typing import TYPE_CHECKING, Any

from spanglass.store import piece
from spanglass.store.base import Damage, Verification
from spanglass.store.chain import ROOT, node_hash
from spanglass.store.part import Key, describe, read_part
from spanglass.store.sqlite.body import Bodies

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from spanglass.store.base import Progress
    from spanglass.store.sqlite.file import File

_BATCH = 256

_PIECES = "SELECT id, digest, data FROM piece WHERE id > ? ORDER BY id LIMIT ?"
_NODES = """
    SELECT node.id, node.hash, node.parent, parent.hash, piece.digest FROM node
    LEFT JOIN node AS parent ON parent.id = node.parent LEFT JOIN piece ON piece.id = node.piece
    WHERE node.id > ? ORDER BY node.id LIMIT ?
"""
_PARTS = """
    SELECT part.id, part.meta, part.digest, call.trace_id, call.span_id, part.kind, part.number
    FROM part JOIN call ON call.id = part.call WHERE part.id > ? ORDER BY part.id LIMIT ?
"""
_ORPHANS = """
    WITH RECURSIVE needed (id, parent, piece) AS (
        SELECT id, parent, piece FROM node WHERE id IN (SELECT node FROM segment)
        UNION
        SELECT node.id, node.parent, node.piece FROM needed JOIN node ON node.id = needed.parent
    )
    SELECT
        (SELECT count(*) FROM node WHERE id NOT IN (SELECT id FROM needed)),
        (SELECT count(*) FROM piece WHERE id NOT IN (SELECT piece FROM needed)
            AND id NOT IN (SELECT piece FROM segment WHERE piece IS NOT NULL))
"""
_TOTALS = """
    SELECT (SELECT count(*) FROM call), (SELECT count(*) FROM part WHERE digest IS NOT NULL),
        (SELECT count(*) FROM part),
        (SELECT count(*) FROM piece), (SELECT count(*) FROM node)
"""


def verify(file: File, progress: Progress | None = None) -> Verification:
    """Hashes every piece and node again, reads every entry, joins every body, and counts what no window needs."""
    with file.reading() as connection:
        calls, bodies, parts, pieces, nodes = connection.execute(_TOTALS).fetchone()
        orphan_nodes, orphan_pieces = connection.execute(_ORPHANS).fetchone()
    counted = _Count(progress, parts + pieces + nodes)
    bad_pieces = counted.faults(_walk(file, _PIECES, _check_piece))
    bad_nodes = counted.faults(_walk(file, _NODES, _check_node))
    damaged = counted.faults(_walk(file, _PARTS, _check_part))
    return Verification(
        calls=calls,
        bodies=bodies,
        pieces=pieces,
        nodes=nodes,
        damaged=tuple(fault for fault in damaged if isinstance(fault, Damage)),
        damaged_pieces=len(bad_pieces),
        damaged_nodes=len(bad_nodes),
        orphan_pieces=orphan_pieces,
        orphan_nodes=orphan_nodes,
    )


class _Count:
    """How far a verification is."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def faults(self, batches: Iterator[list[Any]]) -> list[Any]:
        """What the checks found, batch by batch, saying after each how far we are."""
        return list(chained.from_iterable(self._told(batch) for batch in batches))

    def _told(self, batch: list[Any]) -> list[Any]:
        self._done += len(batch)
        if self._progress is not None:
            self._progress(min(self._done, self._total), self._total)
        return [fault for fault in batch if fault is not None]


def _walk(
    file: File, query: str, check: Callable[[sqlite3.Connection, tuple[Any, ...]], object]
) -> Iterator[list[object]]:
    """The checks of all rows, a batch at a time, each batch in a transaction of its own."""
    last = 0
    while True:
        with file.reading() as connection:
            found = connection.execute(query, (last, _BATCH)).fetchall()
            checked = [check(connection, row) for row in found]
        if not found:
            return
        last = found[-1][0]
        yield checked


def _check_piece(_: sqlite3.Connection, row: tuple[Any, ...]) -> object:
    ident, digest, packed = row
    try:
        return None if piece.digest(piece.unpack(packed)) == digest else ident
    except ValueError:
        return ident


def _check_node(_: sqlite3.Connection, row: tuple[Any, ...]) -> object:
    ident, own, parent, parent_hash, digest = row
    before = ROOT if parent is None else parent_hash
    return None if before and digest and node_hash(before, digest) == own else ident


def _check_part(connection: sqlite3.Connection, row: tuple[Any, ...]) -> object:
    part, meta, digest, trace_id, span_id, kind, number = row
    what = describe(Key(kind, number))
    try:
        read_part(kind, piece.unpack(meta), digest, 0)
    except ValueError:
        return Damage(f"{trace_id}/{span_id}", f"entry about the {what}")
    if digest is None or Bodies(connection).get(part, digest) is not None:
        return None
    return Damage(f"{trace_id}/{span_id}", what)
