"""What an entry becomes when the journal has no room for its body.

Invariant: nothing goes missing silently. An entry that has a place to say so says what was dropped, how large it was
and which setting decides; there is a little room above the bound, so that these small entries still fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from spanglass.model.entry import AttemptEntry, EnvelopeEntry, RequestEntry, StepEntry, UpstreamEntry

if TYPE_CHECKING:
    from spanglass.model.entry import Entry

_WHY = "dropped, the journal is full (SPANGLASS_JOURNAL_MAX_BYTES)"
_SMALL = 1 << 10
_LEAST_HEAD_ROOM = 64 << 10


def head_room(max_bytes: int) -> int:
    """How many bytes above the bound are kept for entries with a small body or none: 5 %, and at least 64 KiB."""
    return max(max_bytes // 20, _LEAST_HEAD_ROOM)


def without_body(entry: Entry) -> Entry:
    """The entry less its body, and with a word about that; the same entry, when its body is small."""
    size = len(getattr(entry, "body", None) or b"")
    if size <= _SMALL:
        return entry
    if isinstance(entry, (RequestEntry, AttemptEntry)):
        side = "request" if isinstance(entry, RequestEntry) else "response"
        said = f"attempts[{entry.number - 1}].{side}_body: {size:,} bytes {_WHY}"
        return replace(entry, body=None, missing=[*entry.missing, said])
    if isinstance(entry, UpstreamEntry):
        return replace(entry, body=msgspec.json.encode(f"[{size:,} bytes {_WHY}]"))
    if isinstance(entry, (EnvelopeEntry, StepEntry)):
        return replace(entry, body=None)
    return entry
