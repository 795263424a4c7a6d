"""Pruning, beside live writers.

Invariant: calls go in slices, each a transaction of its own that also collects what the slice no longer needs; so the
store is whole at every moment, and between two slices the lock is free for as long as the slice held it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from spanglass.store.base import Pruned, PruneRule
from spanglass.store.sqlite import call as rows
from spanglass.store.sqlite.body import Bodies

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from spanglass.store.sqlite.call import Where
    from spanglass.store.sqlite.file import File

_SLICE = 64
_PAGES = 1024
_LONGEST_PAUSE_S = 0.1

_FORESEE = """
    WITH RECURSIVE
    doomed_part (id) AS (SELECT id FROM part WHERE call IN (SELECT id FROM temp.doomed)),
    kept_segment (piece, node) AS (SELECT piece, node FROM segment WHERE part NOT IN (SELECT id FROM doomed_part)),
    kept_node (id, parent, piece) AS (
        SELECT id, parent, piece FROM node WHERE id IN (SELECT node FROM kept_segment)
        UNION
        SELECT node.id, node.parent, node.piece FROM kept_node JOIN node ON node.id = kept_node.parent
    ),
    kept_piece (id) AS (
        SELECT piece FROM kept_node UNION SELECT piece FROM kept_segment WHERE piece IS NOT NULL
    ),
    lost (size) AS (SELECT length(data) FROM piece WHERE id NOT IN (SELECT id FROM kept_piece))
    SELECT
        (SELECT count(*) FROM temp.doomed),
        (SELECT count(*) FROM lost),
        (SELECT coalesce(sum(size), 0) FROM lost)
        + (SELECT coalesce(sum(length(meta)), 0) FROM part WHERE id IN (SELECT id FROM doomed_part))
        + (SELECT coalesce(sum(length(data)), 0) FROM segment WHERE part IN (SELECT id FROM doomed_part))
"""


def bytes_used(connection: sqlite3.Connection) -> int:
    """The bytes of the pages in use; free pages are written again before the file grows."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def prune(file: File, rule: PruneRule) -> Pruned:
    """Deletes what the rule lets go, oldest first, and gives free pages back to the file system."""
    now = time.time_ns()
    pruned = Pruned()
    if rule.by_selection:
        condition = rows.prunable(rule, now, ended=False)
        pruned += _in_slices(lambda: _delete_slice(file, condition, lambda _: _SLICE))
    if rule.max_bytes is not None:
        bound, spared = rule.max_bytes, rows.prunable(rule, now, ended=True)
        pruned += _in_slices(
            lambda: _delete_slice(file, spared, lambda connection: min(_excess(connection, bound), _SLICE))
        )
    if pruned.calls:
        _shrink(file)
    return pruned


def _in_slices(delete: Callable[[], Pruned]) -> Pruned:
    pruned = Pruned()
    while True:
        began = time.monotonic()
        gone = delete()
        if not gone.calls:
            return pruned
        pruned += gone
        _give_way(began)


def _give_way(began: float) -> None:
    """Leaves the lock to others for as long as we had it."""
    time.sleep(min(time.monotonic() - began, _LONGEST_PAUSE_S))


def _delete_slice(file: File, condition: Where, how_many: Callable[[sqlite3.Connection], int]) -> Pruned:
    with file.writing() as connection:
        query = f"SELECT id FROM call WHERE {condition.sql} ORDER BY started_at, id LIMIT ?"  # noqa: S608 - values bound
        calls = [row[0] for row in connection.execute(query, (*condition.values, how_many(connection)))]
        return sum((_delete_call(connection, call) for call in calls), Pruned())


def _delete_call(connection: sqlite3.Connection, call: int) -> Pruned:
    parts = connection.execute("SELECT id, length(meta) FROM part WHERE call = ?", (call,)).fetchall()
    freed = Bodies(connection).release(part for part, _ in parts)
    connection.execute("DELETE FROM part WHERE call = ?", (call,))
    connection.execute("DELETE FROM call WHERE id = ?", (call,))
    return freed + Pruned(calls=1, bytes=sum(size for _, size in parts))


def _excess(connection: sqlite3.Connection, max_bytes: int) -> int:
    """About how many calls of average size the store is too large by: at least one while it is."""
    used = bytes_used(connection)
    if used <= max_bytes:
        return 0
    calls = int(connection.execute("SELECT count(*) FROM call").fetchone()[0])
    return max(1, calls * (used - max_bytes) // used)


def _shrink(file: File) -> None:
    """Free pages at the end of the file go back; in steps, like the rest."""
    while True:
        began = time.monotonic()
        with file.reading() as connection:
            free = int(connection.execute("PRAGMA freelist_count").fetchone()[0])
        if free == 0:
            return
        file.shrink(_PAGES)
        with file.reading() as connection:
            if int(connection.execute("PRAGMA freelist_count").fetchone()[0]) >= free:
                return
        _give_way(began)


def foresee(file: File, rule: PruneRule) -> Pruned:
    """What `prune` would delete; it only reads, so it keeps nobody waiting."""
    now = time.time_ns()
    with file.reading() as connection:
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS doomed (id INTEGER PRIMARY KEY)")
        connection.execute("DELETE FROM temp.doomed")
        if rule.by_selection:
            _doom(connection, rows.prunable(rule, now, ended=False), -1)
        if rule.max_bytes is not None:
            already = int(connection.execute("SELECT count(*) FROM temp.doomed").fetchone()[0])
            more = _excess(connection, rule.max_bytes) - already
            _doom(connection, rows.prunable(rule, now, ended=True), max(more, 0))
        return Pruned(*connection.execute(_FORESEE).fetchone())


def _doom(connection: sqlite3.Connection, condition: Where, limit: int) -> None:
    connection.execute(
        "INSERT INTO temp.doomed SELECT id FROM call "  # noqa: S608 - SQL of ours, values bound
        f"WHERE {condition.sql} AND id NOT IN (SELECT id FROM temp.doomed) ORDER BY started_at, id LIMIT ?",
        (*condition.values, limit),
    )
