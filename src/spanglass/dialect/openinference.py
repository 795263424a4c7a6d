"""OpenInference's attributes: ``llm.input_messages.N.message.…``, and ``input.value`` for all that has no other place.

Source: https://arize-ai.github.io/openinference/spec/attributes/semantic-conventions.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.dialect.attribute import below, first_text, json_mapping, json_value, numbered, usage_by
from spanglass.dialect.event import whole
from spanglass.dialect.view import Facts, Window
from spanglass.model.message import ChatMessage
from spanglass.wire.base import text
from spanglass.wire.openai_chat_tools import tool_call

if TYPE_CHECKING:
    from spanglass.dialect.envelope import Envelope
    from spanglass.model import JsonObject

_OPERATIONS = {
    "LLM": "chat",
    "EMBEDDING": "embeddings",
    "AGENT": "invoke_agent",
    "TOOL": "execute_tool",
    "RERANKER": "rerank",
}
_USAGE = {
    "input_tokens": ("llm.token_count.prompt",),
    "output_tokens": ("llm.token_count.completion",),
    "cache_read_input_tokens": (
        "llm.token_count.prompt_details.cache_read",
        "llm.token_count.prompt_details.cache_input",
    ),
    "cache_write_input_tokens": ("llm.token_count.prompt_details.cache_write",),
    "reasoning_output_tokens": ("llm.token_count.completion_details.reasoning",),
}
#: What else the invocation parameters hold where an instrumentation gives the whole request.
_NO_OPTIONS = frozenset({"model", "messages", "tools", "input", "contents"})


def facts(envelope: Envelope) -> Facts:
    """What the attributes say of the call."""
    attributes = envelope.attributes
    return Facts(
        provider=first_text(attributes, "llm.provider", "llm.system"),
        operation=_OPERATIONS.get(first_text(attributes, "openinference.span.kind") or ""),
        request_model=first_text(attributes, "llm.request.model_name", "llm.model_name", "embedding.model_name"),
        response_model=first_text(attributes, "llm.response.model_name"),
        finish_reasons=tuple(filter(None, [first_text(attributes, "llm.finish_reason")])),
        usage=usage_by(attributes, _USAGE),
    )


def window(envelope: Envelope) -> Window:
    """The messages, tools and options that the attributes say."""
    attributes = envelope.attributes
    options = json_mapping(attributes.get("llm.invocation_parameters"))
    return Window(
        tuple(_message(item, "user") for item in numbered(attributes, "llm.input_messages")) or _prompts(attributes),
        tuple(_message(item, "assistant") for item in numbered(attributes, "llm.output_messages"))
        or _completions(attributes),
        tuple(_tool(item) for item in numbered(attributes, "llm.tools")),
        {name: said for name, said in options.items() if name not in _NO_OPTIONS},
    )


def values(envelope: Envelope) -> Window:
    """The input and output as they were given, for spans that say it nowhere else."""
    attributes = envelope.attributes
    return Window(
        tuple(whole(attributes.get("input.value"), "user")), tuple(whole(attributes.get("output.value"), "assistant"))
    )


def _message(item: JsonObject, default_role: str) -> ChatMessage:
    said = below(item, "message.")
    calls = [_call(below(call, "tool_call.")) for call in numbered(said, "tool_calls")]
    if "function_call_name" in said:
        arguments = said.get("function_call_arguments_json")
        calls.append(tool_call(None, None, said["function_call_name"], arguments, {}))
    parts = [below(part, "message_content.") for part in numbered(said, "contents")]
    reasoning = [text(part.get("text")) for part in parts if part.get("type") == "reasoning"]
    content: Any = (
        [_part(part) for part in parts if part.get("type") != "reasoning"] or text(said.get("content")) or None
    )
    return ChatMessage(
        first_text(said, "role") or default_role,
        content,
        "\n".join(reasoning) or None,
        calls or None,
        first_text(said, "tool_call_id"),
        first_text(said, "name"),
    )


def _call(said: JsonObject) -> JsonObject:
    return tool_call(said.get("id"), None, said.get("function.name"), said.get("function.arguments"), {})


def _part(part: JsonObject) -> JsonObject:
    """A part of a content, an image by its url as in OpenAI's format."""
    if "image.image.url" in part:
        return {"type": "image_url", "image_url": {"url": part["image.image.url"]}}
    return part


def _tool(item: JsonObject) -> Any:
    schema = item.get("tool.json_schema")
    return json_value(schema) or {"name": item.get("tool.name"), "description": item.get("tool.description")}


def _prompts(attributes: JsonObject) -> tuple[ChatMessage, ...]:
    """The prompts of a text completion, or the texts that were embedded."""
    prompts = [item.get("prompt.text") for item in numbered(attributes, "llm.prompts")]
    embedded = [item.get("embedding.text") for item in numbered(attributes, "embedding.embeddings")]
    return tuple(ChatMessage.as_user(said) for said in prompts or embedded if isinstance(said, str))


def _completions(attributes: JsonObject) -> tuple[ChatMessage, ...]:
    choices = [item.get("completion.text") for item in numbered(attributes, "llm.choices")]
    return tuple(ChatMessage.as_assistant(said) for said in choices if isinstance(said, str))
