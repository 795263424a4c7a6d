"""Where entries of other instrumentations go in: the running recorder, or a journal of its own.

Invariant: an entry finds a journal also before `spanglass.install` and after it has closed (OpenTelemetry flushes its
exporters later than we exit); then it is one of its own, which is drained when the exporter shuts down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanglass.journal import Journal
from spanglass.redact import Redactor
from spanglass.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanglass.export.recorder import Recorder
    from spanglass.model.entry import Entry

_running: Callable[[], Recorder | None] = lambda: None  # noqa: E731 - a default that `follow` replaces


def follow(running: Callable[[], Recorder | None]) -> None:
    """Says how to find the recorder in force; capture does, because export must not know capture."""
    global _running  # noqa: PLW0603 - one process-wide hook, behind this function
    _running = running


class Station:
    """Appends entries and masks bodies, with whatever is in force."""

    def __init__(self) -> None:
        self._own: tuple[Settings, Journal, Redactor] | None = None

    def append(self, entry: Entry) -> None:
        """Writes ``entry`` ahead; its body has been through `mask`."""
        recorder = _running()
        if recorder is not None:
            recorder.append(entry)
        else:
            self._fallback()[1].append(entry)

    def mask(self, body: bytes) -> bytes | None:
        """``body`` (JSON) as it may be kept, or None where masking failed."""
        recorder = _running()
        if recorder is not None:
            return recorder.mask(body, "application/json", "envelope").body
        return self._fallback()[2].body(body)[0]

    def close(self) -> None:
        """Drains the own journal, if there is one; what a failing store leaves, the next process finds."""
        own, self._own = self._own, None
        if own is not None:
            from spanglass.store import open_store

            settings, journal, _ = own
            store = open_store(settings.store)
            try:
                journal.close(store.put_many)
            finally:
                store.close()

    def _fallback(self) -> tuple[Settings, Journal, Redactor]:
        if self._own is None:
            settings = Settings.from_environment()
            journal = Journal(settings.journal_dir, max_bytes=settings.journal_max_bytes)
            redactor = Redactor(
                keys=settings.redact_keys, patterns=settings.redact_patterns, cache_dir=settings.state_dir
            )
            self._own = (settings, journal, redactor)
        return self._own
