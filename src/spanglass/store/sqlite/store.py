"""`SqliteStore`: entries into rows, rows into records.

Invariant: a batch is one transaction; what a reader sees of a span is a function of the entries that are in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.store import merge, piece
from spanglass.store.base import StoreStats
from spanglass.store.part import Key, Ref, better, gather, read_part
from spanglass.store.sqlite import call as rows
from spanglass.store.sqlite import retention, search, verification
from spanglass.store.sqlite.body import Bodies, hash_body
from spanglass.store.sqlite.file import BUSY_TIMEOUT_S, File

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from spanglass.model.entry import Entry
    from spanglass.model.record import Record, Summary
    from spanglass.store.base import Progress, Pruned, PruneRule, Query, Verification
    from spanglass.store.part import Load, Part, Parts
    from spanglass.store.sqlite.body import Hashed


class SqliteStore:
    """The store ``sqlite:///path``: safe between threads, between processes, and across a fork.

    Args:
        url: see `spanglass.store.open_store`, as for the errors raised.
        read_only: never write.
        create: make the file when it is not there.
        busy_timeout_s: how long to wait for another process that writes.
    """

    def __init__(
        self, url: str, *, read_only: bool = False, create: bool = True, busy_timeout_s: float = BUSY_TIMEOUT_S
    ) -> None:
        self.url = url
        self._file = File(url, read_only=read_only, create=create, busy_timeout_s=busy_timeout_s)

    def put_many(self, entries: Sequence[Entry]) -> None:
        """Merges entries into the records of their spans: one transaction, idempotent, in any order."""
        batch = gather(entries)
        hashed = {at: hash_body(at[1], body) for at, body in batch.bodies.items()}
        with self._file.reading() as connection:
            packed = Bodies(connection).pack_new(hashed.values())
        with self._file.writing() as connection:
            connection.executemany("INSERT OR IGNORE INTO gone VALUES (?)", [(owner,) for owner in batch.exits])
            for ref, parts in batch.parts.items():
                of_span = {key: hashed[ref, key] for key in parts if (ref, key) in hashed}
                _Span(connection, ref, Bodies(connection, packed)).merge(parts, of_span, batch.bodies.get)
            for owner in batch.exits:
                query = "SELECT trace_id, span_id FROM call WHERE owner = ? AND state = 'started'"
                for row in connection.execute(query, (owner,)).fetchall():
                    _Span(connection, Ref(*row), Bodies(connection)).summarize_again()

    def get(self, trace_id: str, span_id: str) -> Record | None:
        """The record of a span, with its bodies."""
        with self._file.reading() as connection:
            span = _Span(connection, Ref(trace_id, span_id), Bodies(connection))
            summary = span.summary()
            return None if summary is None else merge.make_record(summary, span.parts, span.load, span.lost)

    def envelope(self, trace_id: str, span_id: str) -> bytes | None:
        """The body of the span's envelope."""
        with self._file.reading() as connection:
            span = _Span(connection, Ref(trace_id, span_id), Bodies(connection))
            return merge.envelope_body(span.parts, span.load)

    def resolve(self, trace_prefix: str | None, span_prefix: str, limit: int = 20) -> list[Summary]:
        """The calls whose ids begin so, newest first."""
        with self._file.reading() as connection:
            # The plus keeps SQLite from walking all calls by their time.
            return _select(connection, rows.beginning(trace_prefix, span_prefix), "+started_at DESC, id DESC", limit)

    def find(self, query: Query) -> list[Summary]:
        """The calls that answer to the query, newest first."""
        condition = rows.matching(query)
        with self._file.reading() as connection:
            if query.text is not None:
                condition = search.narrow(connection, condition, query.text)
            if query.model is not None:
                condition = rows.of_model(condition, query.model, query.limit)
            return _select(connection, condition, "started_at DESC, id DESC", query.limit)

    def prune(self, rule: PruneRule) -> Pruned:
        """Deletes calls, and the pieces that no window needs any more, a slice at a time."""
        return retention.foresee(self._file, rule) if rule.dry_run else retention.prune(self._file, rule)

    def verify(self, progress: Progress | None = None) -> Verification:
        """Hashes every piece and node again, and joins every body."""
        return verification.verify(self._file, progress)

    def stats(self) -> StoreStats:
        """How much there is; the bytes are those of the file's pages in use."""
        with self._file.reading() as connection:
            query = "SELECT count(*), (SELECT count(*) FROM piece), min(started_at), max(started_at) FROM call"
            calls, pieces, oldest, newest = connection.execute(query).fetchone()
            return StoreStats(calls, pieces, retention.bytes_used(connection), oldest, newest)

    def close(self) -> None:
        """Closes the file; the next use opens it again."""
        self._file.close()


class _Span:
    """One span within a transaction: its parts as they are kept, and as a batch changes them."""

    def __init__(self, connection: sqlite3.Connection, ref: Ref, bodies: Bodies) -> None:
        self._connection = connection
        self._ref = ref
        self._bodies = bodies
        found = connection.execute("SELECT id FROM call WHERE span_id = ? AND trace_id = ?", ref[::-1]).fetchone()
        self._id: int | None = found and int(found[0])
        self._rows: dict[Key, int] = {}
        self.parts: dict[Key, Part] = {}
        self.lost: list[Key] = []
        if self._id is None:
            return
        query = "SELECT id, kind, number, meta, digest, size FROM part WHERE call = ? ORDER BY kind, number"
        for row, kind, number, meta, digest, size in connection.execute(query, (self._id,)):
            key = Key(kind, number)
            self._rows[key] = row
            try:
                self.parts[key] = read_part(kind, piece.unpack(meta), digest, size)
            except ValueError:  # to a batch it is as good as absent: what comes next takes its place
                self.lost.append(key)

    def summary(self) -> Summary | None:
        """The line about the span, or None when nothing is known of it."""
        found = self._connection.execute(f"SELECT {rows.SELECT} FROM call WHERE id = ?", (self._id,)).fetchone()  # noqa: S608
        return found and rows.from_row(found)

    def load(self, key: Key) -> bytes | None:
        """A body as it is kept."""
        digest = self.parts[key].digest
        return None if digest is None else self._bodies.get(self._rows[key], digest)

    def merge(
        self,
        parts: Parts,
        hashed: dict[Key, list[Hashed]],
        new_body: Callable[[tuple[Ref, Key]], bytes | None],
    ) -> None:
        """Takes in new versions of parts, where they are better than what is kept."""
        changed = {key: part for key, part in parts.items() if self._improves(key, part)}
        if not changed:
            return
        self.parts.update(changed)
        self._summarize(lambda key: new_body((self._ref, key)) if key in changed else self.load(key))
        for key, part in changed.items():
            self._write(key, part, hashed.get(key))

    def summarize_again(self) -> None:
        """Makes the line about the span anew, after something beside its parts has changed."""
        self._summarize(self.load)

    def _improves(self, key: Key, part: Part) -> bool:
        kept = self.parts.get(key)
        return kept is None or better(kept, part) is not kept

    def _summarize(self, load: Load) -> None:
        owner = merge.owner_of(self.parts)
        gone = self._connection.execute("SELECT 1 FROM gone WHERE owner = ?", (owner,)).fetchone()
        row = rows.to_row(merge.summarize(*self._ref, self.parts, load, owner_gone=gone is not None), owner)
        try:
            self._put(row)
        except OverflowError:
            self._put(rows.bounded(row))

    def _put(self, row: tuple[Any, ...]) -> None:
        if self._id is None:
            self._id = self._connection.execute(rows.INSERT, row).lastrowid
        else:
            self._connection.execute(rows.UPDATE, (*row, self._id))

    def _write(self, key: Key, part: Part, body: list[Hashed] | None) -> None:
        values: tuple[Any, ...] = (piece.pack(part.meta), part.digest, part.size)
        if key in self._rows:
            row: int | None = self._rows[key]
            self._bodies.release([self._rows[key]])
            self._connection.execute("UPDATE part SET meta = ?, digest = ?, size = ? WHERE id = ?", (*values, row))
        else:
            insert = "INSERT INTO part (call, kind, number, meta, digest, size) VALUES (?, ?, ?, ?, ?, ?)"
            row = self._connection.execute(insert, (self._id, *key, *values)).lastrowid
        if body is not None and row is not None:
            self._rows[key] = row
            self._bodies.put(row, body)


def _select(connection: sqlite3.Connection, condition: rows.Where, order: str, limit: int) -> list[Summary]:
    query = f"SELECT {rows.SELECT} FROM call WHERE {condition.sql} ORDER BY {order} LIMIT ?"  # noqa: S608 - SQL of ours, values bound
    return [rows.from_row(row) for row in connection.execute(query, (*condition.values, limit))]
