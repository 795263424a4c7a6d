"""Where records live: `open_store` gives a `Store`, whatever the engine behind the url.

Invariant: importing the room imports no database driver and no compressor.
"""

from __future__ import annotations

from spanglass.store.base import (
    Damage,
    Pruned,
    PruneRule,
    Query,
    Store,
    StoreStats,
    Verification,
    open_store,
    without_userinfo,
)

__all__ = [
    "Damage",
    "PruneRule",
    "Pruned",
    "Query",
    "Store",
    "StoreStats",
    "Verification",
    "open_store",
    "without_userinfo",
]
