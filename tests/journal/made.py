"""Entries that carry a number, so that a test can tell which came through, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanglass.journal import Journal
from spanglass.journal.files import data_bytes
from spanglass.journal.frame import encode_all
from spanglass.model.entry import CallFacts, Entry, ExitEntry, OutcomeEntry, RequestEntry, UpstreamEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

MIB = 1 << 20


def request(number: int, body: bytes | None = b"{}", owner: str = "o") -> RequestEntry:
    """An entry with headers, call facts and, as it likes, a body."""
    facts = CallFacts("chat gpt", number, owner, service="tests", format="openai_chat", request_model="gpt")
    headers = [("content-type", "application/json"), ("accept", "*/*")]
    return RequestEntry("a" * 32, f"{number:016x}", facts, 1, "POST", "https://llm.test/v1", number, headers, body=body)


def small(number: int) -> UpstreamEntry:
    """An entry of a few bytes."""
    return UpstreamEntry("a" * 32, f"{number:016x}")


def outcome(number: int) -> OutcomeEntry:
    """An entry of a kind that has no body."""
    return OutcomeEntry("a" * 32, f"{number:016x}", CallFacts("chat", 1, "o"), "done", 2)


def numbers(entries: Iterable[Entry]) -> list[int]:
    """Which entries these are; exits left out."""
    return [int(entry.span_id, 16) for entry in entries if not isinstance(entry, ExitEntry)]


def exits(entries: Iterable[Entry]) -> list[str]:
    """The owners that were said to be gone."""
    return [entry.owner for entry in entries if isinstance(entry, ExitEntry)]


def first_of_each(found: Sequence[int]) -> list[int]:
    """In the order of their first coming."""
    return list(dict.fromkeys(found))


def journal_in(directory: Path, max_bytes: int = 1 << 30) -> Journal:
    """A journal that never reaches its bound, if not told so."""
    return Journal(directory, max_bytes=max_bytes)


def frame(entry: Entry, seed: int) -> bytes:
    """An entry as it lies in a journal."""
    return b"".join(encode_all([entry], seed)[0])


def write_behind(path: Path, raw: bytes, *, shift: int = 0) -> None:
    """Writes bytes behind all frames of a segment, ``shift`` bytes from there, as another process would."""
    write_at(path, data_bytes(path) + shift, raw)


def write_at(path: Path, at: int, raw: bytes) -> None:
    """Writes bytes at a place in a segment, as another process would."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(raw)


def last_segment(directory: Path, owner: str) -> Path:
    """The file at the end of an owner's journal."""
    return max(directory.glob(f"{owner}-*.wal"), key=lambda path: int(path.stem.rpartition("-")[2]))
