"""The readers behind the API and the viewer: one for each thread that answers requests.

Invariant: a reader is used by one thread only, so its notes are about that thread's latest read, and a long search of
one request holds up no other. All are closed with the sidecar, and none is handed out afterwards.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from spanglass.read.reader import Reader

if TYPE_CHECKING:
    from spanglass.settings import Settings


class Readers:
    """Gives each thread its reader.

    Args:
        settings: which store and which state directory.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._own = threading.local()
        self._all: weakref.WeakSet[Reader] = weakref.WeakSet()
        self._lock = threading.Lock()

    def __call__(self) -> Reader:
        """This thread's reader."""
        reader: Reader | None = getattr(self._own, "reader", None)
        if reader is None:
            reader = self._own.reader = Reader(self._settings)
            with self._lock:
                self._all.add(reader)
        return reader

    def close(self) -> None:
        """Lets go of every store that a reader has open."""
        with self._lock:
            readers, self._all = list(self._all), weakref.WeakSet()
        for reader in readers:
            reader.close()
