"""An envelope: what was exported of one span, by its instrumentation or by the log events that belong to it.

Invariant: `join` is associative, and what is joined is read as if it had been exported at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from spanglass.wire.base import listing, mapping, text
from spanglass.wire.jsontext import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spanglass.model import JsonObject

#: The event that says in its attributes what the span's own may say.
DETAILS = "gen_ai.client.inference.operation.details"


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a span, or a log event that names it. ``time`` is in ns since the epoch; 0 where it is not known."""

    name: str
    attributes: JsonObject = field(default_factory=dict)
    body: Any = None
    time: int = 0


@dataclass(frozen=True, slots=True)
class Envelope:
    """What was exported of a span. The attributes hold those of its details event, too, which are whole."""

    attributes: JsonObject = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    status: JsonObject = field(default_factory=dict)


def parse(body: bytes | None) -> Envelope:
    """The envelope whose JSON this is; an empty one for anything else."""
    given = mapping(_decode(body))
    events = tuple(_event(event) for event in listing(given.get("events")) if isinstance(event, dict))
    attributes = dict(mapping(given.get("attributes")))
    for event in events:
        if event.name == DETAILS:
            attributes |= event.attributes
            attributes |= {name: said for name, said in mapping(event.body).items() if name.startswith("gen_ai.")}
    return Envelope(attributes, tuple(sorted(events, key=lambda event: event.time)), mapping(given.get("status")))


def join(bodies: Iterable[bytes]) -> bytes:
    """Several envelopes of one span as one; of two that say the same attribute the earlier counts."""
    attributes: JsonObject = {}
    events: list[Any] = []
    status: JsonObject = {}
    for body in bodies:
        given = mapping(_decode(body))
        attributes = {**mapping(given.get("attributes")), **attributes}
        events += listing(given.get("events"))
        status = status or mapping(given.get("status"))
    return msgspec.json.encode({"attributes": attributes, "events": events, "status": status})


def _event(given: JsonObject) -> Event:
    time = given.get("time")
    attributes = mapping(given.get("attributes"))
    return Event(text(given.get("name")), attributes, given.get("body"), time if type(time) is int else 0)


def _decode(body: bytes | None) -> Any:
    try:
        return parse_json(body) if body else None
    except ValueError:
        return None
