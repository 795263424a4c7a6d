"""The events of an Anthropic stream, joined into the message that the same call gives without streaming.

Invariant: a block is what its start said plus what its deltas added, and nothing is lost when a stream is cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from spanglass.wire.base import mapping, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.model import JsonObject
    from spanglass.wire.base import Event

#: A block of which the start was not seen is told by what its deltas add.
_KINDS = {"text": "text", "thinking": "thinking", "signature": "thinking", "partial_json": "tool_use"}


class Joined(NamedTuple):
    """The message as far as it came, the stream's error if it reports one, and whether the message came to its end."""

    message: JsonObject
    error: Any
    stopped: bool


def join_events(events: Sequence[Event]) -> Joined:  # noqa: C901 - one branch per kind of event
    """Joins the events of one stream."""
    message: JsonObject = {}
    usage: JsonObject = {}
    blocks: dict[int, _Block] = {}
    error: Any = None
    stopped = False
    for event, payload in events:
        if not isinstance(payload, dict):
            if event == "error":
                error = payload
            continue
        kind = payload.get("type") or event
        if kind == "content_block_delta":
            index = _index(payload)
            block = blocks.get(index)
            if block is None:
                block = blocks[index] = _Block({})
            block.add(mapping(payload.get("delta")))
        elif kind == "content_block_start":
            blocks[_index(payload)] = _Block(mapping(payload.get("content_block")))
        elif kind == "message_start":
            message.update(mapping(payload.get("message")))
            usage.update(_said(message.get("usage")))
        elif kind == "message_delta":
            message.update(_said(payload.get("delta")))
            usage.update(_said(payload.get("usage")))
        elif kind == "message_stop":
            stopped = True
        elif kind == "error" or payload.get("error"):
            error = payload
        elif kind in ("message", "completion"):
            _take_whole(payload, message)
    if blocks:
        message["content"] = [blocks[index].whole() for index in sorted(blocks)]
    message["usage"] = usage or message.get("usage")
    return Joined(message, error, stopped or bool(message.get("stop_reason")))


def _take_whole(payload: JsonObject, message: JsonObject) -> None:
    """A whole message as one event, or a piece of a legacy text completion, whose last piece has all the rest."""
    before = text(message.get("completion"))
    message.update(payload)
    if "completion" in payload:
        message["completion"] = before + text(payload["completion"])


def _index(payload: JsonObject) -> int:
    index = payload.get("index")
    return index if type(index) is int else 0


def _said(value: Any) -> JsonObject:
    return {key: item for key, item in mapping(value).items() if item is not None}


class _Block:
    """A content block while it grows."""

    __slots__ = ("citations", "pieces", "start")

    def __init__(self, start: JsonObject) -> None:
        self.start = start
        self.pieces: dict[str, list[str]] = {}
        self.citations: list[Any] = []

    def add(self, delta: JsonObject) -> None:
        for key, value in delta.items():
            if key == "type":
                continue
            if type(value) is str:
                pieces = self.pieces.get(key)
                if pieces is None:
                    pieces = self.pieces[key] = []
                pieces.append(value)
            elif key == "citation":
                self.citations.append(value)

    def whole(self) -> JsonObject:
        block = dict(self.start)
        for key, pieces in self.pieces.items():
            block.setdefault("type", _KINDS.get(key))
            joined = "".join(pieces)
            if key != "partial_json":
                block[key] = text(block.get(key)) + joined
            elif joined:
                block["input"] = joined  # the JSON text as it came, whole or cut
        if self.citations:
            given = block.get("citations")
            block["citations"] = [*(given if isinstance(given, list) else []), *self.citations]
        return block
