from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spanglass.wire.glance import Head, has_last_event, may_tell_error, read_head
from spanglass.wire.read import FORMATS as ALL
from spanglass.wire.read import read_request, read_response
from wire.test_recordings import EXCHANGES, FORMATS, every_exchange, replay

if TYPE_CHECKING:
    from typing import Any


@pytest.mark.skipif(not EXCHANGES, reason="no recordings")
@every_exchange
def test_a_glance_at_a_recorded_answer_says_no_more_than_reading_it(exchange: dict[str, Any]) -> None:
    assert replay is not None
    body = replay.body_bytes(exchange)
    content_type = dict(exchange["response_headers"]).get("content-type", "")
    view = read_response(FORMATS[exchange["format"]], body, content_type=content_type, status=200)
    assert may_tell_error(body, content_type) or view.error is None
    assert view.complete or not has_last_event(body)


@pytest.mark.parametrize("name", sorted(ALL))
@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "m", "messages": [], "stream": true}',
        b'{"messages": [{"role": "user", "content": "\\"model\\": 1"}], "model": "m"}',
        b'{"modelId": "m"}',
        b'{"model": null, "stream": false}',
        b'{"model": {"id": 1}}',
        b'{"stream": 1, "model": "m"}',
        b"[1]",
        b"{",
        b"",
        b'{"temperature": NaN, "model": "m"}',
        b'\xef\xbb\xbf{"model": "m"}',
    ],
)
def test_the_head_says_what_the_whole_reading_says(name: str, body: bytes) -> None:
    view = read_request(name, body)
    assert read_head(name, body) == Head(view.model, view.stream)


@pytest.mark.parametrize(
    ("body", "content_type", "may"),
    [
        (b'{"error": {"message": "no"}}', "application/json", True),
        (b'{"error":null, "output": []}', "application/json", False),
        (b'{"error" : null, "x": {"error": "late"}}', "application/json", True),
        (b'{"text": "an \\"error\\" in words"}', "application/json", False),
        (b'data: {"type": "error"}\n\n', "text/event-stream", True),
        (b"event: error\ndata: {}\n\n", "text/event-stream", True),
        (b"event:error\ndata: {}\n\n", "text/event-stream", True),
        (b'data: {"choices": []}\n\n', "text/event-stream", False),
        (b"\x00", "application/vnd.amazon.eventstream", True),
    ],
)
def test_what_may_report_an_error_is_read(body: bytes, content_type: str, *, may: bool) -> None:
    assert may_tell_error(body, content_type) is may


@pytest.mark.parametrize(
    ("body", "ended"),
    [
        (b"data: {}\n\ndata: [DONE]\n\n", True),
        (b"data: {}\n\ndata:[DONE]", True),
        (b'event: message_stop\ndata: {"type":"message_stop"        }\n\n', True),
        (b'data: {"text": "[DONE]"}\n\n', False),
        (b"data: {}\n\n", False),
        (b"", False),
    ],
)
def test_the_last_event_of_a_stream_is_known_by_its_look(body: bytes, *, ended: bool) -> None:
    assert has_last_event(body) is ended
