"""Where in a record a text stands.

Invariant: what a person reads (messages, answers, tools, steps) goes first; a body is named only where no reading of it
has the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spanglass.read.leaf import leaves

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanglass.model.record import Record

_MESSAGE = re.compile(r"(messages|output)\[(\d+)\]")
#: What the store does not look through either.
_HEAD = ("trace_id", "span_id", "parent_span_id", "started_at", "ended_at", "name", "service", "missing")
_AROUND = 200


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in a record that has a text.

    Args:
        path: where in the record's JSON, such as ``messages[1].content``.
        role: the role of the message that it is in, or None.
        before, text, after: the text, letter for letter, and what stands around it (200 characters at most).
        count: how often it stands there.
    """

    path: str
    role: str | None
    before: str
    text: str
    after: str
    count: int

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: the fields, in their order."""
        return {name: getattr(self, name) for name in self.__slots__}


def mentions(record: Record, text: str) -> list[Mention]:
    """Where a text stands in a record, in the record's order, each place once.

    Example:
        >>> from spanglass.model.message import ChatMessage
        >>> from spanglass.model.record import Record
        >>> found = mentions(Record("0" * 32, "0" * 16, messages=(ChatMessage.as_user("Rain in Bergen"),)), "in")
        >>> [(place.path, place.role, place.count) for place in found]
        [('messages[0].content', 'user', 2)]
    """
    value = record.to_dict()
    attempts = value.pop("attempts")
    read = {key: item for key, item in value.items() if key not in _HEAD}
    bodies = [{key: attempt[key] for key in ("request_body", "response_body")} for attempt in attempts]
    return list(_in(read, text)) or list(_in({"attempts": bodies}, text))


def _in(value: dict[str, Any], text: str) -> Iterator[Mention]:
    for leaf in leaves(value):
        if not isinstance(leaf.value, str) or text not in leaf.value:
            continue
        at = leaf.value.index(text)
        before, after = leaf.value[max(0, at - _AROUND) : at], leaf.value[at + len(text) : at + len(text) + _AROUND]
        yield Mention(leaf.path, _role(value, leaf.path), before, text, after, leaf.value.count(text))


def _role(value: dict[str, Any], path: str) -> str | None:
    found = _MESSAGE.match(path)
    return None if found is None else str(value[found[1]][int(found[2])]["role"])
