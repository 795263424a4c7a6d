"""The background thread that moves the journal into the store, beside the host program.

Invariant: the host never waits for it and sees no exception of it. The store is opened, used and closed on this one
thread only, and only a variable of that thread refers to it: a forked child never touches, nor finalises, the parent's
connection. What could not be moved is still in the journal, for the next try or for the next process.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from spanglass import guard
from spanglass.errors import SpanglassError
from spanglass.export.lull import Lull
from spanglass.journal import BUSY, recover
from spanglass.wire.facts import with_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spanglass.journal import Journal
    from spanglass.model.entry import Entry
    from spanglass.store import Store

    Work: TypeAlias = "Callable[[], object]"
    Queue: TypeAlias = "SimpleQueue[Work | _Request | None]"

_LOG = logging.getLogger("spanglass")
_RECOVER_S = 60.0
_PRUNE_S = 600.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_START_AGAIN_S = 1.0


class _Request(NamedTuple):
    """Asks the thread to move everything now; ``done`` gets whether the journal is empty then."""

    kind: Literal["flush", "close"]
    done: SimpleQueue[bool]


class Drain:
    """The drain of one journal. Its thread starts with the first append, and anew after a fork.

    Args:
        journal: what to empty.
        open_store: called on the thread when there is something to put, and again after a failure.
        prune: called on the thread now and then with the store, to keep it within its retention.
        chore: called on the thread whenever entries are moved, with a pause to make between its parts: other work that
            a call left for later.
        has_chore: whether there is any.
        interval_s: how often to move what was appended, in seconds.
    """

    def __init__(
        self,
        journal: Journal,
        open_store: Callable[[], Store],
        *,
        prune: Callable[[Store], None] | None = None,
        chore: Callable[[Callable[[], object]], None] = lambda _pause: None,
        has_chore: Callable[[], bool] = lambda: False,
        interval_s: float = 0.5,
    ) -> None:
        self._journal = journal
        self._open_store = open_store
        self._prune = prune
        self._chore = chore
        self._has_chore = has_chore
        self._interval_s = interval_s
        self._begin()
        _drains.add(self)

    def _begin(self) -> None:
        self._queue: Queue = SimpleQueue()
        self._starting = threading.Lock()
        self._start_at = 0.0
        self._thread: threading.Thread | None = None
        #: The thread runs, and will look at the journal before it sleeps for long.
        self.awake = False

    def start_soon(self) -> None:
        """Sees to it that what was just appended is moved before long; needless while the thread is `awake`."""
        if not self.awake:
            self._wake()

    def call_soon(self, work: Work) -> None:
        """Runs ``work`` on the thread as soon as it gets to it. Safe in ``__del__`` and in signal handlers."""
        self._queue.put(work)
        if self._thread is None:
            self._start()

    def flush(self, timeout_s: float) -> bool:
        """Runs the work that was given before, and moves everything that is in the journal.

        Returns:
            True when the journal is empty; False when the store takes nothing, or it takes longer than ``timeout_s``.
        """
        return self._ask("flush", timeout_s)

    def close(self, timeout_s: float) -> None:
        """Flushes, ends the journal and the thread, and closes the store; gives up waiting after ``timeout_s``.

        What is left then is found by the next process. An append after this starts it all again.
        """
        self._ask("close", timeout_s)

    def _ask(self, kind: Literal["flush", "close"], timeout_s: float) -> bool:
        if self._thread is None:
            if not self._has_work() and self._queue.empty():
                return True
            self._start()
        if self._thread is None:
            return False
        done: SimpleQueue[bool] = SimpleQueue()
        self._queue.put(_Request(kind, done))
        try:
            return done.get(timeout=max(0.0, timeout_s))
        except Empty:
            return False

    def _wake(self) -> None:
        if self._thread is None:
            self._start()
        else:
            self.awake = True
            self._queue.put(None)

    def _start(self) -> None:
        """Starts the thread, unless that is just being done, or could not be done a moment ago."""
        if time.monotonic() < self._start_at or not self._starting.acquire(blocking=False):
            return
        try:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, args=(self._queue,), name="spanglass-drain", daemon=True
                )
                self.awake = True
                self._thread.start()
        except RuntimeError:  # the interpreter is shutting down, or the machine gives no more threads
            first, self._start_at = not self._start_at, time.monotonic() + _START_AGAIN_S
            self._thread, self.awake = None, False
            if first:
                _LOG.warning(
                    "spanglass: no thread can be started now, so calls stay in the journal in %s; the next spanglass "
                    "process or command moves them into the store.",
                    self._journal.directory,
                )
        finally:
            self._starting.release()

    def _run(self, queue: Queue) -> None:
        try:
            self._loop(queue, _Outlet(self._journal, self._open_store, self._prune, lambda: not queue.empty()))
        finally:
            self._retire()

    def _retire(self) -> None:
        """From here on, new work starts a new thread."""
        if self._thread is threading.current_thread():
            self._thread, self.awake = None, False

    def _loop(self, queue: Queue, outlet: _Outlet) -> None:
        due, lull, whole = time.monotonic() + self._interval_s, Lull(), True
        while True:
            asleep = self._falls_asleep()
            try:
                item = queue.get(timeout=_RECOVER_S if asleep else max(0.0, due - time.monotonic()))
            except Empty:
                item, due = None, 0.0
            else:
                if asleep:
                    self.awake = True
                    due = time.monotonic() + self._interval_s
            if isinstance(item, _Request):
                self._do_chore()
                if item.kind == "close":
                    self._retire()
                    _run_all(queue)
                    item.done.put(outlet.close())
                    return
                item.done.put(outlet.move())
            elif item is not None:
                _run_one(item)
            del item  # it may hold objects of the host
            if time.monotonic() < due:
                continue
            if whole and not lull.is_here(self._journal.pending_bytes):
                due = time.monotonic() + self._interval_s
                continue
            self._do_chore()
            whole = outlet.tend()
            due = time.monotonic() + (max(self._interval_s, outlet.pause_s) if whole else 0.0)

    def _do_chore(self) -> None:
        try:
            self._chore(_pause)
        except Exception as fault:  # noqa: BLE001 - the boundary of this thread
            guard.absorb("drain.chore", fault)

    def _falls_asleep(self) -> bool:
        """Whether there is nothing to do. Looks again after saying so: an append in between has seen it, or is seen."""
        if not self._has_work():
            self.awake = False
            if not self._has_work():
                return True
            self.awake = True
        return False

    def _has_work(self) -> bool:
        return self._journal.pending_bytes > 0 or self._has_chore()

    def after_fork_in_child(self) -> None:
        """Starts over: the thread, and the work that waits for it, are the parent's."""
        self._begin()


class _Asked(Exception):
    """No error: the thread has something else to do first, and a long move goes on later where it was broken off."""


class _Outlet:
    """The store as the thread sees it: opened when needed; after a failure closed, and tried ever more rarely.

    Args:
        journal, open_store, prune: as for `Drain`.
        asked: whether the thread has something else to do first.
    """

    def __init__(
        self,
        journal: Journal,
        open_store: Callable[[], Store],
        prune: Callable[[Store], None] | None,
        asked: Callable[[], bool],
    ) -> None:
        self._journal = journal
        self._open_store = open_store
        self._prune = prune
        self._asked = asked
        self._store: Store | None = None
        self._recover_at = 0.0
        self._prune_at = 0.0
        self._said: set[str] = set()
        self.pause_s = 0.0

    def tend(self) -> bool:
        """What is done now and then: moving, looking for what dead processes left, pruning.

        Returns:
            False when it was broken off between two batches, because the thread was asked for something.
        """
        try:
            if self._attempt(lambda: self._journal.drain(self._put_unless_asked)):
                self._attempt(self._recover)
        except _Asked:
            return False
        if self._prune is not None and self._store is not None and time.monotonic() >= self._prune_at:
            self._prune_at = time.monotonic() + _PRUNE_S
            try:
                self._prune(self._store)
            except Exception as fault:  # noqa: BLE001 - a fault in pruning says nothing about moving
                guard.absorb("drain.prune", fault)
        return True

    def _recover(self) -> None:
        """Moves what processes left that have died; what cannot be moved is said once of each."""
        if time.monotonic() < self._recover_at:
            return
        directory = self._journal.directory
        left = recover(directory, self._put_unless_asked, living=False, wait_s=0.0, gently=True).left
        self._recover_at = time.monotonic() + _RECOVER_S
        for owner, reason in left.items():
            if reason != BUSY and owner not in self._said:
                self._said.add(owner)
                _LOG.warning("spanglass: a journal in %s is left as it is: %s", directory, reason)

    def move(self) -> bool:
        """Empties the journal; False when it is not empty then."""
        return self._attempt(lambda: self._journal.drain(self._put)) and not self._journal.pending_bytes

    def close(self) -> bool:
        """Empties and ends the journal, and closes the store; False when something had to be left."""
        whole = self._attempt(lambda: self._journal.close(self._put))
        self._close_store()
        return whole

    def _put_unless_asked(self, entries: Sequence[Entry]) -> None:
        if self._asked():
            raise _Asked
        self._put(entries)

    def _put(self, entries: Sequence[Entry]) -> None:
        if self._store is None:
            self._store = self._open_store()
        self._store.put_many(with_facts(entries))
        if self.pause_s:
            self.pause_s = 0.0
            _LOG.warning("spanglass: the store takes calls again; what had waited in the journal is being moved.")
        _pause()

    def _attempt(self, work: Callable[[], object]) -> bool:
        try:
            work()
        except _Asked:
            raise
        except Exception as fault:  # noqa: BLE001 - whatever a store raises, the entries are safe and wait
            if not self.pause_s:
                _LOG.warning(
                    "spanglass: the store takes no calls now (%s). They are kept in the journal in %s and moved as "
                    "soon as it does; 'spanglass doctor' tells what is wrong with it.",
                    _reason(fault),
                    self._journal.directory,
                )
            self.pause_s = min(_LONGEST_PAUSE_S, self.pause_s * 2 or _FIRST_PAUSE_S)
            self._close_store()
            return False
        return True

    def _close_store(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            try:
                store.close()
            except Exception as fault:  # noqa: BLE001 - it is given up either way
                guard.absorb("drain.close", fault)


def _pause() -> None:
    time.sleep(0)  # the host's threads first


def _run_one(work: Work) -> None:
    try:
        work()
    except Exception as fault:  # noqa: BLE001 - the boundary of this thread
        guard.absorb("drain.work", fault)


def _run_all(queue: Queue) -> None:
    """Runs the work that came while the thread was ending; whoever waits for a flush is told that it did not happen."""
    while True:
        try:
            item = queue.get_nowait()
        except Empty:
            return
        if isinstance(item, _Request):
            item.done.put(False)  # noqa: FBT003 - a queue of answers
        elif item is not None:
            _run_one(item)


def _reason(fault: Exception) -> str:
    """What may be said of a fault: our own errors' texts quote no payload, others' may."""
    if isinstance(fault, SpanglassError):
        return str(fault)
    if isinstance(fault, OSError) and fault.strerror:
        return f"{type(fault).__name__}: {fault.strerror}"
    return type(fault).__name__


_drains: weakref.WeakSet[Drain] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for drain in list(_drains):
        drain.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
