"""OpenTelemetry's conventions for generative AI: today's names, and those that they had before.

Messages are ``[{"role", "parts": [{"type", …}]}]``, as a list or as JSON text of one, on the span or its details event.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/ (and its versions since 1.27).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.dialect.attribute import below, first_text, json_list, json_value, texts, usage_by
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
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "cache_read_input_tokens": ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
    "cache_write_input_tokens": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
    ),
    "reasoning_output_tokens": ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"),
}
_REQUEST = "gen_ai.request."
_NO_OPTIONS = frozenset({"model"})


def facts(envelope: Envelope) -> Facts:
    """What the attributes say of the call; those that spanglass itself writes are among them."""
    attributes = envelope.attributes
    return Facts(
        provider=first_text(attributes, "gen_ai.provider.name", "gen_ai.system"),
        operation=first_text(attributes, "gen_ai.operation.name"),
        request_model=first_text(attributes, "gen_ai.request.model"),
        response_model=first_text(attributes, "gen_ai.response.model"),
        response_id=first_text(attributes, "gen_ai.response.id"),
        finish_reasons=texts(attributes.get("gen_ai.response.finish_reasons")),
        usage=usage_by(attributes, _USAGE),
        workflow_id=first_text(attributes, "spanglass.workflow"),
        step_name=first_text(attributes, "spanglass.step"),
    )


def window(envelope: Envelope) -> Window:
    """The messages, tools and options that the attributes say; of a tool's span the call and its result."""
    attributes = envelope.attributes
    system = json_value(attributes.get("gen_ai.system_instructions"))
    if system is None:
        system = attributes.get("gen_ai.system_instructions")
    messages = (*_instructions(system), *read_messages(attributes.get("gen_ai.input.messages")))
    called, answered = _tool(attributes)
    return Window(
        messages or called,
        tuple(read_messages(attributes.get("gen_ai.output.messages"))) or answered,
        tuple(json_list(attributes.get("gen_ai.tool.definitions"))),
        {name: said for name, said in below(attributes, _REQUEST).items() if name not in _NO_OPTIONS},
    )


def read_messages(said: Any) -> Iterator[ChatMessage]:
    """Messages as the conventions write them; each result of a tool is a message of its own, as everywhere here."""
    for item in json_list(said):
        if isinstance(item, dict) and isinstance(item.get("role"), str):
            yield from _message(item["role"], listing(item.get("parts")), item.get("name"))


def _message(role: str, parts: list[Any], name: Any) -> Iterator[ChatMessage]:
    reasoning: list[str] = []
    calls: list[JsonObject] = []
    content: list[Any] = []
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "reasoning":
            reasoning.append(text(part.get("content")))
        elif kind == "tool_call":
            calls.append(tool_call(part.get("id"), None, part.get("name"), part.get("arguments"), {}))
        elif kind == "tool_call_response":
            result = part.get("response", part.get("result"))
            yield ChatMessage(
                "tool", result if isinstance(result, str) else json_text(result), None, None, part.get("id")
            )
        else:
            content.append(part)
    if content or calls or reasoning or not parts:
        said = text_of(content) if content else None
        yield ChatMessage(role, said, "\n".join(reasoning) or None, calls or None, None, text(name) or None)


def _instructions(said: Any) -> tuple[ChatMessage, ...]:
    if isinstance(said, str):
        return (ChatMessage.as_system(said),) if said else ()
    return (ChatMessage.as_system(text_of(said)),) if isinstance(said, list) and said else ()


def text_of(parts: list[Any]) -> str | list[Any]:
    """The text, where there is nothing but text; else the parts, text parts spelled as everywhere here."""
    if all(_is_text(part) for part in parts):
        return "\n".join(part["content"] for part in parts)
    return [{"type": "text", "text": part["content"]} if _is_text(part) else part for part in parts]


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("content"), str)


def _tool(attributes: JsonObject) -> tuple[tuple[ChatMessage, ...], tuple[ChatMessage, ...]]:
    """Of a tool's span: the call, and what the tool gave back."""
    name, call_id = first_text(attributes, "gen_ai.tool.name"), first_text(attributes, "gen_ai.tool.call.id")
    if name is None:
        return (), ()
    given, result = attributes.get("gen_ai.tool.call.arguments"), attributes.get("gen_ai.tool.call.result")
    called = ChatMessage.as_assistant(tool_calls=[tool_call(call_id, None, name, given, {})])
    if result is None:
        return (called,), ()
    return (called,), (
        ChatMessage("tool", result if isinstance(result, str) else json_text(result), None, None, call_id, name),
    )
