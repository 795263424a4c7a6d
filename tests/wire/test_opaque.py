from __future__ import annotations

import json
from typing import Any

import pytest

from spanglass.model.message import ChatMessage
from spanglass.model.record import ErrorInfo
from spanglass.wire.base import RequestView, ResponseView
from spanglass.wire.read import read_request, read_response
from wire.made import fold

HI = ChatMessage("user", "Hi")

REQUESTS: dict[str, tuple[dict[str, Any], RequestView]] = {
    "messages": (
        {"messages": [{"role": "user", "content": "Hi", "id": 1}]},
        RequestView(None, (HI,), (), {"messages": {"0": {"id": 1}}}),
    ),
    "prompt": ({"model": "m", "prompt": "Hi", "n": 1}, RequestView("m", (HI,), (), {"n": 1})),
    "input": ({"input": "Hi", "stream": True}, RequestView(None, (HI,), (), {"stream": True}, stream=True)),
    "google": (
        {"contents": [{"role": "model", "parts": [{"text": "Hi"}]}], "systemInstruction": {"parts": []}, "tools": [1]},
        RequestView(None, (ChatMessage("system", [{"parts": []}]), ChatMessage("model", [{"text": "Hi"}])), (1,)),
    ),
    "converse": (
        {"messages": [{"role": "user", "content": [{"text": "Hi"}]}], "system": [{"text": "S"}], "modelId": "m"},
        RequestView("m", (ChatMessage("system", [{"text": "S"}]), ChatMessage("user", [{"text": "Hi"}]))),
    ),
    "none of these": ({"a": 1, "system": "kept"}, RequestView(options={"a": 1, "system": "kept"})),
}


@pytest.mark.parametrize("case", REQUESTS)
@pytest.mark.parametrize("wire_format", ["opaque", "a format of the future"])
def test_what_is_plainly_a_conversation_is_read_and_the_rest_are_options(case: str, wire_format: str) -> None:
    body, expected = REQUESTS[case]
    assert read_request(wire_format, json.dumps(body).encode()) == expected


ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "chat": ({"choices": [{"message": {"content": "Hello"}}]}, "Hello"),
    "text": ({"text": "Hello"}, "Hello"),
    "generated text": ({"generated_text": "Hello"}, "Hello"),
    "ollama": ({"message": {"role": "assistant", "content": "Hello"}, "done": True}, "Hello"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_gives_its_text_where_there_plainly_is_one(case: str) -> None:
    body, content = ANSWERS[case]
    view = read_response("opaque", json.dumps(body).encode(), content_type="application/json", status=200)
    assert (view.output, view.complete) == ((ChatMessage("assistant", content),), True)


def test_other_answers_are_empty_and_whole() -> None:
    view = read_response("opaque", b'{"a": 1, "error": "Broke"}', content_type="", status=200)
    assert view == ResponseView(error=ErrorInfo("error", "Broke"), complete=True)


STREAMS: dict[str, tuple[list[dict[str, Any]], Any]] = {
    "chat": ([{"choices": [{"delta": {"content": piece}}]} for piece in ("Hel", "lo")], "Hello"),
    "anthropic": (
        [
            {"type": "message_start", "message": {}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
        ],
        [{"type": "text", "text": "Hello"}],
    ),
    "responses": (
        [{"type": "response.output_text.delta", "delta": "Hello"}],
        [{"type": "output_text", "text": "Hello"}],
    ),
    "texts": ([{"id": "1", "text": "Hel"}, {"text": "lo"}], "Hello"),
}


@pytest.mark.parametrize("case", STREAMS)
def test_a_stream_is_read_as_the_format_it_speaks(case: str) -> None:
    payloads, content = STREAMS[case]
    assert [message.content for message in fold("opaque", *payloads).output] == [content]


def test_json_lines_are_joined_and_a_cut_line_is_seen() -> None:
    lines = b'{"response": "Hel"}\n{"response": "lo"}\n{"respo'
    view = read_response("opaque", lines, content_type="application/x-ndjson", status=200)
    assert view == ResponseView((ChatMessage("assistant", "Hello"),))
    view = read_response("opaque", lines[:-8], content_type="application/x-ndjson", status=200)
    assert view.complete
