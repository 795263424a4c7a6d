"""Synthetic streams: payloads in, the view of their stream out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from spanglass.wire.read import read_response

if TYPE_CHECKING:
    from spanglass.wire.base import ResponseView


def stream_of(*payloads: Any, named: bool = False, done: bool = False) -> bytes:
    """The payloads as server-sent events, by their types, too, if ``named``."""
    events = [
        (f"event: {payload['type']}\n" if named else "") + f"data: {json.dumps(payload)}\n\n" for payload in payloads
    ]
    return "".join([*events, "data: [DONE]\n\n" if done else ""]).encode()


def fold(wire_format: str, *payloads: Any, named: bool = False, done: bool = False) -> ResponseView:
    """What a format folds the stream of the payloads to."""
    body = stream_of(*payloads, named=named, done=done)
    return read_response(wire_format, body, content_type="text/event-stream", status=200)
