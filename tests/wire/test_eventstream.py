from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

import pytest

from spanglass.model.message import ChatMessage
from spanglass.model.record import ErrorInfo
from spanglass.wire import eventstream
from spanglass.wire.read import read_response

CONTENT_TYPE = "application/vnd.amazon.eventstream"


def frame(payload: bytes, **headers: str | int) -> bytes:
    head = b""
    for key, value in headers.items():
        name = b":" + key.replace("_", "-").encode()
        text = value.encode() if isinstance(value, str) else b""
        typed = (
            b"\x07" + struct.pack(">H", len(text)) + text
            if isinstance(value, str)
            else b"\x04" + value.to_bytes(4, "big")
        )
        head += bytes([len(name)]) + name + typed
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    start = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + payload
    return start + struct.pack(">I", zlib.crc32(start))


def chunk(payload: Any) -> bytes:
    wrapped = {"bytes": base64.b64encode(json.dumps(payload).encode()).decode(), "p": "abc"}
    return frame(json.dumps(wrapped).encode(), event_type="chunk", number=7, message_type="event")


FIRST = chunk({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}})
SECOND = chunk({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}})
STOP = chunk({"type": "message_stop"})


def test_bedrock_s_frames_fold_like_the_events_inside() -> None:
    view = read_response("anthropic_messages", FIRST + SECOND + STOP, content_type=CONTENT_TYPE, status=200)
    assert (view.output, view.complete) == ((ChatMessage("assistant", [{"type": "text", "text": "Hello"}]),), True)


def test_a_plain_payload_keeps_its_type() -> None:
    assert list(eventstream.split(frame(b'{"a": 1}', event_type="messageStop"))) == [("messageStop", b'{"a": 1}')]


def test_an_exception_is_an_error() -> None:
    broken = frame(b'{"message": "Too many"}', message_type="exception", exception_type="throttlingException")
    view = read_response("anthropic_messages", FIRST + broken, content_type=CONTENT_TYPE, status=200)
    assert (view.error, view.complete) == (ErrorInfo("throttlingException", "Too many"), False)
    assert view.output == (ChatMessage("assistant", [{"type": "text", "text": "Hel"}]),)


@pytest.mark.parametrize("end", range(len(FIRST + SECOND)))
def test_a_cut_frame_ends_the_reading(end: int) -> None:
    events = list(eventstream.split((FIRST + SECOND)[:end]))
    assert len(events) == (end >= len(FIRST))


@pytest.mark.parametrize("place", range(len(FIRST)))
def test_a_damaged_frame_ends_the_reading(place: int) -> None:
    damaged = FIRST[:place] + bytes([FIRST[place] ^ 0x20]) + FIRST[place + 1 :]
    assert list(eventstream.split(damaged + SECOND)) == []
