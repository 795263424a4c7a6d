"""Logfire's and Pydantic AI's attributes: the request and the answer as JSON, or a list of message events as JSON.

Source: logfire's ``integrations/llm_providers``; pydantic-ai's ``models/instrumented.py`` (its versions 1 and 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanglass.dialect.attribute import json_list, json_mapping
from spanglass.dialect.envelope import Event
from spanglass.dialect.event import read_events, whole
from spanglass.dialect.genai import read_messages
from spanglass.dialect.view import Facts, Window
from spanglass.wire.base import text
from spanglass.wire.openai_chat import read_request
from spanglass.wire.usage import read_usage

if TYPE_CHECKING:
    from spanglass.dialect.envelope import Envelope

_EVENTS = ("events", "all_messages_events")
_SAID = ("combined_chunk_content", "text")


def facts(envelope: Envelope) -> Facts:
    """The token counts of the answer."""
    return Facts(usage=read_usage(json_mapping(envelope.attributes.get("response_data")).get("usage")))


def window(envelope: Envelope) -> Window:
    """The messages, tools and options that the attributes say."""
    attributes = envelope.attributes
    told = [event for name in _EVENTS for event in json_list(attributes.get(name)) if isinstance(event, dict)]
    by_events = read_events(Event(text(event.get("event.name")), event) for event in told)
    request = read_request(json_mapping(attributes.get("request_data")))
    answer = json_mapping(attributes.get("response_data"))
    said = answer.get("message") or next((answer[name] for name in _SAID if answer.get(name)), None)
    return Window(
        by_events.messages or request.messages or tuple(read_messages(attributes.get("pydantic_ai.all_messages"))),
        by_events.output or tuple(whole(said, "assistant")),
        tuple(request.tools),
        dict(request.options),
    )
