"""Our own log records: the chunks of entries that another spanglass sends (`spanglass.store.remote`).

Invariant: a record is told ours by its scope and event name alone; what it then lacks makes it a bad item, in words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from spanglass.server.decoding import NotOtlp, attributes_of, ids_of, plain
from spanglass.store.parcel import Chunk, read_header
from spanglass.store.remote import EVENT_NAME, SCOPE_NAME

if TYPE_CHECKING:
    from spanglass.model.entry import Entry
    from spanglass.server.decoding import Item

_PREFIX = "spanglass.parcel."
#: How a record names the body of an entry, by its kind; the others have no place for what is missing.
_BODIES = {"request": "attempts[{}].request_body", "attempt": "attempts[{}].response_body", "envelope": "envelope"}


class _Numbered(msgspec.Struct):
    number: int = 0


def is_parcel(item: Item) -> bool:
    """Whether a log record is one of ours."""
    return item.raw.event_name == EVENT_NAME and item.origin.scope == SCOPE_NAME


def read_chunk(item: Item) -> Chunk:
    """The chunk that a log record of ours carries.

    Raises:
        NotOtlp: it lacks something.
    """
    told = {name.removeprefix(_PREFIX): value for name, value in attributes_of(item.raw).items()}
    trace_id, span_id = ids_of(item.raw)
    return Chunk(
        trace_id,
        span_id,
        _told(told, "kind", str),
        _told(told, "digest", str),
        _told(told, "number", int),
        _told(told, "count", int),
        _told({"body": plain(item.raw.body)}, "body", bytes),
        _told({"header": b"", **told}, "header", bytes),
    )


def still_on_its_way(chunk: Chunk) -> list[Entry]:
    """What can be told of an entry some of whose chunks are missing: the entry without its body, and marked so.

    The whole entry takes its place when it has come, because a part that has its body is better than one that has not.
    """
    what = _BODIES.get(chunk.kind)
    if not chunk.header or what is None:
        return []
    number = msgspec.json.decode(chunk.header, type=_Numbered).number
    return [read_header(chunk.kind, chunk.header, f"{what.format(number - 1)}: not all of it has arrived here yet")]


def _told(values: dict[str, Any], name: str, kind: type) -> Any:
    value = values.get(name)
    if type(value) is not kind:
        message = f"a record of spanglass without its {name}"
        raise NotOtlp(message)
    return value
