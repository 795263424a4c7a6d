"""Spans and log events about calls to models, of any vendor or language, as entries.

Invariant: an entry is a function of the item and of what the redactor masks, so an item that comes again makes the very
same entry; nothing of an item leaves this module unmasked.

What only a span of our own tells (its record went another way) becomes two entries: the stub, small and always kept,
which marks a record that never arrives; and the previews, kept only while nothing better is known.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from spanglass.model.entry import EnvelopeEntry
from spanglass.server.decoding import attributes_of, ids_of, moment, parent_of, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spanglass.redact import Redactor
    from spanglass.server.decoding import Item

REF = "spanglass.ref"
#: By these an attribute's name tells that a span is about a model.
_MARKS = ("gen_ai.", "llm.", "embedding.", REF)
_KIND = "openinference.span.kind"
_KINDS = frozenset({"LLM", "EMBEDDING", "AGENT", "TOOL", "RERANKER"})
_EVENT_MARK = "gen_ai."
#: The number of what a span of our own says of the messages; those of log events are far above.
PREVIEW_NUMBER = 1
_STUB_CHARACTERS = 256
_ONLY_THE_SPAN = "payload: only the span has arrived here, not the call's record"
_STATUSES = {0: "UNSET", 1: "OK", 2: "ERROR", "STATUS_CODE_OK": "OK", "STATUS_CODE_ERROR": "ERROR"}
_encode = msgspec.json.Encoder(enc_hook=repr).encode


def is_about_a_model(item: Item) -> bool:
    """Whether a span is one of a call to a model, or of an agent or tool around such calls."""
    for pair in item.raw.attributes:
        if pair.key.startswith(_MARKS):
            return True
        if pair.key == _KIND and plain(pair.value) in _KINDS:
            return True
    return any(event.name.startswith(_EVENT_MARK) for event in item.raw.events)


def event_name_of(item: Item) -> str:
    """The name of a log event: its own field, or the attribute that stood for it before."""
    if item.raw.event_name:
        return str(item.raw.event_name)
    return next((str(plain(pair.value)) for pair in item.raw.attributes if pair.key == "event.name"), "")


def is_event_of_a_model(item: Item) -> bool:
    """Whether a log record is an event of the gen_ai conventions, of a span that it names."""
    return event_name_of(item).startswith(_EVENT_MARK) and any(ids_of(item.raw))


def entries_of_span(item: Item, redactor: Redactor) -> list[EnvelopeEntry]:
    """The entries of a span: one, or of a span of our own the stub and the previews.

    Raises:
        NotOtlp: its ids, times or attributes are none.
    """
    raw = item.raw
    attributes = attributes_of(raw)
    events = [
        {"name": event.name, "attributes": attributes_of(event), "time": moment(event.time_unix_nano)}
        for event in raw.events
    ]
    code, message = (raw.status.code, raw.status.message) if raw.status is not None else (0, "")
    status = {"code": _STATUSES.get(code, "UNSET"), "description": message or None}
    if REF not in attributes:
        return [_entry_of_span(item, redactor, {"attributes": attributes, "events": events, "status": status})]
    stub = {name: value for name, value in attributes.items() if len(str(value)) <= _STUB_CHARACTERS}
    rest = {name: value for name, value in attributes.items() if name not in stub}
    body = {"attributes": stub, "events": [], "status": status}
    entries = [_entry_of_span(item, redactor, body, missing=[_ONLY_THE_SPAN])]
    if rest or events:
        more = {"attributes": rest, "events": events, "status": {}}
        entries.append(_entry_of_span(item, redactor, more, number=PREVIEW_NUMBER))
    return entries


def entry_of_event(item: Item, redactor: Redactor) -> EnvelopeEntry:
    """The entry of a log event. Its number is made of what it says, so that each event of a span is a part of its own.

    Raises:
        NotOtlp: its ids, time, attributes or body are none.
    """
    raw = item.raw
    trace_id, span_id = ids_of(raw)
    when = moment(raw.time_unix_nano) or moment(raw.observed_time_unix_nano)
    event = {"name": event_name_of(item), "attributes": attributes_of(raw), "body": plain(raw.body), "time": when}
    masked, redactions = redactor.body(_encode({"attributes": {}, "events": [event], "status": {}}))
    return EnvelopeEntry(
        trace_id,
        span_id,
        None,
        "",
        redactor.text(item.origin.service)[0],
        redactor.text(item.origin.scope)[0],
        when,
        when,
        masked,
        _number_of(masked),
        redactions,
    )


def _entry_of_span(
    item: Item, redactor: Redactor, body: dict[str, Any], *, number: int = 0, missing: Iterable[str] = ()
) -> EnvelopeEntry:
    raw = item.raw
    trace_id, span_id = ids_of(raw)
    masked, redactions = redactor.body(_encode(body))
    return EnvelopeEntry(
        trace_id,
        span_id,
        parent_of(raw),
        redactor.text(raw.name)[0],
        redactor.text(item.origin.service)[0],
        redactor.text(item.origin.scope)[0],
        moment(raw.start_time_unix_nano),
        moment(raw.end_time_unix_nano),
        masked,
        number,
        redactions,
        list(missing),
    )


def _number_of(body: bytes) -> int:
    """A number that is the same for the same event; positive, and above those that have a meaning."""
    digest = hashlib.blake2b(body, digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 2 | 1 << 61
