"""The file behind a store: found by its url, opened, locked, and let go of.

Invariants: nobody but the owner reads the file (0600, in a directory of 0700 where we make it). One connection serves
all threads, one at a time. No connection is used across a fork: SQLite's locks belong to a process, and a child that
used its parent's connection would write without them.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import time
import weakref
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from spanglass.errors import ConfigurationError
from spanglass.store.sqlite import fault, schema

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSY_TIMEOUT_S = 5.0
#: How long a fork waits for a write to end. After that the child starts over with a connection of its own.
_FORK_WAIT_S = 0.2
_WAL_KEPT_BYTES = 16 << 20


def path_of(url: str) -> Path:
    """The file of a ``sqlite:///path`` url: absolute if ``path`` begins with ``/``, else in the working directory.

    Example:
        >>> path_of("sqlite:////var/lib/spanglass.db").as_posix()
        '/var/lib/spanglass.db'

    Raises:
        ConfigurationError: the url names no file.
    """
    rest = url.removeprefix("sqlite://")
    if not rest.startswith("/") or rest == "/" or rest.startswith("/:memory:"):
        hint = (
            "memory:// keeps calls in memory"
            if ":memory:" in rest
            else "write sqlite:///relative or sqlite:////absolute"
        )
        message = f"cannot open {url!r}: it names no file; {hint}"
        raise ConfigurationError(message)
    path = rest[1:]
    if os.name == "nt" and re.match(r"/[A-Za-z]:/", path):
        path = path[1:]
    return Path(os.path.abspath(os.path.expanduser(path)))  # noqa: PTH100, PTH111 - Path.expanduser raises without a home


class File:
    """The open file, made when it is not there and may be.

    Args:
        url: ``sqlite:///path``.
        read_only: never write, and never make the file.
        create: make the file when it is not there.
        busy_timeout_s: how long to wait for other processes.

    Raises:
        StoreError: see `spanglass.store.open_store`.
    """

    _connection: sqlite3.Connection | None = None

    def __init__(
        self, url: str, *, read_only: bool = False, create: bool = True, busy_timeout_s: float = BUSY_TIMEOUT_S
    ) -> None:
        self.url = url
        self.path = path_of(url)
        self.read_only = read_only
        self._create = create and not read_only
        self._busy_timeout_s = busy_timeout_s
        self._lock = threading.RLock()
        self._identity: tuple[int, int] | None = None
        _OPEN.add(self)
        with self.reading():
            pass

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state of the store."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the one write lock from its beginning, so that it cannot fail half-way for it."""
        if self.read_only:
            raise fault.read_only(self.url)
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                connection = self._connected()
                connection.execute(begin)
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    with suppress(sqlite3.Error):  # the first fault is the one to tell of
                        connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as why:
                raise fault.translate(self.url, why) from why

    def close(self) -> None:
        """Closes the connection; the next use opens one again."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def __del__(self) -> None:
        connection = getattr(self, "_connection", None)  # it may not have come to be
        if connection is not None:
            connection.close()

    def shrink(self, pages: int) -> None:
        """Gives up to so many free pages back to the file system."""
        with self.writing() as connection:
            connection.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()

    def _connected(self) -> sqlite3.Connection:
        """The connection; a new one when the file at the path is another one than was opened."""
        if self._connection is not None and self._identity == _identity(self.path):
            return self._connection
        self.close()
        self._prepare_path()
        connection = self._connect("ro" if self.read_only else "rw")
        try:
            self._check(connection)
        except sqlite3.OperationalError as why:
            connection.close()
            if not self.read_only or "locked" in str(why) or not _is_at_rest(self.path):
                raise
            # A directory that cannot be written has no room for a -shm file.
            connection = self._connect("ro&immutable=1")
            self._check(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._identity = connection, _identity(self.path)
        return connection

    def _prepare_path(self) -> None:
        path = self.path
        if path.is_dir():
            raise fault.directory(self.url)
        if not path.exists():
            if not self._create:
                raise fault.missing(self.url)
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            except OSError as why:
                raise fault.unwritable(self.url, path, why.strerror or str(why)) from why
        if not self.read_only:
            for needed in (path, path.parent):
                if not _is_writable(needed):
                    raise fault.unwritable(self.url, needed, "it is read-only")

    def _connect(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self.path.as_uri()}?mode={mode}",
            uri=True,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=128,
        )

    def _check(self, connection: sqlite3.Connection) -> None:
        """Tells a store from everything else, and readies the connection."""
        known = len(schema.MIGRATIONS)
        version, application = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("user_version", "application_id")
        )
        if application != schema.APPLICATION_ID:
            if application or version or connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                raise fault.foreign(self.url)
            if not self._create:
                raise fault.missing(self.url)
        if version > known:
            raise fault.too_new(self.url, version, known)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        if self.read_only:
            if version < known:
                raise fault.outdated(self.url, version)
            return
        if version == 0:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only before the first page, and it wants the lock
        self._use_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
        if version < known:
            schema.migrate(connection)

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        """Switches to the write-ahead log. SQLite does not wait for others here, so we do."""
        deadline = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL").fetchone()
                return  # noqa: TRY300 - reads better than an else
            except sqlite3.OperationalError as why:  # noqa: PERF203 - it waits
                if "locked" not in str(why) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def before_fork(self) -> bool:
        """Lets go of the connection, and holds the lock over the fork; False if a write goes on for too long."""
        held = self._lock.acquire(timeout=_FORK_WAIT_S)
        if held and self._connection is not None and not self._connection.in_transaction:
            self.close()
        return held

    def after_fork(self, *, held: bool, in_child: bool) -> None:
        """Gives the lock back; a child that inherited a connection keeps it, unused, for ever."""
        if not in_child:
            if held:
                self._lock.release()
            return
        self._lock = threading.RLock()
        if self._connection is not None:
            _INHERITED.append(self._connection)
            self._connection = None


class _Fork(threading.local):
    """The files that a forking thread looked after, and whether it holds their locks; two threads may fork at once."""

    files: tuple[tuple[File, bool], ...] = ()


_OPEN: weakref.WeakSet[File] = weakref.WeakSet()
_INHERITED: list[sqlite3.Connection] = []
_fork = _Fork()


def _before_fork() -> None:
    _fork.files = tuple((file, file.before_fork()) for file in list(_OPEN))


def _after_fork(*, in_child: bool) -> None:
    for file, held in _fork.files:
        file.after_fork(held=held, in_child=in_child)
    _fork.files = ()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=lambda: _after_fork(in_child=False),
        after_in_child=lambda: _after_fork(in_child=True),
    )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _is_at_rest(path: Path) -> bool:
    """Whether no write-ahead log waits beside the file, so that the file alone is the whole store."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size == 0
    except OSError:
        return True
