"""OpenAI's chat completions, as OpenAI and the many servers that speak it write them.

Invariant: one message per choice, in the order of the choices; what OpenAI writes beside the content although the model
said it (a refusal, audio, images) is a part of the content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.model.message import ChatMessage
from spanglass.wire.base import (
    RequestView,
    ResponseView,
    filled,
    listing,
    mapping,
    parts_of,
    split_thinking,
    take,
    text,
)
from spanglass.wire.error import error_of
from spanglass.wire.openai_chat_stream import decode, fold
from spanglass.wire.openai_chat_tools import read_tool_call
from spanglass.wire.usage import read_usage

if TYPE_CHECKING:
    from spanglass.model import JsonObject

__all__ = ["decode", "fold", "name", "operation", "read_message", "read_messages", "read_request", "read_response"]

name = "openai_chat"
operation = "chat"


def read_request(payload: JsonObject) -> RequestView:
    """The view of a request body; the deprecated ``functions`` are tools too."""
    options = dict(payload)
    model = take(options, "model")
    given = options.pop("messages", None)
    messages, rests = read_messages(given if isinstance(given, list) else [] if given is None else [given])
    if rests:
        options["messages"] = rests
    tools: list[Any] = []
    for key in ("tools", "functions"):
        if isinstance(options.get(key), list):
            tools += options.pop(key)
    return RequestView(model, messages, tuple(tools), options, bool(payload.get("stream")))


def read_messages(values: list[Any]) -> tuple[tuple[ChatMessage, ...], JsonObject]:
    """The messages of a list; and, by their place in it, what they say beside the fields of a message."""
    messages: list[ChatMessage] = []
    rests: JsonObject = {}
    for place, value in enumerate(values):
        if not isinstance(value, dict):
            messages.append(ChatMessage.as_user(value if isinstance(value, str) else [value]))
            continue
        message, rest = read_message(value, "user")
        messages.append(message)
        if rest:
            rests[str(place)] = rest
    return tuple(messages), rests


def read_message(value: JsonObject, default_role: str) -> tuple[ChatMessage, JsonObject]:
    """A message, and what it says beside the fields of a message."""
    role, content = value.get("role"), value.get("content")
    if len(value) == 2 and isinstance(role, str) and isinstance(content, str):  # noqa: PLR2004 - role and content
        return ChatMessage(role, content), {}
    rest = dict(value)
    role = take(rest, "role") or default_role
    rest.pop("content", None)
    reasoning = take(rest, "reasoning_content") or take(rest, "reasoning")
    if rest.get("reasoning") == reasoning:  # some servers give both
        rest.pop("reasoning", None)
    if isinstance(content, list):
        content, thoughts = split_thinking(content)
        if thoughts and thoughts != reasoning:
            reasoning = f"{thoughts}\n\n{reasoning}" if reasoning else thoughts
    elif content is not None and not isinstance(content, str):
        content = [content]
    content = _with_asides(content, rest)
    calls = _take_tool_calls(rest)
    message = ChatMessage(role, content, reasoning, calls, take(rest, "tool_call_id"), take(rest, "name"))
    return message, filled(rest)


def _with_asides(content: Any, rest: JsonObject) -> Any:
    asides: list[Any] = []
    refusal = take(rest, "refusal")
    if refusal:
        asides.append({"type": "refusal", "refusal": refusal})
    if isinstance(rest.get("audio"), dict):
        asides.append({"type": "audio", "audio": rest.pop("audio")})
    if isinstance(rest.get("images"), list):
        asides += rest.pop("images")
    return [*parts_of(content), *asides] if asides else content


def _take_tool_calls(rest: JsonObject) -> list[JsonObject] | None:
    calls: list[JsonObject] = []
    given = rest.get("tool_calls")
    if isinstance(given, list) and all(isinstance(call, dict) for call in given):
        calls = [read_tool_call(call) for call in rest.pop("tool_calls")]
    if isinstance(rest.get("function_call"), dict):
        calls.append(read_tool_call({"id": None, "function": rest.pop("function_call")}))
    return calls or None


def read_response(payload: JsonObject) -> ResponseView:
    """The view of a whole answer."""
    inner = payload.get("data")
    if isinstance(inner, dict) and "choices" in inner:
        payload = inner
    choices = [choice for choice in listing(payload.get("choices")) if isinstance(choice, dict)]
    choices.sort(key=_index)
    return ResponseView(
        tuple(_answer(choice) for choice in choices),
        text(payload.get("model")) or None,
        text(payload.get("id")) or None,
        tuple(reason for choice in choices if (reason := text(choice.get("finish_reason")))),
        read_usage(payload.get("usage") or mapping(payload.get("x_groq")).get("usage")),
        error_of(payload) or next((found for choice in choices if (found := error_of(choice))), None),
        complete=True,
    )


def _index(choice: JsonObject) -> int:
    index = choice.get("index")
    return index if type(index) is int else 0


def _answer(choice: JsonObject) -> ChatMessage:
    message = choice.get("message") or choice.get("delta")
    if isinstance(message, dict):
        if not message.get("content") and text(choice.get("text")):
            message = {**message, "content": choice["text"]}
        return read_message(message, "assistant")[0]
    return ChatMessage.as_assistant(text(choice.get("text")))
