"""File locks that die with their process: how a journal tells a living owner from a dead one.

Invariant: a lock is held by exactly the process that took it. The kernel frees it when that process ends, however it
ends; a forked child closes the descriptors it inherited without freeing its parent's lock; and a lock is never held on
a file that has lost its name meanwhile. The locks are of the machine: the directory has to be on a local disk.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, final

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
#: Windows locks bytes, and a locked byte cannot be read: this one is beyond anything that is ever written.
_FAR_BYTE = 1 << 30
_PAUSE_S = 0.002


@final
class FileLock:
    """A lock that is held, on the open file ``fd``; as a context manager it is released at the end.

    Made by `take` only.
    """

    __slots__ = ("__weakref__", "fd", "path")

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.fd = fd

    @classmethod
    def take(cls, path: Path, *, wait_s: float = 0.0, create: bool = False) -> FileLock | None:
        """Takes the lock of ``path``, waiting up to ``wait_s`` seconds for another holder.

        Returns:
            The lock, or None when another held it all the time.

        Raises:
            FileNotFoundError: there is no such file, and ``create`` was not asked for.
            OSError: the file cannot be opened, or its file system has no locks.
        """
        until = time.monotonic() + wait_s
        while True:
            lock = cls._try(path, create=create)
            if lock is not None and lock.has_name():
                return lock
            if lock is not None:
                lock.release()  # whoever held it before removed the file; look again for a new one of that name
            elif time.monotonic() >= until:
                return None
            else:
                time.sleep(_PAUSE_S)

    @classmethod
    def _try(cls, path: Path, *, create: bool) -> FileLock | None:
        with _registry.gate:
            fd = os.open(path, _FLAGS | (os.O_CREAT if create else 0), 0o600)
            lock = cls(path, fd)
            _registry.held.add(lock)
        try:
            if _lock_now(fd):
                return lock
        except BaseException:
            lock.release()
            raise
        lock.release()
        return None

    @staticmethod
    def is_ours(path: Path) -> bool:
        """Whether this process holds, or is just taking, the lock of ``path``."""
        return any(lock.path == path for lock in list(_registry.held))

    def has_name(self) -> bool:
        """Whether the path still leads to the locked file."""
        try:
            there, ours = self.path.stat(), os.fstat(self.fd)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def release(self) -> None:
        """Frees the lock; a second time, or in a child that inherited it, does nothing."""
        with _registry.gate:
            fd, self.fd = self.fd, -1
            _registry.held.discard(self)
            if fd >= 0:
                # Unlocked first: another descriptor of the same open file may live on in a child that is about to exec.
                with suppress(OSError):
                    _unlock(fd)
                os.close(fd)

    def remove(self) -> None:
        """Removes the file and releases the lock, in the order that the platform allows."""
        if sys.platform == "win32":
            self.release()
            self.path.unlink(missing_ok=True)
        else:
            self.path.unlink(missing_ok=True)
            self.release()

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, tb: TracebackType | None) -> None:
        self.release()


class _Registry:
    """All locks this process holds, so that a forked child can let go of them.

    The gate is held during a fork, so that no descriptor is ever open and not yet listed in the child. It is reentrant
    because garbage collection may release a lock while another is being taken.
    """

    def __init__(self) -> None:
        self.gate = threading.RLock()
        self.held: set[FileLock] = set()

    def before_fork(self) -> None:
        self.gate.acquire()

    def after_fork_in_parent(self) -> None:
        self.gate.release()

    def after_fork_in_child(self) -> None:
        held, self.held, self.gate = self.held, set(), threading.RLock()
        for lock in held:
            fd, lock.fd = lock.fd, -1
            with suppress(OSError):
                os.close(fd)  # closed, not unlocked: the lock belongs to the parent, who holds the same open file


_registry = _Registry()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_registry.before_fork,
        after_in_parent=_registry.after_fork_in_parent,
        after_in_child=_registry.after_fork_in_child,
    )

if sys.platform == "win32":

    def _lock_now(fd: int) -> bool:
        os.lseek(fd, _FAR_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(fd: int) -> None:
        os.lseek(fd, _FAR_BYTE, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

else:

    def _lock_now(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_UN)
