"""Synthetic streams: payloads in, the view of their stream out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from spanglass.wire.read import read_response

if TYPE_CHECKING:
    from spanglass.wire.base import ResponseView


class Fold(Protocol):
    """Folds payloads, sent as events (by name, too, if ``named``), in the given format."""

    def __call__(self, wire_format: str, *payloads: Any, named: bool = False, done: bool = False) -> ResponseView: ...


def stream_of(*payloads: Any, named: bool = False, done: bool = False) -> bytes:
    events = [
        (f"event: {payload['type']}\n" if named else "") + f"data: {json.dumps(payload)}\n\n" for payload in payloads
    ]
    return "".join([*events, "data: [DONE]\n\n" if done else ""]).encode()


@pytest.fixture
def fold() -> Fold:
    def folded(wire_format: str, *payloads: Any, named: bool = False, done: bool = False) -> ResponseView:
        body = stream_of(*payloads, named=named, done=done)
        return read_response(wire_format, body, content_type="text/event-stream", status=200)

    return folded
