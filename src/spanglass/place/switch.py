"""Whether a workflow is switched on for capture although the rest is off.

Invariant: asking costs a look at the clock; the file is looked at once a second at most, and read when it has changed.
"""

from __future__ import annotations

import time
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from spanglass.place.place import Place


class DebugSwitch:
    """Which workflows are captured although the rest is off; its file is read again while the program runs.

    A workflow inside one that is switched on is switched on with it.

    Args:
        patterns: shell-style patterns of workflow names or ids.
        file: further patterns, one a line; read again when it has changed, at most once a second.
    """

    _EVERY_S = 1.0

    def __init__(self, patterns: tuple[str, ...], file: Path) -> None:
        self._patterns = patterns
        self._file = file
        self._more: tuple[str, ...] = ()
        self._next_look = 0.0
        self._seen: tuple[int, int] | None = None

    def matches(self, place: Place) -> bool:
        """Whether a pattern matches the name or id of the workflow, or of one around it."""
        names = [name for at in place.workflows() for name in (at.workflow, at.workflow_id) if name]
        return any(fnmatchcase(name, pattern) for name in names for pattern in (*self._patterns, *self._from_file()))

    def _from_file(self) -> tuple[str, ...]:
        now = time.monotonic()
        if now < self._next_look:
            return self._more
        self._next_look = now + self._EVERY_S
        try:
            stat = self._file.stat()
            if (stat.st_mtime_ns, stat.st_size) != self._seen:
                text = self._file.read_text(encoding="utf-8", errors="replace")
                self._more = tuple(line.strip() for line in text.splitlines() if line.strip() and line[0] != "#")
                self._seen = (stat.st_mtime_ns, stat.st_size)
        except OSError:
            self._more, self._seen = (), None
        return self._more
