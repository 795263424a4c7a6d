"""The bounded, valid-JSON excerpt of the messages that goes on the span.

Invariant: `messages_preview` gives valid JSON of at most ``limit`` UTF-8 bytes whatever it is given: what is cut is cut
inside the structure, head and tail stay, and a marker says how much is elsewhere. (A value that a collector has to cut
would no longer be JSON, and Jaeger's GenAI tab then shows one blob.)

The shape is the gen_ai convention's: ``[{"role", "parts": [{"type", …}]}]``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.model.message import ChatMessage

#: Bytes of one preview attribute. A default collector and Jaeger's page take this without cutting it.
LIMIT = 8_000
_HEAD_MESSAGES = 2
_TAIL_MESSAGES = 6
_SMALLEST_TEXT = 24
_MARKER_ROLE = "spanglass"

_encoder = msgspec.json.Encoder()


def messages_preview(
    messages: Sequence[ChatMessage], limit: int | None = LIMIT, finish_reasons: Sequence[str] = ()
) -> str:
    """The convention's messages JSON.

    Args:
        messages: the conversation, or the output.
        limit: bytes, or None for no bound.
        finish_reasons: of output messages, by position.
    """
    if limit is None or sum(map(_size, messages)) < limit:
        text = _encode(_shaped(messages, None, finish_reasons))
        if limit is None or len(text) <= limit:
            return text.decode()
    return _bounded(messages, limit, finish_reasons)


def instructions_preview(messages: Sequence[ChatMessage], limit: int | None = LIMIT) -> str:
    """The convention's system instructions JSON: the parts of the system messages in a row."""
    budget: int | None = None
    while True:
        parts = [part for message in messages for part in _parts(message, budget)]
        text = _encode(parts)
        if limit is None or len(text) <= limit:
            return text.decode()
        budget = limit // (2 * len(parts)) if budget is None else budget // 2
        if budget < _SMALLEST_TEXT:
            return _encode([_text_part(_elsewhere(sum(map(_size, messages))))]).decode()


def excerpt(text: str, limit: int) -> str:
    """``text`` within about ``limit`` characters: its head and tail around a marker that counts what is left out.

    Example:
        >>> excerpt("a" * 1000, 40)
        'aaaaaaaaaaaaaaaaaaaa … 960 more characters … aaaaaaaaaaaaaaaaaaaa'
    """
    if len(text) <= limit:
        return text
    half = max(limit // 2, 1)
    return f"{text[:half]} … {len(text) - 2 * half:,} more characters … {text[-half:]}"


def text_of(message: ChatMessage) -> str:
    """The readable text of a message: its content, its reasoning's absence aside, and the tool calls it makes."""
    content = message.content
    pieces = [content] if isinstance(content, str) else [_part_text(part) for part in content or ()]
    for call in message.tool_calls or ():
        function = _function(call)
        pieces.append(f"{function.get('name')}({function.get('arguments')})")
    return "\n".join(piece for piece in pieces if piece)


def _encode(value: Any) -> bytes:
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:  # a lone surrogate, which JSON can say and UTF-8 cannot
        return json.dumps(value).encode()


def _bounded(messages: Sequence[ChatMessage], limit: int, finish_reasons: Sequence[str]) -> str:
    head, tail = messages, messages[:0]
    if len(messages) > _HEAD_MESSAGES + _TAIL_MESSAGES:
        head, tail = messages[:_HEAD_MESSAGES], messages[-_TAIL_MESSAGES:]
    left_out = messages[len(head) : len(messages) - len(tail)]
    budget = limit // max(1, len(head) + len(tail))
    while budget >= _SMALLEST_TEXT:
        shaped = _shaped(head, budget, finish_reasons)
        if left_out:
            shaped.append(_marker(len(left_out), sum(map(_size, left_out))))
            shaped += _shaped(tail, budget, ())
        text = _encode(shaped)
        if len(text) <= limit:
            return text.decode()
        budget = budget * 2 // 3
    return _encode([_marker(len(messages), sum(map(_size, messages)))]).decode()


def _marker(count: int, size: int) -> dict[str, Any]:
    noun = "message" if count == 1 else "messages"
    return {"role": _MARKER_ROLE, "parts": [_text_part(f"[{count} {noun} not shown: {_elsewhere(size)}]")]}


def _elsewhere(size: int) -> str:
    return f"{size:,} characters are in the record, see spanglass.ref"


def _shaped(messages: Sequence[ChatMessage], budget: int | None, finish_reasons: Sequence[str]) -> list[dict[str, Any]]:
    shaped: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        value: dict[str, Any] = {"role": _cut(message.role, budget), "parts": _parts(message, budget)}
        if message.name:
            value["name"] = _cut(message.name, budget)
        if index < len(finish_reasons):
            value["finish_reason"] = _cut(finish_reasons[index], budget)
        shaped.append(value)
    return shaped


def _parts(message: ChatMessage, budget: int | None) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if message.reasoning_content:
        parts.append({"type": "reasoning", "content": _cut(message.reasoning_content, budget)})
    if message.tool_call_id is not None:
        response = _cut(text_of(message), budget)
        parts.append({"type": "tool_call_response", "id": _cut(message.tool_call_id, budget), "response": response})
        return parts
    content = message.content
    if isinstance(content, str):
        parts.append(_text_part(_cut(content, budget)))
    else:
        parts += _many(content or [], budget)
    for call in message.tool_calls or ():
        function = _function(call)
        name, arguments = str(function.get("name") or ""), _as_text(function.get("arguments"))
        parts.append(
            {
                "type": "tool_call",
                "id": _cut(str(call.get("id") or ""), budget),
                "name": _cut(name, budget),
                "arguments": _cut(arguments, budget),
            }
        )
    return parts


def _many(content: list[Any], budget: int | None) -> list[dict[str, Any]]:
    """The parts of a message of many parts; under a budget the first few, and what they stand for."""
    if budget is None:
        return [_part(part, None) for part in content]
    shown = content[:_TAIL_MESSAGES]
    parts = [_part(part, budget // len(shown)) for part in shown]
    if len(content) > len(shown):
        parts.append(_text_part(f"[{len(content) - len(shown)} more parts in the record]"))
    return parts


def _part(part: Any, budget: int | None) -> dict[str, Any]:
    text = _part_text(part)
    kind = part.get("type") if isinstance(part, dict) else None
    if isinstance(kind, str) and not _is_text(part):
        return {"type": _cut(kind, budget), "content": _cut(text, budget)}
    return _text_part(_cut(text, budget))


def _part_text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and _is_text(part):
        return str(part["text"])
    return _as_text(part)


def _is_text(part: dict[str, Any]) -> bool:
    return isinstance(part.get("text"), str)


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "text", "content": text}


def _function(call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    return function if isinstance(function, dict) else {}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else _encode(value).decode()


def _cut(text: str, budget: int | None) -> str:
    return text if budget is None or len(text) <= budget else excerpt(text, max(budget - 40, _SMALLEST_TEXT // 2))


def _size(message: ChatMessage) -> int:
    """About how many characters a message holds; never less than half of its text."""
    content = message.content
    size = len(content) if isinstance(content, str) else sum(len(_part_text(part)) for part in content or ())
    if message.reasoning_content:
        size += len(message.reasoning_content)
    for call in message.tool_calls or ():
        size += len(_as_text(_function(call).get("arguments")))
    return size
