"""The store for one machine: an SQLite file, with no server and no set-up."""

from __future__ import annotations

from spanglass.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
