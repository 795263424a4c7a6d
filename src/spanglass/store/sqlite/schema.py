"""The tables, as numbered migrations.

Invariant: a migration that was released is never changed; ``PRAGMA user_version`` is how many of them a file has seen,
and ``PRAGMA application_id`` tells a store from any other database.

A *call* is one span, its columns a summary of its *parts*: one row for each entry that `merge` keeps. A part's body is
its *segments* in their order: packed bytes, a *piece*, or the last *node* of a chain. A node is a piece behind its
parent; ids grow from parent to child. What a row needs cannot be deleted (foreign keys), so that pruning is safe
whatever it believes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

#: "sgls".
APPLICATION_ID = 0x73676C73

_FIRST = (
    """
    CREATE TABLE call (
        id INTEGER PRIMARY KEY,
        trace_id TEXT NOT NULL,
        span_id TEXT NOT NULL,
        parent_span_id TEXT,
        name TEXT NOT NULL,
        service TEXT NOT NULL,
        state TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        ended_at INTEGER,
        workflow_id TEXT,
        step_name TEXT,
        step_attempt INTEGER,
        format TEXT NOT NULL,
        provider TEXT,
        operation TEXT,
        request_model TEXT,
        response_model TEXT,
        response_id TEXT,
        finish_reasons TEXT NOT NULL,
        input_tokens INTEGER,
        output_tokens INTEGER,
        cache_read_input_tokens INTEGER,
        cache_write_input_tokens INTEGER,
        reasoning_output_tokens INTEGER,
        error_type TEXT,
        error_message TEXT,
        attempt_count INTEGER NOT NULL,
        redactions INTEGER NOT NULL,
        missing TEXT NOT NULL,
        owner TEXT NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX call_span ON call (span_id, trace_id)",
    "CREATE INDEX call_trace ON call (trace_id, started_at)",
    "CREATE INDEX call_started_at ON call (started_at)",
    "CREATE INDEX call_workflow ON call (workflow_id, step_name, started_at) WHERE workflow_id IS NOT NULL",
    "CREATE INDEX call_state ON call (state, started_at)",
    "CREATE INDEX call_request_model ON call (request_model, started_at) WHERE request_model IS NOT NULL",
    "CREATE INDEX call_response_model ON call (response_model, started_at) WHERE response_model IS NOT NULL",
    "CREATE INDEX call_owner ON call (owner) WHERE state = 'started'",
    """
    CREATE TABLE part (
        id INTEGER PRIMARY KEY,
        call INTEGER NOT NULL REFERENCES call (id),
        kind TEXT NOT NULL,
        number INTEGER NOT NULL,
        meta BLOB NOT NULL,
        digest BLOB,
        size INTEGER NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX part_call ON part (call, kind, number)",
    """
    CREATE TABLE piece (
        id INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE,
        data BLOB NOT NULL
    )
    """,
    """
    CREATE TABLE node (
        id INTEGER PRIMARY KEY,
        hash BLOB NOT NULL UNIQUE,
        parent INTEGER REFERENCES node (id),
        piece INTEGER NOT NULL REFERENCES piece (id)
    )
    """,
    "CREATE INDEX node_parent ON node (parent) WHERE parent IS NOT NULL",
    "CREATE INDEX node_piece ON node (piece)",
    """
    CREATE TABLE segment (
        part INTEGER NOT NULL REFERENCES part (id),
        position INTEGER NOT NULL,
        data BLOB,
        piece INTEGER REFERENCES piece (id),
        node INTEGER REFERENCES node (id),
        PRIMARY KEY (part, position)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX segment_piece ON segment (piece) WHERE piece IS NOT NULL",
    "CREATE INDEX segment_node ON segment (node) WHERE node IS NOT NULL",
    "CREATE TABLE gone (owner TEXT PRIMARY KEY) WITHOUT ROWID",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST,)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Brings a file up to the newest version, in one transaction; does nothing when it is, or is newer."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        for statements in migrations[version:]:
            for statement in statements:
                connection.execute(statement)
        if version < len(migrations):
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
