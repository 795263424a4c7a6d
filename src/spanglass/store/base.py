"""What a store is: the protocol that every engine keeps, what is asked of it, and `open_store`.

Invariant: a store is a function of the set of entries put into it. Order and repetition change nothing, so whoever is
not sure whether a batch arrived puts it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from spanglass.errors import ConfigurationError
from spanglass.model.step import FORMAT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spanglass.model.entry import Entry
    from spanglass.model.record import Record, State, Summary

    #: Told how many of how many things are done.
    Progress = Callable[[int, int], None]

#: What `PruneRule.keep_errors` keeps.
ERROR_STATES: tuple[State, ...] = ("error", "killed")

_SUPPORTED = (
    "sqlite:///path (one machine), memory:// or memory://name (within one process), and otlp+http://host:port (on to "
    "a spanglass server)"
)


@dataclass(frozen=True, slots=True)
class Query:
    """Which calls to find; what is None does not restrict.

    Args:
        trace_id, workflow_id, step_name, state, provider: equal to this.
        model: equal to the requested or to the answering model.
        since, until: started at or after, and before, in ns since the epoch.
        text: occurs, letter for letter, in a request, an answer, a step's data, the upstream context or the error. A
            text that runs over the border of two messages, or of two events of a stream, is not seen.
        operations: also the records of operations, which have steps and are no calls.
        limit: at most so many, the newest.
    """

    trace_id: str | None = None
    workflow_id: str | None = None
    step_name: str | None = None
    state: State | None = None
    model: str | None = None
    provider: str | None = None
    since: int | None = None
    until: int | None = None
    text: str | None = None
    operations: bool = True
    limit: int = 100

    def matches(self, call: Summary) -> bool:
        """Whether a call answers to everything but ``text`` and ``limit``."""
        equal = ("trace_id", "workflow_id", "step_name", "state", "provider")
        return (
            all(getattr(self, name) in (None, getattr(call, name)) for name in equal)
            and self.model in (None, call.request_model, call.response_model)
            and (self.since is None or call.started_at >= self.since)
            and (self.until is None or call.started_at < self.until)
            and (self.operations or call.format != FORMAT)
        )


@dataclass(frozen=True, slots=True)
class PruneRule:
    """What to delete. A rule that says nothing deletes nothing.

    Args:
        older_than_ns: calls that started more than so many ns ago.
        max_bytes: the oldest calls that have ended, until the store takes no more than this.
        keep_errors: spare calls that failed or were killed.
        trace_id, workflow_id: only calls of this trace, of this workflow; alone, all of them.
        dry_run: delete nothing, say what would go. For ``max_bytes`` an estimate, by the average size of a call.
    """

    older_than_ns: int | None = None
    max_bytes: int | None = None
    keep_errors: bool = False
    trace_id: str | None = None
    workflow_id: str | None = None
    dry_run: bool = False

    @property
    def by_selection(self) -> bool:
        """Whether calls go for what they are, and not only for the store's size."""
        if self.older_than_ns is not None:
            return True
        return self.max_bytes is None and (self.trace_id is not None or self.workflow_id is not None)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went, or would go: calls, pieces that no window needs any more, and their bytes as they were kept."""

    calls: int = 0
    pieces: int = 0
    bytes: int = 0

    def __add__(self, other: Pruned) -> Pruned:
        return Pruned(self.calls + other.calls, self.pieces + other.pieces, self.bytes + other.bytes)


@dataclass(frozen=True, slots=True)
class Damage:
    """What does not come out as it was put in.

    Args:
        ref: the record, as ``trace_id/span_id``.
        what: which of its bodies, such as ``request body of attempt 1``.
    """

    ref: str
    what: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What `Store.verify` looked at and found.

    Args:
        calls, bodies, pieces, nodes: how many were checked.
        damaged: every body that is not the very bytes any more.
        damaged_pieces, damaged_nodes: how many do not have the hash they are known by.
        orphan_pieces, orphan_nodes: how many no window needs; they cost room and do no harm.
    """

    calls: int = 0
    bodies: int = 0
    pieces: int = 0
    nodes: int = 0
    damaged: tuple[Damage, ...] = ()
    damaged_pieces: int = 0
    damaged_nodes: int = 0
    orphan_pieces: int = 0
    orphan_nodes: int = 0

    @property
    def sound(self) -> bool:
        """Nothing is damaged."""
        return not (self.damaged or self.damaged_pieces or self.damaged_nodes)


@dataclass(frozen=True, slots=True)
class StoreStats:
    """How much a store holds.

    Args:
        calls, pieces: how many.
        bytes: what the store takes where it lives.
        oldest, newest: when the first and the last call started, in ns since the epoch; None when there is none.
    """

    calls: int = 0
    pieces: int = 0
    bytes: int = 0
    oldest: int | None = None
    newest: int | None = None


class Store(Protocol):
    """Where records live. Safe between threads, and between processes where the engine is shared.

    Every method raises `StoreError` or one of its kinds when the engine fails; a batch is then put whole or not at all.
    """

    url: str

    def put_many(self, entries: Sequence[Entry]) -> None:
        """Merges entries into the records of their spans: atomic, idempotent, in any order."""

    def get(self, trace_id: str, span_id: str) -> Record | None:
        """The record with attempts, steps and upstream context; messages, tools, options and output are the reader's.

        A body that does not come out as it was put in is None, and the record's ``missing`` says so.
        """

    def envelope(self, trace_id: str, span_id: str) -> bytes | None:
        """What was exported of the span, log events included: ``{"attributes", "events", "status"}`` as JSON."""

    def resolve(self, trace_prefix: str | None, span_prefix: str, limit: int = 20) -> list[Summary]:
        """The calls whose span id (and trace id) begin so, newest first."""

    def find(self, query: Query) -> list[Summary]:
        """The calls that answer to the query, newest first."""

    def prune(self, rule: PruneRule) -> Pruned:
        """Deletes calls, and the pieces that no window needs any more, beside live writers."""

    def verify(self, progress: Progress | None = None) -> Verification:
        """Hashes every piece and node again, and joins every body."""

    def stats(self) -> StoreStats:
        """How much there is."""

    def close(self) -> None:
        """Gives back what the engine holds open. Closing twice is allowed; using it afterwards opens it again."""


def open_store(url: str, *, read_only: bool = False, create: bool = True) -> Store:
    """The store at a url.

    Args:
        url: ``sqlite:///path``, where a path that begins with ``/`` is absolute (so four slashes in all) and any
            other is relative to the working directory; ``memory://name``; ``otlp+http://host:port``, which only sends.
        read_only: refuse to write; implies that nothing is created.
        create: make what is not there yet.

    Raises:
        ConfigurationError: the url is of no known kind.
        StoreMissing: there is nothing at the url, and it is not to be created.
        StoreCorrupt: what is there is not a store, or is damaged.
        StoreTooNew: it was written by a newer spanglass.
        StoreBusy: it is locked for longer than we wait.
        StoreError: it cannot be opened otherwise: a directory, no permission, a full disk.

    Example:
        >>> open_store("memory://example").stats().calls
        0
    """
    scheme, mark, _ = url.partition("://")
    if mark and scheme == "sqlite":
        from spanglass.store.sqlite import SqliteStore

        return SqliteStore(url, read_only=read_only, create=create)
    if mark and scheme == "memory":
        from spanglass.store.memory import MemoryStore

        return MemoryStore(url, read_only=read_only)
    if mark and scheme in ("otlp+http", "otlp+https"):
        from spanglass.store.remote import RemoteStore

        return RemoteStore(url)
    hint = "" if mark else f"; for a file write sqlite:///{url}"
    message = f"cannot open a store at {without_userinfo(url)!r}: the supported urls are {_SUPPORTED}{hint}"
    raise ConfigurationError(message)


def without_userinfo(url: str) -> str:
    """The url as it may be shown: a database url often carries a password."""
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}"
