"""The attributes of Vercel's AI SDK for JavaScript: ``ai.prompt.messages``, ``ai.response.…``.

Source: https://ai-sdk.dev/docs/ai-sdk-core/telemetry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.dialect.attribute import (
    below,
    first_text,
    json_list,
    json_mapping,
    json_value,
    usage_by,
)
from spanglass.dialect.view import Facts, Window
from spanglass.model.message import ChatMessage
from spanglass.wire.base import listing, text
from spanglass.wire.jsontext import json_text
from spanglass.wire.openai_chat_tools import tool_call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanglass.dialect.envelope import Envelope
    from spanglass.model import JsonObject

_USAGE = {
    "input_tokens": ("ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens"),
    "output_tokens": ("ai.usage.outputTokens", "ai.usage.completionTokens"),
    "cache_read_input_tokens": ("ai.usage.cachedInputTokens",),
    "cache_write_input_tokens": (),
    "reasoning_output_tokens": ("ai.usage.reasoningTokens",),
}


def facts(envelope: Envelope) -> Facts:
    """What the attributes say of the call."""
    attributes = envelope.attributes
    provider = first_text(attributes, "ai.model.provider")
    called = first_text(attributes, "ai.operationId") or ""
    return Facts(
        provider=provider and provider.partition(".")[0],
        operation=("embeddings" if "embed" in called.lower() else "chat") if called else None,
        request_model=first_text(attributes, "ai.model.id"),
        response_model=first_text(attributes, "ai.response.model"),
        response_id=first_text(attributes, "ai.response.id"),
        finish_reasons=tuple(filter(None, [first_text(attributes, "ai.response.finishReason", "ai.finishReason")])),
        usage=usage_by(attributes, _USAGE),
    )


def window(envelope: Envelope) -> Window:
    """The messages, tools and options that the attributes say."""
    attributes = envelope.attributes
    return Window(
        tuple(_messages(attributes)),
        tuple(_answer(attributes)),
        tuple(json_value(tool) or tool for tool in json_list(attributes.get("ai.prompt.tools"))),
        below(attributes, "ai.settings."),
    )


def _messages(attributes: JsonObject) -> Iterator[ChatMessage]:
    prompt = json_mapping(attributes.get("ai.prompt"))
    if isinstance(prompt.get("system"), str):
        yield ChatMessage.as_system(prompt["system"])
    if isinstance(prompt.get("prompt"), str):
        yield ChatMessage.as_user(prompt["prompt"])
    for message in json_list(attributes.get("ai.prompt.messages")) or listing(prompt.get("messages")):
        if isinstance(message, dict):
            yield from _message(message)
    embedded = [attributes.get("ai.value"), *json_list(attributes.get("ai.values"))]
    yield from (ChatMessage.as_user(said) for said in map(_unquoted, embedded) if said)


def _message(message: JsonObject) -> Iterator[ChatMessage]:
    """A message; each result of a tool is one of its own, as everywhere here."""
    role, content = text(message.get("role")) or "user", message.get("content")
    if not isinstance(content, list):
        yield ChatMessage(role, content if isinstance(content, str) else json_text(content))
        return
    parts = [part for part in content if isinstance(part, dict)]
    for part in parts:
        if part.get("type") == "tool-result":
            result = _value(part.get("result", part.get("output")))
            yield ChatMessage("tool", result, None, None, part.get("toolCallId"), part.get("toolName"))
    said = [part for part in parts if part.get("type") not in ("tool-call", "tool-result", "reasoning")]
    calls = [_call(part) for part in parts if part.get("type") == "tool-call"]
    reasoning = "\n".join(text(part.get("text")) for part in parts if part.get("type") == "reasoning")
    if said or calls or reasoning:
        yield ChatMessage(role, _content(said), reasoning or None, calls or None)


def _content(parts: list[JsonObject]) -> Any:
    if parts and all(part.get("type") == "text" for part in parts):
        return "\n".join(text(part.get("text")) for part in parts)
    return parts or None


def _answer(attributes: JsonObject) -> Iterator[ChatMessage]:
    said = first_text(attributes, "ai.response.text", "ai.response.object", "ai.result.text", "ai.result.object")
    reasoning = first_text(attributes, "ai.response.reasoning")
    given = json_list(attributes.get("ai.response.toolCalls")) or json_list(attributes.get("ai.result.toolCalls"))
    calls = [_call(call) for call in given if isinstance(call, dict)]
    if said or reasoning or calls:
        yield ChatMessage.as_assistant(said, reasoning_content=reasoning, tool_calls=calls or None)


def _call(part: JsonObject) -> JsonObject:
    return tool_call(part.get("toolCallId"), None, part.get("toolName"), part.get("args", part.get("input")), {})


def _value(result: Any) -> str:
    """A tool's result, which later versions wrap in ``{"type", "value"}``."""
    inner = result.get("value") if isinstance(result, dict) and "type" in result and "value" in result else result
    return inner if isinstance(inner, str) else json_text(inner)


def _unquoted(said: Any) -> str:
    value = json_value(said)
    return value if isinstance(value, str) else text(said)
