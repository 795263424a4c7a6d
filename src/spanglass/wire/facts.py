"""What an answer says of itself, read into its journal entry on the way to a store.

Invariant: what is read is a function of the entry alone, so whoever takes an entry out of a journal, and however
often, gives the store the same; and a store knows of an answer what its bytes say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from spanglass.model.entry import AnswerFacts, AttemptEntry
from spanglass.wire.read import read_response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.model.entry import Entry

_FIRST_ERROR_STATUS = 400


def with_facts(entries: Sequence[Entry]) -> list[Entry]:
    """The entries; each that brings an answer says what that answer says of itself.

    Example:
        >>> body = b'{"id": "c-1", "model": "m", "choices": []}'
        >>> entry = AttemptEntry("0" * 32, "0" * 16, 1, 200, 0, True, format="openai_chat", body=body)
        >>> with_facts([entry])[0].answer.response_id
        'c-1'
    """
    return [_read(entry) if isinstance(entry, AttemptEntry) and _is_unread(entry) else entry for entry in entries]


def _is_unread(entry: AttemptEntry) -> bool:
    return entry.answer is None and entry.body is not None and (entry.status or 0) < _FIRST_ERROR_STATUS


def _read(entry: AttemptEntry) -> AttemptEntry:
    content_type = next((value for name, value in entry.headers if name.lower() == "content-type"), "")
    view = read_response(entry.format, entry.body or b"", content_type=content_type, status=entry.status or 0)
    return replace(
        entry,
        answer=AnswerFacts(view.response_model, view.response_id, list(view.finish_reasons), view.usage),
    )
