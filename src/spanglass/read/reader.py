"""From a reference to a record: the journals are drained, the store is asked, the bytes are read.

Invariant: a call is seen as soon as it is journaled, by this process or another, and what stands between (a store that
cannot be written, a journal that cannot be read) never hides what the store has: it becomes a line in `Reader.notes`.
"""

from __future__ import annotations

import atexit
import os
import threading
from typing import TYPE_CHECKING, Any

from spanglass.errors import (
    Ambiguous,
    ConfigurationError,
    NotFound,
    SpanglassError,
    StoreCorrupt,
    StoreError,
    StoreTooNew,
)
from spanglass.journal import recover
from spanglass.read.reading import envelope_attributes, read_envelope, read_record
from spanglass.read.reference import TRACE_DIGITS, Reference, parse_reference
from spanglass.settings import Settings, in_force
from spanglass.store import Query, open_store
from spanglass.wire.facts import with_facts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from typing_extensions import Self

    from spanglass.model.entry import Entry
    from spanglass.model.record import Record, Summary
    from spanglass.store import Store

#: How many calls are looked at to say to which traces the start of an id may belong.
_CANDIDATES = 1000
_ALL = 2**62
#: How many of them an error names.
_NAMED = 10


class Reader:
    """Reads the calls of one store. Close it, or use it in a ``with`` block.

    Attributes:
        settings: which store and which state directory.
        notes: what the latest read could not reach, one line each with what to do; empty when all is well.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notes: list[str] = []
        self._store: Store | None = None
        self._writable = False
        self._waiting: set[tuple[str, str]] = set()
        self._lock = threading.RLock()

    def fetch(self, ref: str) -> Record:
        """The record of one call, its messages, tools, options and answer read from the bytes.

        Args:
            ref: a span id, its first 4 digits or more, or ``trace_id/span_id``.

        Raises:
            ConfigurationError: ``ref`` is no reference.
            NotFound: no call answers to it.
            Ambiguous: several do.
            StoreError: the store is missing or cannot be read.
        """
        return self._read(self.resolve(ref))

    def context_window(
        self, ref: str | None = None, *, workflow_id: str | None = None, step_name: str | None = None
    ) -> Record:
        """All that the model was given in a call, by its reference or by its place in a workflow.

        The window is the record's ``messages``, ``tools`` and ``options``; it comes as the whole record, so that what
        the model answered, and how, is at hand beside it.

        Args:
            ref: as `fetch` takes it; or else
            workflow_id: the workflow, together with
            step_name: its step, of which the most recent call is taken.

        Raises:
            ConfigurationError: neither a reference nor a workflow and step, or both.
            NotFound, Ambiguous, StoreError: as for `fetch`.
        """
        if ref is not None and workflow_id is None and step_name is None:
            return self.fetch(ref)
        if ref is None and workflow_id is not None and step_name is not None:
            return self.log_for_step(workflow_id, step_name)
        message = "context_window() takes either a span id, or workflow_id= and step_name= together"
        raise ConfigurationError(message)

    def log_for_step(self, workflow_id: str, step_name: str) -> Record:
        """The most recent call of one step of a workflow.

        Raises:
            NotFound: the workflow has no call in that step.
            StoreError: the store is missing or cannot be read.
        """
        found = self.find(workflow_id=workflow_id, step_name=step_name, limit=1)
        if not found:
            message = (
                f"no call was recorded in step {step_name!r} of workflow {workflow_id!r} in {self.settings.store}; "
                "'spanglass ls --workflow ID' lists the calls of a workflow"
            )
            raise NotFound(message)
        return self._read(found[0])

    def logs_for_workflow(self, workflow_id: str) -> list[Record]:
        """All calls of a workflow, in the order in which they began; none if it has none.

        Raises:
            StoreError: the store is missing or cannot be read.
        """
        return [self._read(found) for found in _by_start(self.find(workflow_id=workflow_id, limit=_ALL))]

    def trace(self, trace_id: str) -> list[Record]:
        """All calls of a trace, in the order in which they began.

        Args:
            trace_id: a trace id, its first 4 digits or more, or a reference to any call of the trace.

        Raises:
            ConfigurationError, NotFound, Ambiguous, StoreError: as `fetch`.
        """
        return [self._read(found) for found in self.calls_of_trace(trace_id)]

    def calls_of_trace(self, trace_id: str) -> list[Summary]:
        """The same without payloads, however many the trace has."""
        return _by_start(self.find(trace_id=self.trace_id(trace_id), limit=_ALL))

    def attributes(self, call: Summary) -> Mapping[str, Any]:
        """What an operation, or another instrumentation, said of itself on its span; nothing for most calls.

        Raises:
            StoreError: the store is missing or cannot be read.
        """
        return envelope_attributes(self._open().envelope(call.trace_id, call.span_id))

    def find(self, **criteria: Any) -> list[Summary]:
        """The calls that answer to all criteria, newest first: the fields of `spanglass.store.Query`.

        Raises:
            StoreError: the store is missing or cannot be read.
        """
        return self._caught_up().find(Query(**criteria))

    def read(self, call: Summary) -> Record:
        """The record behind a line that `find` gave.

        Raises:
            NotFound: it was pruned meanwhile.
            StoreError: the store cannot be read.
        """
        return self._read(call)

    def newest(self) -> Summary:
        """The call that began last.

        Raises:
            NotFound: nothing is recorded yet.
            StoreError: the store is missing or cannot be read.
        """
        found = self.find(limit=1)
        if not found:
            message = f"no call is recorded in {self.settings.store} yet; run: spanglass run -- python your_program.py"
            raise NotFound(message)
        return found[0]

    def resolve(self, ref: str) -> Summary:
        """The one call that answers to a reference.

        Raises:
            ConfigurationError, NotFound, Ambiguous, StoreError: as `fetch`.
        """
        reference = parse_reference(ref)
        found = self._caught_up().resolve(reference.trace_prefix, reference.span_prefix or "")
        if not found:
            raise NotFound(self._nothing(reference))
        if len(found) > 1:
            what = "trace has" if reference.span_prefix is None else "reference fits"
            message = f"{ref!r} is not one call: the {what} {_count(found)}; give more digits, or one of these"
            raise Ambiguous(message, [call.ref for call in found])
        return found[0]

    def trace_id(self, text: str) -> str:
        """The one trace that a trace id, the start of one, or a reference to a call names.

        Raises:
            ConfigurationError, NotFound, Ambiguous, StoreError: as `fetch`.
        """
        reference = parse_reference(text)
        store = self._caught_up()
        if reference.trace_prefix is not None and len(reference.trace_prefix) == TRACE_DIGITS:
            whole = reference.trace_prefix
            if store.find(Query(trace_id=whole, limit=1)):
                return whole
            raise NotFound(self._nothing(reference))
        found = store.resolve(reference.trace_prefix, reference.span_prefix or "", _CANDIDATES)
        if reference.trace_prefix is None:
            found += store.resolve(reference.span_prefix, "", _CANDIDATES)
        traces = sorted({call.trace_id for call in found})
        if not traces:
            raise NotFound(self._nothing(reference))
        if len(traces) > 1:
            message = f"{text!r} fits {len(traces)} traces; give more digits, or one of these"
            raise Ambiguous(message, traces[:_NAMED])
        return traces[0]

    def close(self) -> None:
        """Lets go of the store; the next read opens it again."""
        with self._lock:
            store, self._store, self._writable = self._store, None, False
            if store is not None:
                store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, call: Summary) -> Record:
        store = self._open()
        record = store.get(call.trace_id, call.span_id)
        if record is None:
            message = f"{call.ref} was pruned from {self.settings.store} while it was being read"
            raise NotFound(message)
        if record.attempts:
            return read_record(record)
        return read_envelope(record, store.envelope(call.trace_id, call.span_id))

    def _nothing(self, reference: Reference) -> str:
        wanted = [
            f"a {kind} id that starts with {prefix!r}"
            for kind, prefix in (("trace", reference.trace_prefix), ("span", reference.span_prefix))
            if prefix is not None
        ]
        return f"no call in {self.settings.store} has {' and '.join(wanted)}; 'spanglass ls' lists the calls"

    def _caught_up(self) -> Store:
        """The store, with everything in it that had been journaled by now."""
        with self._lock:
            self.notes.clear()
            self._waiting.clear()
            try:
                left = recover(self.settings.journal_dir, self._put_many).left
                self.notes += [f"newer calls of process {owner} may be missing: {why}" for owner, why in left.items()]
            except (StoreCorrupt, StoreTooNew):
                raise
            except (SpanglassError, OSError) as why:
                self._note_failure(why)
            return self._open()

    def _put_many(self, entries: Sequence[Entry]) -> None:
        """Puts a batch of the journal into the store, which is opened for writing, and created, only now."""
        calls = {(entry.trace_id, entry.span_id) for entry in entries if entry.span_id}
        try:
            if not self._writable:
                writer = open_store(self.settings.store)
                self.close()
                self._store, self._writable = writer, True
            self._open().put_many(with_facts(entries))
        except Exception:
            self._waiting |= calls
            raise

    def _open(self) -> Store:
        with self._lock:
            if self._store is None:
                self._store = _open_for_reading(self.settings.store)
            return self._store

    def _note_failure(self, why: Exception) -> None:
        if self._waiting:
            number = len(self._waiting)
            calls = "1 call is" if number == 1 else f"{number:,} calls or more are"
            self.notes.append(f"{calls} still in the journal {self.settings.journal_dir}, and not shown: {why}")
            self.close()
        else:
            self.notes.append(f"newer calls may be missing: {why}")


def _open_for_reading(url: str) -> Store:
    """The store, opened so that nothing is written; only one of an old version is written, which migrates it."""
    try:
        return open_store(url, read_only=True, create=False)
    except StoreError as why:
        if type(why) is not StoreError:
            raise
        try:
            return open_store(url, create=False)
        except StoreError:
            raise why from None


def open_reader(
    settings: Settings | None = None, *, store: str | None = None, state_dir: str | Path | None = None
) -> Reader:
    """A reader of the store that the settings name; nothing is opened before the first read.

    Args:
        settings: unset, those of the environment.
        store: a store url instead of the settings' own.
        state_dir: a state directory instead of the settings' own; the default store lies in it.

    Raises:
        ConfigurationError: a store or state directory that cannot work.
    """
    settings = Settings.from_environment() if settings is None else settings
    given = {"store": store, "state_dir": state_dir}
    return Reader(settings.override({name: value for name, value in given.items() if value is not None}))


class _Current:
    """The reader behind the functions below, which read where the settings in force say: one a process."""

    def __init__(self) -> None:
        self._reader: Reader | None = None
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def reader(self) -> Reader:
        settings = in_force()
        with self._lock:
            if self._pid != os.getpid():  # a database connection must not cross a fork, not even to be closed
                self._reader, self._pid = None, os.getpid()
            if self._reader is not None and self._reader.settings != settings:
                self._reader.close()
                self._reader = None
            if self._reader is None:
                self._reader = Reader(settings)
            return self._reader

    def close(self) -> None:
        with self._lock:
            if self._reader is not None and self._pid == os.getpid():
                self._reader.close()
            self._reader = None


_CURRENT = _Current()
atexit.register(_CURRENT.close)


def current_reader() -> Reader:
    """The reader that the functions below use: of the store that the settings in force name."""
    return _CURRENT.reader()


def close() -> None:
    """Lets go of the store that the functions below have open; the next of them opens it again."""
    _CURRENT.close()


def fetch(ref: str) -> Record:
    """The record of one call; see `Reader.fetch`."""
    return _CURRENT.reader().fetch(ref)


def trace(trace_id: str) -> list[Record]:
    """All calls of a trace, in the order in which they began; see `Reader.trace`."""
    return _CURRENT.reader().trace(trace_id)


def context_window(ref: str | None = None, *, workflow_id: str | None = None, step_name: str | None = None) -> Record:
    """All that the model was given in a call, as its record; see `Reader.context_window`."""
    return _CURRENT.reader().context_window(ref, workflow_id=workflow_id, step_name=step_name)


def log_for_step(workflow_id: str, step_name: str) -> Record:
    """The most recent call of one step of a workflow; see `Reader.log_for_step`."""
    return _CURRENT.reader().log_for_step(workflow_id, step_name)


def logs_for_workflow(workflow_id: str) -> list[Record]:
    """All calls of a workflow, in the order in which they began; see `Reader.logs_for_workflow`."""
    return _CURRENT.reader().logs_for_workflow(workflow_id)


def _by_start(calls: list[Summary]) -> list[Summary]:
    return sorted(calls, key=lambda call: (call.started_at, call.span_id))


def _count(found: list[Summary]) -> str:
    return f"{len(found)} calls" if len(found) < 20 else "20 calls or more"  # noqa: PLR2004 - the store's own limit
