"""What Anthropic's API says: messages, whole and as events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fake_provider.openai_wire import event, slices

if TYPE_CHECKING:
    from fake_provider.openai_wire import Reply


def _usage(reply: Reply) -> dict[str, Any]:
    return {
        "input_tokens": 21,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 4,
        "output_tokens": len(reply.text.split()) + 7 * len(reply.calls),
        "service_tier": "standard",
    }


def _tool_uses(reply: Reply) -> list[dict[str, Any]]:
    return [
        {"type": "tool_use", "id": f"toolu_{reply.seed}_{n}", "name": name, "input": json.loads(arguments)}
        for n, (name, arguments) in enumerate(reply.calls)
    ]


def message(reply: Reply, stop_reason: str = "") -> dict[str, Any]:
    """A message."""
    return {
        "id": f"msg_{reply.seed}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [{"type": "text", "text": reply.text}, *_tool_uses(reply)],
        "stop_reason": stop_reason or ("tool_use" if reply.calls else "end_turn"),
        "stop_sequence": None,
        "usage": _usage(reply),
    }


def message_events(reply: Reply, chunks: int, stop_reason: str = "") -> list[bytes]:
    """The same as the events of a stream, in the order in which the API sends them."""
    whole = message(reply, stop_reason)
    opening = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    script: list[dict[str, Any]] = [
        {"type": "message_start", "message": opening},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
    ]
    script += [_delta(0, {"type": "text_delta", "text": piece}) for piece in slices(reply.text, chunks)]
    script.append({"type": "content_block_stop", "index": 0})
    for index, (use, (_, arguments)) in enumerate(zip(_tool_uses(reply), reply.calls, strict=True), 1):
        script.append({"type": "content_block_start", "index": index, "content_block": {**use, "input": {}}})
        script += [_delta(index, {"type": "input_json_delta", "partial_json": p}) for p in ("", *slices(arguments, 3))]
        script.append({"type": "content_block_stop", "index": index})
    ending = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    usage = {"output_tokens": whole["usage"]["output_tokens"]}
    script += [{"type": "message_delta", "delta": ending, "usage": usage}, {"type": "message_stop"}]
    return [event(data, data["type"]) for data in script]


def _delta(index: int, delta: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def error(text: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    """An error body; in a stream, the data of its error event."""
    return {"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_fake"}
