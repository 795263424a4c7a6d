"""What a program logs by hand of a model that no wire leads to: payloads in whatever shape it has them.

Invariant: nothing is lost: what is not plainly the prompt, the model or the tools is an option. An answer may be a
text, a message, an answer in the shape of a known API, or a list of pieces of any of these, which is how a streamed one
is kept; of pieces that are texts nobody can tell whether they are all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.model.message import ChatMessage
from spanglass.wire import opaque, openai_chat
from spanglass.wire.base import RequestView, ResponseView, mapping, text
from spanglass.wire.jsontext import decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.model import JsonObject
    from spanglass.wire.base import Event

__all__ = ["as_object", "decode", "fold", "name", "operation", "read_request", "read_response"]

name = "manual"
operation = "chat"

_INNER = ("options", "parameters", "kwargs")
#: Names that arguments have besides those of the known APIs.
_SPELLINGS = {
    **dict.fromkeys(("conversation", "history", "chat"), "messages"),
    **dict.fromkeys(("question", "text", "content", "user_prompt", "user_message"), "prompt"),
}


def as_object(payload: Any) -> JsonObject:
    """A payload as the object that says the same: a text is a prompt, a list is messages."""
    if isinstance(payload, dict):
        return {"messages": [payload]} if _is_message(payload) else payload
    if payload is None:
        return {}
    return {"messages": payload} if isinstance(payload, list) else {"prompt": payload}


def read_request(payload: JsonObject) -> RequestView:
    """The view of a payload, its options among the rest or under a name of their own."""
    for key in _INNER:
        inner = payload.get(key)
        if isinstance(inner, dict) and not inner.keys() & payload.keys():
            payload = {**{other: value for other, value in payload.items() if other != key}, **inner}
    view = opaque.read_request(payload)
    spelled = next((key for key in _SPELLINGS if isinstance(payload.get(key), (str, list))), None)
    if view.messages or spelled is None or _SPELLINGS[spelled] in payload:
        return view
    return opaque.read_request({(_SPELLINGS[spelled] if key == spelled else key): payload[key] for key in payload})


def read_response(payload: JsonObject) -> ResponseView:
    """The view of a whole answer."""
    if _is_message(payload):
        message = openai_chat.read_message(payload, "assistant")[0]
        return ResponseView((message,), complete=True)
    return opaque.read_response(payload)


def fold(events: Sequence[Event]) -> ResponseView:
    """The view of an answer that came in pieces, or of a text alone."""
    payloads = [payload for _, payload in events]
    if payloads and all(_is_message(payload) for payload in payloads):
        return ResponseView(tuple(openai_chat.read_message(payload, "assistant")[0] for payload in payloads))
    if any(not isinstance(payload, str) for payload in payloads):
        return opaque.fold([(event, mapping(payload) or {"text": payload}) for event, payload in events])
    return ResponseView((ChatMessage.as_assistant("".join(payloads)),) if payloads else ())


def _is_message(payload: Any) -> bool:
    fields = mapping(payload)
    said = fields.keys() & {"content", "tool_calls", "reasoning_content"}
    return bool(text(fields.get("role")) and said) and "type" not in fields
