"""What a look at a body's bytes tells without reading it whole: all that a call needs while it is under way.

Invariant: a glance never says more than the whole reading would (`spanglass.wire.read`): where it is not sure, it says
so, and the caller reads.
"""

from __future__ import annotations

import re

import msgspec

from spanglass.wire.read import read_request

_TAIL = 256
_ERROR = re.compile(rb'"error"(?!\s*:\s*null)')
_ERROR_EVENTS = (b"event: error", b"event:error")
#: How the last event of a whole stream looks in the formats whose last event is always the same.
_LAST_EVENT = re.compile(rb'(?:data: ?\[DONE\]|"type": ?"message_stop" *\})\s*\Z')


class Head(msgspec.Struct, frozen=True, gc=False):
    """What a request says of itself before its messages are read."""

    model: str | None = None
    stream: bool = False


_decode = msgspec.json.Decoder(Head).decode


def read_head(format: str, body: bytes) -> Head:  # noqa: A002 - the word of the record
    """The model that a request names, and whether it asks for a stream; the same as its whole reading gives.

    Example:
        >>> read_head("openai_chat", b'{"messages": [], "model": "gpt-4o-mini", "stream": true}')
        Head(model='gpt-4o-mini', stream=True)
    """
    try:
        head = _decode(body)
    except (ValueError, RecursionError):  # no JSON, or no such types
        head = None
    if head is None or head.model is None:
        view = read_request(format, body)
        return Head(view.model, view.stream)
    return head


def may_tell_error(body: bytes, content_type: str) -> bool:
    """Whether an answer with a good status may report an error all the same; False means that it does not."""
    if "amazon.eventstream" in content_type:
        return True
    if body.rfind(b"error") < 0:  # from the end: CPython searches that way in a quarter of the time
        return False
    if b'"error"' in body and _ERROR.search(body) is not None:
        return True
    return "json" not in content_type and any(mark in body for mark in _ERROR_EVENTS)


def has_last_event(body: bytes) -> bool:
    """Whether a stream plainly came to its end; False says nothing."""
    return _LAST_EVENT.search(body[-_TAIL:]) is not None
