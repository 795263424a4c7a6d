"""From a format's name and a body's bytes to a view: the way into this room.

Invariant: no body, whole, cut or garbled, raises. What cannot be read gives an empty view, which is not complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.wire import (
    anthropic_messages,
    embeddings,
    eventstream,
    manual,
    opaque,
    openai_chat,
    openai_completions,
    openai_responses,
    sse,
)
from spanglass.wire.base import RequestView, ResponseView
from spanglass.wire.encoding import decode_content
from spanglass.wire.error import read_error_body
from spanglass.wire.jsontext import decode as decode_any
from spanglass.wire.jsontext import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spanglass.wire.base import Event, Format

__all__ = ["FORMATS", "decode_content", "parse_json", "read_request", "read_response"]

_FIRST_ERROR_STATUS = 400

#: Every wire format by its name.
FORMATS: Mapping[str, Format] = {
    module.name: module
    for module in (openai_chat, openai_completions, openai_responses, anthropic_messages, embeddings, opaque, manual)
}


def read_request(format: str, body: bytes) -> RequestView:  # noqa: A002 - the word of the record
    """The view of a request body.

    Args:
        format: a key of `FORMATS`; an unknown one is read as ``opaque``.
        body: the body's bytes, content-encoding undone.

    Example:
        >>> read_request("openai_chat", b'{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}').messages
        (ChatMessage(role='user', content='Hi', reasoning_content=None, tool_calls=None, tool_call_id=None, name=None),)
    """
    try:
        payload = parse_json(body)
    except ValueError:
        return RequestView()
    if format == manual.name:
        payload = manual.as_object(payload)
    return FORMATS.get(format, opaque).read_request(payload) if isinstance(payload, dict) else RequestView()


def read_response(format: str, body: bytes, *, content_type: str, status: int) -> ResponseView:  # noqa: A002
    """The view of a response body: JSON, a stream of server-sent events, JSON lines or an AWS event stream.

    Args:
        format: a key of `FORMATS`; an unknown one is read as ``opaque``.
        body: the body's bytes, whole or cut, content-encoding undone.
        content_type: the header's value; where the bytes plainly are something else, they count.
        status: the HTTP status; from 400 on, the body is an error's.
    """
    known = FORMATS.get(format, opaque)
    if status >= _FIRST_ERROR_STATUS:
        return ResponseView(error=read_error_body(body, status), complete=True)
    if format == manual.name:
        return _manual_response(body)
    if "amazon.eventstream" in content_type:
        return known.fold(_eventstream_events(body))
    return _text_response(known, body)


def _text_response(known: Format, body: bytes) -> ResponseView:
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
        return known.fold(_sse_events(known, body))
    try:
        payload = parse_json(body)
    except ValueError:
        return known.fold([(None, _payload(line)) for line in body.splitlines() if line.strip()])
    if isinstance(payload, dict):
        return known.read_response(payload)
    return known.fold([(None, item) for item in payload])


def _manual_response(body: bytes) -> ResponseView:
    """A body that we wrote ourselves: it came over no wire, so it is JSON or it was cut."""
    try:
        payload = parse_json(body)
    except ValueError:
        return ResponseView()
    if isinstance(payload, dict):
        return manual.read_response(payload)
    return manual.fold([(None, item) for item in (payload if isinstance(payload, list) else [payload])])


def _sse_events(known: Format, body: bytes) -> list[Event]:
    decode, body = known.decode, sse.unify(body)
    *plain, last = sse.plain_data(body) or [b"\n"]
    last = last.rstrip()
    if last and b"\n" not in last:
        try:
            return [*[(None, payload) for payload in map(decode, plain)], *_read_event(decode, None, last)]
        except (ValueError, RecursionError):
            pass
    events: list[Event] = []
    for name, data in sse.split(body):
        events += _read_event(decode if name != "error" else decode_any, name, data)  # an error may have any shape
    return events


def _read_event(decode: Callable[[bytes], Any], name: str | None, data: bytes) -> list[Event]:
    """One event's data, decoded; several, where a server forgot the blank lines between them."""
    try:
        return [(name, decode(data))]
    except (ValueError, RecursionError):
        pass
    payload = _payload(data)
    if isinstance(payload, str) and b"\n" in data:
        return [(name, _payload(line)) for line in data.split(b"\n")]
    return [(name, payload)]


def _payload(data: bytes) -> Any:
    """The JSON value of an event's data, or its text."""
    try:
        return parse_json(data)
    except ValueError:
        return data.decode("utf-8", "replace").strip()


def _eventstream_events(body: bytes) -> list[Event]:
    return [(name, _payload(data)) for name, data in eventstream.split(body)]
