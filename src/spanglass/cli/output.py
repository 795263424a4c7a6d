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
from typing import TYPE_CHECKING, Any, TextIO

from spanglass.errors import Ambiguous

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What an encoding may lack, and DEL, which JSON leaves as it is.
_NOT_ASCII = re.compile(r"[^\x00-\x7e]")
_LAST_ASCII = 0x7F


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
        sys.stdout.write(encode(value, sys.stdout) + "\n")

    def json_line(self, value: Any) -> None:
        """Writes one line of JSON, for a command that has no end and so no one document."""
        sys.stdout.write(harmless(json.dumps(value, ensure_ascii=False, default=str), sys.stdout) + "\n")

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
            sys.stderr.write(encode(said, sys.stderr) + "\n")


class _LogTaker(logging.Handler):
    def __init__(self, output: Output) -> None:
        super().__init__(logging.WARNING)
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        self._output.note([record.getMessage().removeprefix("spanglass: ")])


def encode(value: Any, stream: TextIO) -> str:
    """JSON as a person can read it and a terminal can bear it."""
    return harmless(json.dumps(value, ensure_ascii=False, indent=2, default=str), stream)


def harmless(text: str, stream: TextIO) -> str:
    """JSON as a terminal can bear it, and in characters that the stream's encoding has for certain."""
    from spanglass.read.plain import UNSAFE  # inside a JSON text these stand in strings only

    encoding = (stream.encoding or "utf-8").lower()
    return (UNSAFE if encoding.startswith("utf") else _NOT_ASCII).sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return json.dumps(match[0])[1:-1] if code > _LAST_ASCII else f"\\u{code:04x}"


def _say(line: str) -> None:
    from spanglass.read.plain import plain  # here, because `run` starts sooner without the room that it is in

    sys.stderr.write(f"spanglass: {plain(line)}\n")
