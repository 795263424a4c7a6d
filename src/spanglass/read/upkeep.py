"""Looking after a store: deleting what is too old or too much, and checking that what is there is what was put in.

Invariant: what is journaled is in the store before anything is deleted, so nothing of a deleted call comes after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanglass.errors import ConfigurationError
from spanglass.read.reader import current_reader
from spanglass.store import PruneRule, open_store

if TYPE_CHECKING:
    from spanglass.read.reader import Reader
    from spanglass.store import Pruned, Verification
    from spanglass.store.base import Progress

_SECOND = 10**9


def prune_store(reader: Reader, rule: PruneRule) -> Pruned:
    """Deletes what a rule lets go from the store of a reader, or says what would go.

    Raises:
        StoreError: the store is missing, cannot be read, or (without ``dry_run``) cannot be written.
    """
    reader.find(limit=1)
    store = open_store(reader.settings.store, read_only=rule.dry_run, create=False)
    try:
        return store.prune(rule)
    finally:
        store.close()


def verify_store(reader: Reader, progress: Progress | None = None) -> Verification:
    """Checks the store of a reader; it only reads, and drains no journal.

    Args:
        reader: whose store.
        progress: told how many of how many things are checked.

    Raises:
        StoreError: the store is missing, or is damaged so that it cannot be read through.
    """
    store = open_store(reader.settings.store, read_only=True, create=False)
    try:
        return store.verify(progress)
    finally:
        store.close()


def prune(
    *,
    older_than_s: float | None = None,
    max_bytes: int | None = None,
    keep_errors: bool = False,
    workflow_id: str | None = None,
    trace_id: str | None = None,
    dry_run: bool = False,
) -> Pruned:
    """Deletes calls, and the parts of payloads that no other call shares.

    Args:
        older_than_s: those that started more than so many seconds ago.
        max_bytes: the oldest that have ended, until the store takes no more than this.
        keep_errors: spare calls that failed or were killed.
        workflow_id: only calls of this workflow; with neither an age nor a size, all of them.
        trace_id: only calls of this trace, likewise.
        dry_run: delete nothing, and say what would go; for ``max_bytes`` about.

    Returns:
        How many calls went, and how many bytes of payload with them.

    Raises:
        ConfigurationError: it does not say what is to go, or an age or size below zero.
        StoreError: the store is missing or cannot be written.
    """
    if (older_than_s or 0) < 0 or (max_bytes or 0) < 0:
        message = f"an age or a size cannot be below zero: {older_than_s if (older_than_s or 0) < 0 else max_bytes}"
        raise ConfigurationError(message)
    age = None if older_than_s is None else int(older_than_s * _SECOND)
    rule = PruneRule(age, max_bytes, keep_errors, trace_id, workflow_id, dry_run)
    if not rule.by_selection and max_bytes is None:
        message = "it must say what is to go: calls of an age, a size of the store, a workflow or a trace"
        raise ConfigurationError(message)
    return prune_store(current_reader(), rule)


def prune_older_than(
    *,
    days: float = 0,
    hours: float = 0,
    seconds: float = 0,
    keep_errors: bool = False,
    workflow_id: str | None = None,
    dry_run: bool = False,
) -> Pruned:
    """Deletes the calls that started longer ago than this; ages add up.

    Args:
        days: the age, with
        hours: these on top, and
        seconds: these.
        keep_errors: spare calls that failed or were killed.
        workflow_id: only calls of this workflow.
        dry_run: delete nothing, and say what would go.

    Raises:
        ConfigurationError: no age is given.
        StoreError: the store is missing or cannot be written.
    """
    age = days * 86_400 + hours * 3600 + seconds
    if age <= 0:
        message = "prune_older_than() takes days=, hours= or seconds= above zero"
        raise ConfigurationError(message)
    return prune(older_than_s=age, keep_errors=keep_errors, workflow_id=workflow_id, dry_run=dry_run)
