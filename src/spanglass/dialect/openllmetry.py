"""OpenLLMetry's attributes: messages flattened to ``gen_ai.prompt.N.…`` and ``gen_ai.completion.N.…``.

Its earlier names (``llm.prompts.N.…``, ``llm.completions.N.…``) are read too, and ``gen_ai.prompt`` as one JSON text,
as OpenTelemetry's own conventions of 1.26 had it.

Source: the package opentelemetry-semantic-conventions-ai (``SpanAttributes``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.dialect.attribute import first_text, json_value, numbered, usage_by
from spanglass.dialect.event import whole
from spanglass.dialect.view import Facts, Window
from spanglass.wire.openai_chat import read_message

if TYPE_CHECKING:
    from spanglass.dialect.envelope import Envelope
    from spanglass.model import JsonObject
    from spanglass.model.message import ChatMessage

_OPERATIONS = {"chat": "chat", "completion": "text_completion", "embedding": "embeddings", "rerank": "rerank"}
_USAGE = {
    "input_tokens": ("llm.usage.prompt_tokens",),
    "output_tokens": ("llm.usage.completion_tokens",),
    "cache_read_input_tokens": ("llm.usage.cache_read_input_tokens",),
    "cache_write_input_tokens": ("llm.usage.cache_creation_input_tokens",),
    "reasoning_output_tokens": ("llm.usage.reasoning_tokens",),
}
_OPTIONS = {
    "llm.frequency_penalty": "frequency_penalty",
    "llm.presence_penalty": "presence_penalty",
    "llm.top_k": "top_k",
    "llm.chat.stop_sequences": "stop",
    "llm.is_streaming": "stream",
    "llm.user": "user",
    "llm.request.max_tokens": "max_tokens",
    "llm.temperature": "temperature",
    "llm.top_p": "top_p",
}


def facts(envelope: Envelope) -> Facts:
    """What the attributes say of the call."""
    attributes = envelope.attributes
    ended = (item.get("finish_reason") for item in _items(attributes, "completion"))
    return Facts(
        provider=first_text(attributes, "llm.vendor"),
        operation=_OPERATIONS.get(first_text(attributes, "llm.request.type") or ""),
        request_model=first_text(attributes, "llm.request.model"),
        response_model=first_text(attributes, "llm.response.model"),
        finish_reasons=tuple(reason for reason in ended if isinstance(reason, str)),
        usage=usage_by(attributes, _USAGE),
    )


def window(envelope: Envelope) -> Window:
    """The messages, tools and options that the attributes say."""
    attributes = envelope.attributes
    messages = tuple(_message(item, "user") for item in _items(attributes, "prompt"))
    output = tuple(_message(item, "assistant") for item in _items(attributes, "completion"))
    return Window(
        messages or tuple(whole(attributes.get("gen_ai.prompt"), "user")),
        output or tuple(whole(attributes.get("gen_ai.completion"), "assistant")),
        tuple(_tool(item) for item in numbered(attributes, "llm.request.functions")),
        {option: attributes[name] for name, option in _OPTIONS.items() if name in attributes},
    )


def _items(attributes: JsonObject, name: str) -> list[JsonObject]:
    return numbered(attributes, f"gen_ai.{name}") or numbered(attributes, f"llm.{name}s")


def _message(item: JsonObject, default_role: str) -> ChatMessage:
    calls = numbered(item, "tool_calls")
    told = {name: said for name, said in item.items() if not name.startswith(("tool_calls.", "function_call."))}
    if "content" not in told and isinstance(told.get("user"), str):  # how it wrote the prompt of a text completion
        told["content"] = told.pop("user")
    if isinstance(told.get("content"), str):
        told["content"] = _content(told["content"])
    if calls:
        told["tool_calls"] = [{"type": "function", "id": None, **call} for call in calls]
    elif "function_call.name" in item:
        told["function_call"] = {
            "name": item["function_call.name"],
            "arguments": item.get("function_call.arguments", ""),
        }
    return read_message(told, default_role)[0]


def _content(said: str) -> Any:
    """A text, or the parts whose JSON it is."""
    parts = json_value(said) if said.startswith("[") else None
    are_parts = isinstance(parts, list) and parts and all(isinstance(part, dict) and "type" in part for part in parts)
    return parts if are_parts else said


def _tool(item: JsonObject) -> JsonObject:
    parameters = item.get("parameters", item.get("arguments"))
    return {
        "type": "function",
        "function": {
            "name": item.get("name"),
            **({"description": item["description"]} if "description" in item else {}),
            "parameters": json_value(parameters) if isinstance(parameters, str) else parameters,
        },
    }
