"""OpenAI's Responses API.

Invariant: nothing of the input is lost, and the order stays: each item is a message.

- ``instructions`` are a system message, the first; an ``input`` that is a text is a user message;
- ``function_call`` and ``custom_tool_call`` are assistant messages with one tool call, their outputs ``tool`` messages;
- ``reasoning`` is an assistant message with the reasoning content, what is left of the item is its part;
- any other item is a message with the item as its one part.

The answer is one assistant message: the parts of its messages and all other items in order, its reasoning, its tool
calls. The finish reason is the response's status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.model.message import ChatMessage
from spanglass.wire.base import RequestView, ResponseView, filled, listing, mapping, take, text
from spanglass.wire.error import error_of, read_error
from spanglass.wire.jsontext import decode
from spanglass.wire.openai_chat_tools import tool_call
from spanglass.wire.openai_responses_stream import join_events
from spanglass.wire.usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.model import JsonObject
    from spanglass.wire.base import Event

__all__ = ["decode", "fold", "name", "operation", "read_request", "read_response"]

name = "openai_responses"
operation = "chat"

_CALLS = {"function_call": "function", "custom_tool_call": "custom"}
_OUTPUTS = ("function_call_output", "custom_tool_call_output")


def read_request(payload: JsonObject) -> RequestView:
    """The view of a request body."""
    options = dict(payload)
    model = take(options, "model")
    messages: list[ChatMessage] = []
    instructions, given = options.pop("instructions", None), options.pop("input", None)
    if instructions is not None:
        content = instructions if isinstance(instructions, (str, list)) else [instructions]
        messages.append(ChatMessage.as_system(content))
    rests: JsonObject = {}
    for place, item in enumerate(given if isinstance(given, list) else [] if given is None else [given]):
        message, rest = _read_item(item)
        messages.append(message)
        if rest := filled(rest):
            rests[str(place)] = rest
    if rests:
        options["input"] = rests
    tools = tuple(options.pop("tools")) if isinstance(options.get("tools"), list) else ()
    return RequestView(model, tuple(messages), tools, options, bool(payload.get("stream")))


def _read_item(item: Any) -> tuple[ChatMessage, JsonObject]:
    """A message from an item, and what the item says beside the fields of a message."""
    if not isinstance(item, dict):
        return ChatMessage.as_user(item if isinstance(item, str) else [item]), {}
    kind = text(item.get("type"))
    rest = dict(item)
    if kind in ("message", "") and "role" in item:
        take(rest, "type")
        role, content = take(rest, "role") or "user", rest.pop("content", None)
        return ChatMessage(role, content if isinstance(content, (str, list)) or content is None else [content]), rest
    if kind in _CALLS:
        rest.pop("type")
        return ChatMessage.as_assistant(tool_calls=[_take_call(kind, rest)]), rest
    if kind in _OUTPUTS:
        rest.pop("type")
        output = rest.pop("output", None)
        content = output if isinstance(output, (str, list)) or output is None else [output]
        return ChatMessage("tool", content, tool_call_id=take(rest, "call_id"), name=take(rest, "name")), rest
    if kind == "reasoning":
        reasoning, left = _split_reasoning(item)
        return ChatMessage.as_assistant([left] if left.keys() - {"type"} else None, reasoning_content=reasoning), {}
    role = text(item.get("role")) or _role_of(kind)
    return ChatMessage(role, [item], tool_call_id=text(item.get("call_id")) or None if role == "tool" else None), {}


def _role_of(kind: str) -> str:
    """Whose an item of no message is: a hosted tool's output (a shell's, a computer's) comes from the caller's side."""
    if kind.endswith("_output"):
        return "tool"
    return "user" if kind in ("", "mcp_approval_response") else "assistant"


def _take_call(kind: str, rest: JsonObject) -> JsonObject:
    arguments = rest.pop("arguments", None)
    if kind == "custom_tool_call" or arguments is None:
        arguments = rest.pop("input", arguments)
    return tool_call(take(rest, "call_id"), _CALLS[kind], take(rest, "name"), arguments, {})


def _split_reasoning(item: JsonObject) -> tuple[str | None, JsonObject]:
    """The visible reasoning of an item, and what is left of the item."""
    rest = dict(item)
    thoughts: list[str] = []
    for key in ("summary", "content"):
        parts = rest.get(key)
        if isinstance(parts, list) and all(isinstance(mapping(part).get("text"), str) for part in parts):
            thoughts += [part["text"] for part in rest.pop(key)]
    return "\n\n".join(filter(None, thoughts)) or None, filled(rest)


def read_response(payload: JsonObject) -> ResponseView:
    """The view of a whole answer."""
    status = text(payload.get("status"))
    return ResponseView(
        tuple(_read_output(listing(payload.get("output")))),
        text(payload.get("model")) or None,
        text(payload.get("id")) or None,
        (status,) if status else (),
        read_usage(payload if "usage" not in payload and "input_tokens" in payload else payload.get("usage")),
        error_of(payload),
        complete=True,
    )


def _read_output(items: list[Any]) -> list[ChatMessage]:
    others: list[ChatMessage] = []
    parts: list[Any] = []
    thoughts: list[str] = []
    calls: list[JsonObject] = []
    for item in items:
        fields = mapping(item)
        kind = text(fields.get("type"))
        if kind == "message" and fields.get("role", "assistant") != "assistant":  # a compacted conversation
            others.append(_read_item(item)[0])
        elif kind == "message":
            content = fields.get("content")
            parts += content if isinstance(content, list) else [] if content is None else [content]
        elif kind in _CALLS:
            rest = {key: value for key, value in fields.items() if key not in ("type", "id", "status")}
            call = _take_call(kind, rest)
            calls.append({**filled(rest), **call})
        elif kind == "reasoning":
            reasoning, left = _split_reasoning(fields)
            thoughts.append(reasoning or "")
            if "encrypted_content" in left:
                parts.append(left)
        else:
            parts.append(item)
    reasoning = "\n\n".join(filter(None, thoughts)) or None
    if not items or not (parts or calls or reasoning):
        return others
    return [*others, ChatMessage.as_assistant(parts or None, reasoning_content=reasoning, tool_calls=calls or None)]


def fold(events: Sequence[Event]) -> ResponseView:
    """The answer that a stream's events make: its final response object, or without one what the deltas make."""
    joined = join_events(events)
    view = read_response(joined.response)
    return ResponseView(
        view.output,
        view.response_model,
        view.response_id,
        view.finish_reasons if joined.ended else (),
        view.usage,
        view.error if joined.error is None else read_error(joined.error),
        complete=joined.ended,
    )
