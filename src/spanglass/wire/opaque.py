"""Bodies of APIs that no format here knows.

Invariant: nothing is lost: what is not plainly a list of messages or a prompt is an option. An answer that speaks one
of the known formats is read as such; any other gives its text where there plainly is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.model.message import ChatMessage
from spanglass.wire import anthropic_messages, openai_chat, openai_responses
from spanglass.wire.base import DONE, RequestView, ResponseView, mapping, take, text
from spanglass.wire.error import error_of
from spanglass.wire.jsontext import decode
from spanglass.wire.openai_completions import read_prompt
from spanglass.wire.usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.model import JsonObject
    from spanglass.wire.base import Event, Format

__all__ = ["decode", "fold", "name", "operation", "read_request", "read_response"]

name = "opaque"
operation = "chat"

_CONVERSATIONS = ("messages", "contents")
_SYSTEMS = ("system", "systemInstruction", "system_instruction", "instructions")
_PROMPTS = ("prompt", "input", "inputs", "message", "query")
_TEXTS = ("text", "output_text", "generated_text", "response", "completion", "content", "answer", "output")


def read_request(payload: JsonObject) -> RequestView:
    """The view of a request body."""
    options = dict(payload)
    model = take(options, "model") or take(options, "modelId")
    messages: tuple[ChatMessage, ...] = ()
    key = next((key for key in (*_CONVERSATIONS, *_PROMPTS) if isinstance(options.get(key), (str, list))), None)
    if key in _CONVERSATIONS and isinstance(options[key], list):
        messages, rests = openai_chat.read_messages([_with_content(value) for value in options.pop(key)])
        if rests:
            options[key] = rests
    elif key is not None:
        messages = read_prompt(options.pop(key))
    system = next((key for key in _SYSTEMS if options.get(key)), None)
    if system is not None and messages:
        given = options.pop(system)
        messages = (ChatMessage.as_system(given if isinstance(given, (str, list)) else [given]), *messages)
    tools = tuple(options.pop("tools")) if isinstance(options.get("tools"), list) else ()
    return RequestView(model, messages, tools, options, bool(payload.get("stream")))


def _with_content(value: Any) -> Any:
    """A message with its content under that name; Google calls it parts."""
    if not isinstance(value, dict) or "parts" not in value or "content" in value:
        return value
    return {("content" if key == "parts" else key): item for key, item in value.items()}


def read_response(payload: JsonObject) -> ResponseView:
    """The view of a whole answer."""
    known = _spoken(payload)
    if known is not None:
        return known.read_response(payload)
    found = _text(payload)
    return ResponseView(
        (ChatMessage.as_assistant(found),) if found else (),
        text(payload.get("model")) or None,
        text(payload.get("id")) or None,
        (),
        read_usage(payload.get("usage")),
        error_of(payload),
        complete=True,
    )


def fold(events: Sequence[Event]) -> ResponseView:
    """The answer that a stream's events make."""
    known = next((known for _, payload in events if (known := _spoken(payload)) is not None), None)
    if known is not None:
        return known.fold(events)
    views = [read_response(payload) for _, payload in events if isinstance(payload, dict)]
    pieces = [text(view.output[0].content) for view in views if view.output]
    cut = not events or (isinstance(events[-1][1], str) and events[-1][1] != DONE)
    return ResponseView(
        (ChatMessage.as_assistant("".join(pieces)),) if pieces else (),
        next((view.response_model for view in views if view.response_model), None),
        next((view.response_id for view in views if view.response_id), None),
        (),
        next((view.usage for view in reversed(views) if view.usage.output_tokens is not None), ResponseView().usage),
        next((view.error for view in views if view.error), None),
        complete=not cut,
    )


def _spoken(payload: Any) -> Format | None:
    """The format that a payload plainly speaks."""
    fields = mapping(payload)
    kind = text(fields.get("type"))
    if isinstance(fields.get("choices"), list):
        return openai_chat
    if kind.startswith("response.") or (isinstance(fields.get("output"), list) and fields.get("object") == "response"):
        return openai_responses
    if kind in ("message_start", "message") and ("message" in fields or isinstance(fields.get("content"), list)):
        return anthropic_messages
    return None


def _text(payload: JsonObject) -> str:
    inner = payload.get("message")
    fields = inner if isinstance(inner, dict) else payload
    return next((fields[key] for key in _TEXTS if text(fields.get(key))), "")
