"""From a decoded OTLP request to the store.

Invariant: when `Intake.take` returns, the store has every entry that it does not tell of as rejected, and chunks that
wait for others are on disk; otherwise it raises and the sender sends again, which changes nothing that was put before.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from spanglass import guard
from spanglass.errors import StoreBusy, StoreError
from spanglass.redact import Redactor
from spanglass.server import foreign
from spanglass.server.decoding import NotOtlp
from spanglass.server.depot import Depot
from spanglass.server.parcels import is_parcel, read_chunk, still_on_its_way
from spanglass.store import PruneRule, open_store
from spanglass.store.parcel import unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.model.entry import Entry
    from spanglass.server.config import ServerConfig
    from spanglass.server.decoding import Item, Signal
    from spanglass.server.metrics import Metrics
    from spanglass.store import Store

_LOG = logging.getLogger("spanglass")
_ENTRY_FAULTS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError, RecursionError)
_NAMED = 3


@dataclass(slots=True)
class Taken:
    """What became of the items of a request."""

    stored: int = 0
    ignored: int = 0
    rejected: int = 0
    reasons: list[str] = field(default_factory=list)

    def reject(self, why: str) -> None:
        """Counts an item that is not taken; the first few reasons are told."""
        self.rejected += 1
        if len(self.reasons) < _NAMED and why not in self.reasons:
            self.reasons.append(why)


@dataclass(slots=True)
class _Batch:
    """Entries of a request, and the parcels that they are the contents of."""

    entries: list[Entry] = field(default_factory=list)
    parcels: list[str] = field(default_factory=list)
    previews: list[Entry] = field(default_factory=list)


class _Refused(NamedTuple):
    entry: Entry
    why: Exception


class Intake:
    """Puts what arrives into the store.

    Args:
        config: which store, what is masked, what is taken.
        metrics: counts what arrives.
    """

    def __init__(self, config: ServerConfig, metrics: Metrics) -> None:
        settings = config.settings
        self._settings = settings
        self._metrics = metrics
        self._most_bytes = config.max_request_bytes
        self._redactor = Redactor(
            keys=settings.redact_keys, patterns=settings.redact_patterns, cache_dir=settings.state_dir
        )
        self._depot = Depot(settings.state_dir / "server" / "parcels", max_bytes=settings.journal_max_bytes)
        self._lock = threading.Lock()
        self._store: Store | None = None

    def take(self, items: Sequence[Item], signal: Signal) -> Taken:
        """Puts the items of one request.

        Raises:
            StoreBusy: nothing can be written now.
        """
        batch, taken = _Batch(), Taken()
        for item in items:
            self._add(item, signal, batch, taken)
        self._put(batch, taken)
        for digest in batch.parcels:
            self._depot.finish(digest)
        return taken

    def _add(self, item: Item, signal: Signal, batch: _Batch, taken: Taken) -> None:
        try:
            known = self._add_span(item, batch) if signal == "traces" else self._add_log_record(item, batch)
        except ValueError as why:
            taken.reject(str(why))
        except OSError as why:
            message = f"chunks cannot be kept: {why.strerror or why}"
            raise StoreBusy(message) from why
        except Exception as why:  # noqa: BLE001 - one item that we cannot read must not hold up the others for ever
            guard.absorb("server.item", why)
            taken.reject(f"a fault of spanglass itself: {type(why).__name__}")
        else:
            taken.stored += known
            taken.ignored += not known

    def _add_span(self, item: Item, batch: _Batch) -> bool:
        if not foreign.is_about_a_model(item):
            return False
        entries = foreign.entries_of_span(item, self._redactor)
        if not (entries[0].trace_id and entries[0].span_id):
            message = "a span without ids"
            raise NotOtlp(message)
        batch.entries.append(entries[0])
        batch.previews += entries[1:]
        return True

    def _add_log_record(self, item: Item, batch: _Batch) -> bool:
        if is_parcel(item):
            self._add_chunk(item, batch)
            return True
        if foreign.is_event_of_a_model(item):
            batch.entries.append(foreign.entry_of_event(item, self._redactor))
            return True
        return False

    def _add_chunk(self, item: Item, batch: _Batch) -> None:
        chunk = read_chunk(item)
        slices = [chunk.data] if chunk.count == 1 else self._depot.add(chunk)
        if slices is None:
            batch.entries += still_on_its_way(chunk)
            return
        try:
            batch.entries.append(unpack(chunk.kind, chunk.digest, slices, self._most_bytes))
        except ValueError:
            self._depot.discard(chunk.digest)
            raise
        if chunk.count > 1:
            batch.parcels.append(chunk.digest)

    def _put(self, batch: _Batch, taken: Taken) -> None:
        entries = batch.entries
        try:
            store = self._opened()
            entries += (entry for entry in batch.previews if not _is_known(store, entry))
            if entries:
                self._count(entries, _put_all(entries, store), taken)
        except StoreError as why:
            self.close()
            raise StoreBusy(str(why)) from why

    def _count(self, entries: Sequence[Entry], refused: list[_Refused], taken: Taken) -> None:
        for entry, why in refused:
            guard.absorb("server.put", why)
            taken.stored -= 1
            taken.reject(f"the store does not take an entry of kind {entry.kind}: {type(why).__name__}")
        kinds = Counter(entry.kind for entry in entries)
        kinds.subtract(entry.kind for entry, _ in refused)
        for kind, number in kinds.items():
            self._metrics.count("spanglass_entries_total", number, kind=kind)

    def check(self) -> None:
        """Finds out whether the store can be written now.

        Raises:
            StoreError: it cannot.
        """
        self._opened().put_many([])

    def tend(self) -> None:
        """What is done now and then: keeping the store within its retention, and giving up what waits too long."""
        self._redactor.text("")  # the first time it compiles its expressions, which is better done before anyone waits
        self._metrics.count("spanglass_parcels_lost_total", self._depot.tend())
        self._metrics.parcels_waiting = self._depot.waiting()
        age_s, size_bytes = self._settings.retention
        if age_s is not None or size_bytes is not None:
            age_ns = None if age_s is None else int(age_s * 1_000_000_000)
            self._opened().prune(PruneRule(older_than_ns=age_ns, max_bytes=size_bytes))

    def close(self) -> None:
        """Closes the store; the next use opens it again."""
        with self._lock:
            store, self._store = self._store, None
        if store is not None:
            store.close()

    def _opened(self) -> Store:
        with self._lock:
            if self._store is None:
                self._store = open_store(self._settings.store)
            return self._store


def _is_known(store: Store, entry: Entry) -> bool:
    """Whether the record of the span has come already, so that previews of it are of no use."""
    found = store.resolve(entry.trace_id, entry.span_id, 1)
    return bool(found and found[0].attempt_count)


def _put_all(entries: Sequence[Entry], store: Store) -> list[_Refused]:
    """Puts entries; gives back those that the store will never take, found by halving."""
    try:
        store.put_many(entries)
    except StoreError:
        raise
    except _ENTRY_FAULTS as why:
        if len(entries) == 1:
            return [_Refused(entries[0], why)]
        half = len(entries) // 2
        return _put_all(entries[:half], store) + _put_all(entries[half:], store)
    return []
