"""What a command writes: its result on stdout, and everything about it on stderr.

Invariant: with ``--json`` stdout is one JSON document or empty (of `tail`, which has no end, one document a line), and
stderr is empty or one JSON document with ``error``, ``notes`` or both. JSON keeps letters readable and holds no
character that could move a terminal's cursor.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from spanglass.errors import Ambiguous

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What JSON leaves as it is and a terminal obeys, or an encoder refuses; inside a JSON text these stand in strings only.
_UNSAFE = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


class Output:
    """Where one run of a command writes.

    Args:
        as_json: whether the command was asked for JSON.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._notes: list[str] = []

    def json(self, value: Any) -> None:
        """Writes the one JSON document of a command."""
        sys.stdout.write(encode(value) + "\n")

    def json_line(self, value: Any) -> None:
        """Writes one line of JSON, for a command that has no end and so no one document."""
        sys.stdout.write(harmless(json.dumps(value, ensure_ascii=False, default=str)) + "\n")

    def note(self, lines: Iterable[str]) -> None:
        """Says on stderr what the reader should know beside the result; each line once."""
        fresh = [line for line in lines if line not in self._notes]
        self._notes += fresh
        if not self.as_json:
            for line in fresh:
                _say(f"note: {line}")

    @contextmanager
    def log(self) -> Iterator[None]:
        """Takes what spanglass logs, such as a journal cut at its last good entry, as notes."""
        logger, taker = logging.getLogger("spanglass"), _LogTaker(self)
        logger.addHandler(taker)
        try:
            yield
        finally:
            logger.removeHandler(taker)

    def end(self, failure: Exception | None = None, message: str = "") -> None:
        """Says what went wrong, if anything did, and with ``--json`` the notes."""
        candidates = list(failure.candidates) if isinstance(failure, Ambiguous) else []
        if not self.as_json:
            if failure is not None:
                _say("\n  ".join((message, *candidates)))
            return
        said: dict[str, Any] = {}
        if failure is not None:
            said["error"] = {"type": type(failure).__name__, "message": message}
            if candidates:
                said["error"]["candidates"] = candidates
        if self._notes:
            said["notes"] = self._notes
        if said:
            sys.stderr.write(encode(said) + "\n")


class _LogTaker(logging.Handler):
    def __init__(self, output: Output) -> None:
        super().__init__(logging.WARNING)
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        self._output.note([record.getMessage().removeprefix("spanglass: ")])


def encode(value: Any) -> str:
    """JSON as a person can read it and a terminal can bear it."""
    return harmless(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def harmless(text: str) -> str:
    """JSON as a terminal can bear it."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _say(line: str) -> None:
    from spanglass.read.plain import plain  # here, because `run` starts sooner without the room that it is in

    sys.stderr.write(f"spanglass: {plain(line)}\n")
