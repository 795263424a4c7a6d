"""Rows in files: read from JSON lines, JSON or CSV, and written so that an interrupted run can go on.

Invariant: a row is one line, written at once and whole. A line that was cut off, because the machine or the process
died, is taken out again before anything else is written. Which rows are done is read from the file itself: a finished
row still has every field that it was given.
"""

from __future__ import annotations

import csv
import hashlib
import json
import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from spanglass.errors import ConfigurationError
from spanglass.redact import Redactor
from spanglass.settings import in_force

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from io import BufferedWriter
    from types import TracebackType

    from typing_extensions import Self

    from spanglass.generation.row import Row, RowFailure
    from spanglass.model import JsonObject

#: Where rows come from: themselves, or a file.
Source: TypeAlias = "Iterable[Mapping[str, Any]] | str | Path"

_LINES = (".jsonl", ".ndjson")


class Sheet:
    """The file that a run writes, and the one beside it for the rows that failed.

    Args:
        path: the file.
        generated: the names that a finished row has beyond those that it was given.

    Attributes:
        made, resumed, failed: rows written, found there already, and not to be made.
        torn: the file ended in half a row.

    Raises:
        ConfigurationError: the file has rows of other columns.
        OSError: it cannot be read or written.
    """

    def __init__(self, path: Path, generated: frozenset[str]) -> None:
        self.path = path
        self.made = self.resumed = self.failed = 0
        self.torn = False
        self._generated = generated
        self._failed_path = path.with_name(f"{path.stem}.failed.jsonl")
        self._done: Counter[bytes] = Counter()
        self._lock = threading.Lock()
        self._files = ExitStack()
        self._failures: BufferedWriter | None = None
        self._masks = _redactor()
        if path.exists():
            self._read_done()
        self._file: BufferedWriter = self._files.enter_context(path.open("ab"))
        self._failed_path.unlink(missing_ok=True)  # all of them are tried again

    @property
    def failed_path(self) -> Path | None:
        """The file with the rows that failed, if there are any."""
        return self._failed_path if self.failed else None

    def has(self, given: Mapping[str, Any]) -> bool:
        """Whether an earlier run has made this row; of rows that are given twice, each counts once."""
        key = _key(given)
        if not self._done[key]:
            return False
        self._done[key] -= 1
        self.resumed += 1
        return True

    def write(self, row: Row) -> None:
        """Adds a row that is done with; safe from any thread."""
        if row.failure is None:
            line = _line(row.values)
            with self._lock:
                self._file.write(line)
                self._file.flush()
                self.made += 1
            return
        line = _line(self._told(row, row.failure))
        with self._lock:
            if self._failures is None:
                self._failures = self._files.enter_context(self._failed_path.open("wb"))
            self._failures.write(line)
            self._failures.flush()
            self.failed += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._files.close()

    def _told(self, row: Row, failure: RowFailure) -> JsonObject:
        """What is kept of a row that failed; an exception's text may quote a credential."""
        error = failure.error
        return {
            "row": row.given,
            "column": failure.column,
            "error": {"type": type(error).__qualname__, "message": self._masks.text(str(error))[0]},
            "span_ids": list(failure.refs),
            "trace": [message.to_dict() for message in failure.trace],
        }

    def _read_done(self) -> None:
        whole = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    self.torn = True
                    break
                whole += len(line)
                if line.strip():
                    self._done[self._key_of_line(line, number)] += 1
        if self.torn:
            with self.path.open("r+b") as file:
                file.truncate(whole)

    def _key_of_line(self, line: bytes, number: int) -> bytes:
        row = _parse(line, self.path, number)
        lacking = sorted(self._generated - row.keys())
        if lacking:
            message = (
                f"{self.path} line {number} has no {lacking[0]!r}: other columns were written to it; write to another "
                "file, or move this one away"
            )
            raise ConfigurationError(message)
        return _key({name: value for name, value in row.items() if name not in self._generated})


def read_rows(source: Source) -> Iterator[JsonObject]:
    """The rows of a source, one at a time.

    Raises:
        ConfigurationError: a file of no known kind, or a line in it that is no row.
        OSError: the file cannot be read.
    """
    if not isinstance(source, (str, Path)):
        return (dict(row) for row in source)
    path = Path(source)
    readers = {**dict.fromkeys(_LINES, _json_lines), ".json": _json_list, ".csv": _csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        message = f"cannot read rows from {str(path)!r}: the name ends in none of {', '.join(readers)}"
        raise ConfigurationError(message)
    return reader(path)


def _json_lines(path: Path) -> Iterator[JsonObject]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield _parse(line, path, number)


def _json_list(path: Path) -> Iterator[JsonObject]:
    try:
        rows = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as why:
        message = f"{path} is not valid JSON: {why}"
        raise ConfigurationError(message) from why
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        message = f"{path} is no list of objects; one object a line is read from {path.stem}.jsonl"
        raise ConfigurationError(message)
    yield from rows


def _csv(path: Path) -> Iterator[JsonObject]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for row in reader:
                if None in row or None in row.values():
                    message = f"{path} line {reader.line_num} has another number of fields than the heading"
                    raise ConfigurationError(message)
                yield dict(row)
        except (csv.Error, UnicodeDecodeError) as why:
            message = f"{path} is no CSV after line {reader.line_num}: {why}"
            raise ConfigurationError(message) from why


def _parse(line: bytes, path: Path, number: int) -> JsonObject:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as why:
        message = f"{path} line {number} is not valid JSON: {why}"
        raise ConfigurationError(message) from why
    if not isinstance(row, dict):
        message = f"{path} line {number} is no object, but {type(row).__name__}"
        raise ConfigurationError(message)
    return row


def _line(value: JsonObject) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace") + b"\n"


def _key(given: Mapping[str, Any]) -> bytes:
    """What tells a row from others, whatever the order of its fields."""
    text = json.dumps(given, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _redactor() -> Redactor:
    settings = in_force()
    return Redactor(keys=settings.redact_keys, patterns=settings.redact_patterns, cache_dir=settings.state_dir)
