"""The events of a Responses stream, joined into the response that the same call gives without streaming.

Invariant: the final response object wins; where it is missing, or has no output, an item is what its ``done`` event
says, or else what its ``added`` event says plus its deltas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from spanglass.wire.base import listing, mapping, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.model import JsonObject
    from spanglass.wire.base import Event

_ENDS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled", "response.done")
#: Where the text of a delta event goes: the item's field, and the kind of its part where the field is a list of parts.
_TEXTS = {
    "response.output_text.delta": ("content", "output_text"),
    "response.refusal.delta": ("content", "refusal"),
    "response.reasoning_text.delta": ("content", "reasoning_text"),
    "response.reasoning_summary_text.delta": ("summary", "summary_text"),
    "response.function_call_arguments.delta": ("arguments", ""),
    "response.mcp_call_arguments.delta": ("arguments", ""),
    "response.custom_tool_call_input.delta": ("input", ""),
    "response.code_interpreter_call_code.delta": ("code", ""),
}
#: What an item is of which only deltas were seen.
_KINDS = {"output_text": "message", "refusal": "message", "reasoning_text": "reasoning", "summary_text": "reasoning"}
_FIELD_KINDS = {"arguments": "function_call", "input": "custom_tool_call", "code": "code_interpreter_call"}


class Joined(NamedTuple):
    """The response as far as it came, the stream's error if it reports one, and whether it came to its end."""

    response: JsonObject
    error: Any
    ended: bool


def join_events(events: Sequence[Event]) -> Joined:
    """Joins the events of one stream."""
    response: JsonObject = {}
    error: Any = None
    ended = False
    for event, payload in reversed(events):
        fields = mapping(payload)
        kind = fields.get("type") or event
        if error is None and (kind == "error" or (kind is None and fields.get("error"))):
            error = payload
        inner = fields.get("response")
        if isinstance(inner, dict) and not response:
            response, ended = inner, kind in _ENDS
            break
        if fields.get("object") == "response":
            response, ended = payload, True
            break
    if not listing(response.get("output")):
        response = {**response, "output": _join_items(events)}
    return Joined(response, error, ended)


def _join_items(events: Sequence[Event]) -> list[JsonObject]:
    items: dict[int | str, _Item] = {}
    for event, payload in events:
        fields = mapping(payload)
        kind = text(fields.get("type")) or event or ""
        place = _place(fields)
        if kind in _TEXTS:
            items.setdefault(place, _Item()).add(kind, fields)
        elif kind == "response.output_item.done":
            items.setdefault(place, _Item()).done = mapping(fields.get("item"))
        elif kind == "response.output_item.added":
            items.setdefault(place, _Item()).start = mapping(fields.get("item"))
    ordered = sorted(items, key=lambda place: place if isinstance(place, int) else -1)  # ids: as they came
    return [items[place].whole() for place in ordered]


def _place(fields: JsonObject) -> int | str:
    """Which item an event is about: by its index, or in streams without by the item's id."""
    index = fields.get("output_index")
    return index if type(index) is int else text(fields.get("item_id")) or text(mapping(fields.get("item")).get("id"))


class _Item:
    """An output item while it grows."""

    __slots__ = ("done", "pieces", "start")

    def __init__(self) -> None:
        self.start: JsonObject = {}
        self.done: JsonObject = {}
        self.pieces: dict[tuple[str, str, int], list[str]] = {}

    def add(self, kind: str, fields: JsonObject) -> None:
        field, part = _TEXTS[kind]
        index = fields.get("summary_index" if field == "summary" else "content_index")
        key = (field, part, index if type(index) is int else 0)
        self.pieces.setdefault(key, []).append(text(fields.get("delta")))

    def whole(self) -> JsonObject:
        if self.done:
            return self.done
        item = dict(self.start)
        for (field, part, _), pieces in sorted(self.pieces.items(), key=lambda entry: entry[0][2]):
            item.setdefault("type", _KINDS.get(part) or _FIELD_KINDS[field])
            joined = "".join(pieces)
            if part:
                key = "refusal" if part == "refusal" else "text"
                item[field] = [*listing(item.get(field)), {"type": part, key: joined}]
            else:
                item[field] = joined
        return item
