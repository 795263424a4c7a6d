"""Nothing that can be sent makes a reading fail."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanglass.wire.base import RequestView, ResponseView
from spanglass.wire.read import FORMATS, decode_content, read_request, read_response
from spanglass.wire.route import looks_like_llm, route

if TYPE_CHECKING:
    from collections.abc import Callable

every_format = pytest.mark.parametrize("wire_format", [*sorted(FORMATS), "a format of the future"])
CONTENT_TYPES = [
    "application/json",
    "text/event-stream",
    "application/x-ndjson",
    "application/vnd.amazon.eventstream",
    "",
]

#: The words of all formats, so that what hypothesis makes of them comes close to what is really sent.
# fmt: off
WORDS = [
    "model", "messages", "input", "prompt", "system", "instructions", "tools", "functions", "stream", "role",
    "content", "text", "type", "name", "id", "index", "delta", "message", "choices", "finish_reason",
    "tool_calls", "function", "arguments", "custom", "function_call", "refusal", "audio", "images", "reasoning",
    "reasoning_content", "thinking", "signature", "usage", "prompt_tokens", "input_tokens",
    "prompt_tokens_details", "cached_tokens", "error", "x_groq", "data", "response", "output", "status",
    "output_index", "item", "content_index", "summary", "summary_index", "call_id", "partial_json",
    "content_block", "citation", "citations", "completion", "stop_reason", "tool_use_id", "is_error",
    "embedding", "embeddings", "values", "requests", "texts", "contents", "parts", "total_tokens",
    "cache_creation", "object",
]
VALUES = [
    "user", "assistant", "text", "thinking", "tool_use", "tool_result", "server_tool_use", "message",
    "message_start", "message_delta", "message_stop", "content_block_start", "content_block_delta",
    "text_delta", "input_json_delta", "citations_delta", "error", "function_call", "reasoning",
    "response.created", "response.completed", "response.output_text.delta", "response.output_item.added",
    "response.output_item.done", "response.function_call_arguments.delta", "completion", "custom_tool_call",
    "function_call_output", "response", "refusal", "ping",
]
# fmt: on

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.floats(allow_nan=False)
    | st.sampled_from(VALUES)
    | st.text(max_size=4)
)
shapes = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3),
    max_leaves=6,
)
things = st.fixed_dictionaries(
    {"type": st.sampled_from(VALUES)}, optional=dict.fromkeys(("content", "role", "id", "text", "delta"), shapes)
) | st.dictionaries(st.sampled_from(WORDS), shapes, max_size=4)
blocks = shapes | st.lists(things, max_size=3)
speakers = st.fixed_dictionaries({}, optional={"role": shapes, "type": shapes, "content": blocks, "tool_calls": blocks})
conversations = st.lists(things | speakers, max_size=3)
objects = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("messages", "input", "output", "content", "contents", "data"), conversations | shapes),
        **dict.fromkeys(("model", "tools", "system", "instructions", "usage", "error", "type", "delta"), shapes),
        "choices": st.lists(st.fixed_dictionaries({}, optional={"message": things, "delta": things}), max_size=2)
        | shapes,
    },
)
encode: Callable[[Any], bytes] = lambda value: json.dumps(value).encode()  # noqa: E731 - a name for a strategy's function
jsons = objects.map(encode)
streams = st.lists(st.tuples(st.sampled_from(["", "event: error\n", "event: x\n", ": hi\n"]), jsons), max_size=6).map(
    lambda events: b"".join(name.encode() + b"data: " + data + b"\n\n" for name, data in events)
)
bodies = st.binary(max_size=60) | jsons | streams


@every_format
@settings(max_examples=40, deadline=None)
@given(body=bodies, content_type=st.sampled_from(CONTENT_TYPES), status=st.sampled_from([200, 400, 503]))
def test_any_body_gives_a_view(wire_format: str, body: bytes, content_type: str, status: int) -> None:
    request = read_request(wire_format, body)
    response = read_response(wire_format, body, content_type=content_type, status=status)
    for message in (*request.messages, *response.output):
        json.dumps(message.to_dict(), ensure_ascii=False).encode()
        assert isinstance(message.role, str)
        assert message.content is None or isinstance(message.content, (str, list))
        assert message.reasoning_content is None or isinstance(message.reasoning_content, str)
        assert all(isinstance(call["function"]["arguments"], str) for call in message.tool_calls or ())
    assert all(isinstance(reason, str) for reason in response.finish_reasons)
    for value in (request.model, response.response_model, response.response_id):
        assert value is None or isinstance(value, str)
    assert response.error is None or response.error.message


@settings(max_examples=40, deadline=None)
@given(body=objects)
@every_format
def test_no_string_of_a_request_is_lost(wire_format: str, body: dict[str, Any]) -> None:
    view = read_request(wire_format, encode(body))
    kept = json.dumps([view.model, [m.to_dict() for m in view.messages], list(view.tools), view.options])
    plain = kept.replace("\\", "")
    structure = {"type", "role", "index"}  # what our own words stand for
    for key, value in _strings(body):
        assert key in structure or json.dumps(value).replace("\\", "") in plain or not value


def _strings(value: Any, key: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [found for name, item in value.items() for found in _strings(item, name)]
    if isinstance(value, list):
        return [found for item in value for found in _strings(item, key)]
    return [(key, value)] if isinstance(value, str) else []


@every_format
@pytest.mark.parametrize(
    "opening", [b"[", b'{"messages":', b'{"error":', b'data: {"choices":[{"delta":', b'{"detail":[']
)
def test_nesting_without_end_gives_an_empty_view(wire_format: str, opening: bytes) -> None:
    body = opening * 50_000
    assert read_request(wire_format, body) == RequestView()
    response = read_response(wire_format, body, content_type="", status=200)
    assert response == ResponseView()
    assert read_response(wire_format, body, content_type="", status=500).error is not None


@every_format
@pytest.mark.parametrize("depth", [300, 900, 980])
def test_deep_nesting_gives_a_view(wire_format: str, depth: int) -> None:
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    for key in (b"messages", b"input", b"arguments", b"error", b"content"):
        body = b'{"' + key + b'":' + deep + b"}"
        read_request(wire_format, b'{"messages":[' + body + b'],"input":[' + body + b"]}")
        for status in (200, 400):
            read_response(wire_format, body, content_type="", status=status)
            read_response(wire_format, b"data: " + body, content_type="", status=status)


@settings(max_examples=200, deadline=None)
@given(method=st.sampled_from(["GET", "POST"]), host=st.text(max_size=20), path=st.text(max_size=40), body=st.binary())
def test_any_address_is_routed_or_not(method: str, host: str, path: str, body: bytes) -> None:
    route(method, host, path)
    looks_like_llm(body)


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=80), encoding=st.sampled_from(["gzip", "deflate", "zstd", "br", "gzip, br", "x", ","]))
def test_any_encoded_body_gives_bytes_or_a_value_error(body: bytes, encoding: str) -> None:
    try:
        assert isinstance(decode_content(body, encoding), bytes)
    except ValueError as fault:
        assert "content-encoding" in str(fault)  # noqa: PT017 - either outcome is right
