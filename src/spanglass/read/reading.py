"""What the bytes of a record say: its messages, tools, options and answer.

Invariant: the bytes are the truth. Reading adds what they say and replaces nothing that was recorded; a body that
cannot be read leaves its fields empty, and stays in its attempt for a person to see.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spanglass.model.message import ChatMessage
from spanglass.model.record import Usage
from spanglass.wire.read import read_request, read_response

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spanglass.model.record import Record
    from spanglass.wire.base import ResponseView

_INPUT, _OUTPUT, _SYSTEM = "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"
_TOOLS = "gen_ai.tool.definitions"


def read_record(record: Record) -> Record:
    """The record with what its last attempts say: the request's reading, the answer's, and figures not recorded yet."""
    request = next((attempt for attempt in reversed(record.attempts) if attempt.request_body is not None), None)
    if request is not None and request.request_body is not None:
        view = read_request(record.format, request.request_body)
        record = replace(
            record,
            messages=view.messages,
            tools=tuple(view.tools),
            options=dict(view.options),
            request_model=record.request_model or view.model,
        )
    answer = next((attempt for attempt in reversed(record.attempts) if attempt.response_body is not None), None)
    if answer is not None and answer.response_body is not None:
        content_type = next(
            (value for name, value in answer.response_headers.items() if name.lower() == "content-type"), ""
        )
        record = _with_answer(
            record,
            read_response(record.format, answer.response_body, content_type=content_type, status=answer.status or 0),
        )
    return record


def _with_answer(record: Record, view: ResponseView) -> Record:
    recorded = {name: getattr(record.usage, name) for name in Usage.__slots__}
    usage = Usage(**{name: getattr(view.usage, name) if value is None else value for name, value in recorded.items()})
    return replace(
        record,
        output=view.output,
        response_model=record.response_model or view.response_model,
        response_id=record.response_id or view.response_id,
        finish_reasons=record.finish_reasons or view.finish_reasons,
        usage=usage,
        error=record.error or (view.error if record.state == "error" else None),
    )


def read_envelope(record: Record, envelope: bytes | None) -> Record:
    """A record made by another vendor's span, read from the ``gen_ai.*`` messages in the envelope's attributes."""
    attributes = envelope_attributes(envelope)
    system = _json_list(attributes.get(_SYSTEM), text_is_part=True)
    messages = [ChatMessage.as_system(_text_of(system))] if system else []
    return replace(
        record,
        messages=(*messages, *_messages(attributes.get(_INPUT))),
        output=tuple(_messages(attributes.get(_OUTPUT))),
        tools=tuple(_json_list(attributes.get(_TOOLS))),
    )


def envelope_attributes(envelope: bytes | None) -> Mapping[str, Any]:
    """The span's attributes as its envelope has them; none if it cannot be read."""
    try:
        value = json.loads(envelope or b"null")
    except (ValueError, RecursionError):
        return {}
    attributes = value.get("attributes") if isinstance(value, dict) else None
    return attributes if isinstance(attributes, dict) else {}


def _messages(value: Any) -> Iterator[ChatMessage]:
    for item in _json_list(value):
        if isinstance(item, dict) and isinstance(item.get("role"), str):
            parts = item.get("parts")
            yield from _message(item["role"], parts if isinstance(parts, list) else [], item.get("name"))


def _message(role: str, parts: list[Any], name: Any) -> Iterator[ChatMessage]:
    """One message of the convention; each result of a tool in it is a message of its own, as everywhere here."""
    reasoning: list[str] = []
    calls: list[dict[str, Any]] = []
    content: list[Any] = []
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "reasoning":
            reasoning.append(str(part.get("content", "")))
        elif kind == "tool_call":
            function = {"name": part.get("name"), "arguments": _as_json_text(part.get("arguments"))}
            calls.append({"id": part.get("id"), "type": "function", "function": function})
        elif kind == "tool_call_response":
            result = part.get("response", part.get("result"))
            text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
            yield ChatMessage("tool", text, tool_call_id=part.get("id"))
        else:
            content.append(part)
    if content or calls or reasoning or not parts:
        yield ChatMessage(
            role,
            _text_of(content) if content else None,
            "\n".join(reasoning) or None,
            calls or None,
            None,
            name if isinstance(name, str) else None,
        )


def _text_of(parts: list[Any]) -> str | list[Any]:
    """The text, where there is nothing but text; else the parts, text parts spelled as everywhere here."""
    texts = [{"type": "text", "text": part["content"]} if _is_text(part) else part for part in parts]
    if all(_is_text(part) for part in parts):
        return "\n".join(part["content"] for part in parts)
    return texts


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("content"), str)


def _json_list(value: Any, *, text_is_part: bool = False) -> list[Any]:
    """A list attribute, which may be JSON text; empty for anything else, unless a bare text is to be one text part."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = [{"type": "text", "content": value}] if text_is_part else None
    return value if isinstance(value, list) else []


def _as_json_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
