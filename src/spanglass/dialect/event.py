"""Messages that are events: one event a message, or one that holds all of them as JSON, on the span or in the log.

``gen_ai.system.message``, ``gen_ai.user.message``, ``gen_ai.assistant.message``, ``gen_ai.tool.message`` and
``gen_ai.choice`` say it in their body, in their attributes, or in the attribute ``gen_ai.event.content``;
``gen_ai.content.prompt`` and ``gen_ai.content.completion`` in an attribute of JSON.

Source: the conventions of OpenTelemetry 1.27 to 1.36 (``docs/gen-ai/gen-ai-events.md``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.dialect.attribute import json_list, json_mapping, json_value
from spanglass.dialect.view import Facts, Window
from spanglass.model.message import ChatMessage
from spanglass.wire.base import text
from spanglass.wire.jsontext import json_text
from spanglass.wire.openai_chat import read_message, read_messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from spanglass.dialect.envelope import Envelope, Event
    from spanglass.model import JsonObject

_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_CHOICE = "gen_ai.choice"


def facts(envelope: Envelope) -> Facts:
    """The reasons for which the choices ended."""
    choices = (_said(event) for event in envelope.events if event.name == _CHOICE)
    return Facts(finish_reasons=tuple(reason for said in choices if (reason := text(said.get("finish_reason")))))


def window(envelope: Envelope) -> Window:
    """The messages that the events are."""
    return read_events(envelope.events)


def read_events(events: Iterable[Event]) -> Window:
    """The messages that events are, in their order."""
    messages: list[ChatMessage] = []
    output: list[ChatMessage] = []
    for event in events:
        if event.name in _ROLES:
            messages.append(_message(_said(event), _ROLES[event.name]))
        elif event.name == _CHOICE:
            output.append(_choice(_said(event)))
        elif event.name == "gen_ai.content.prompt":
            messages += whole(event.attributes.get("gen_ai.prompt"), "user")
        elif event.name == "gen_ai.content.completion":
            output += whole(event.attributes.get("gen_ai.completion"), "assistant")
    return Window(tuple(messages), tuple(output))


def whole(said: Any, default_role: str) -> Iterator[ChatMessage]:
    """Messages in one attribute: as JSON in OpenAI's shape, or as a text."""
    value = json_value(said)
    if isinstance(value, list):
        yield from (message for item in value for message in _item(item, default_role))
    elif isinstance(value, dict):
        nested = value.get("messages")
        yield from read_messages(nested)[0] if isinstance(nested, list) else _item(value, default_role)
    elif isinstance(said, str) and said:
        yield ChatMessage(default_role, said)


def _item(item: Any, default_role: str) -> Iterator[ChatMessage]:
    if isinstance(item, dict):
        inner = item.get("message")
        yield _message(inner if isinstance(inner, dict) else item, default_role)
    elif isinstance(item, str):
        yield ChatMessage(default_role, item)


def _said(event: Event) -> JsonObject:
    """What an event says, wherever it says it."""
    body = json_mapping(event.body)
    return body or json_mapping(event.attributes.get("gen_ai.event.content")) or event.attributes


def _choice(said: JsonObject) -> ChatMessage:
    message = json_mapping(said.get("message"))
    if not message and isinstance(said.get("message"), str):
        message = {"content": said["message"]}
    calls = {"tool_calls": said["tool_calls"]} if "tool_calls" in said else {}
    return _message({**said, **message, **calls} if message else said, "assistant")


def _message(said: JsonObject, default_role: str) -> ChatMessage:
    told = dict(said)
    if isinstance(told.get("tool_calls"), str):
        told["tool_calls"] = json_list(told["tool_calls"])
    if default_role == "tool" and "tool_call_id" not in told:
        told["tool_call_id"] = told.get("id")
    content = told.get("content")
    if isinstance(content, str) and content[:2] in ("[{", "[ "):
        content = json_list(content) or content
    elif content is not None and not isinstance(content, (str, list)):
        content = json_text(content)
    told["content"] = content
    return read_message(told, default_role)[0]
