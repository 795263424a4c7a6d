from __future__ import annotations

import json
from typing import Any

import pytest

from spanglass.model.message import ChatMessage
from spanglass.model.record import ErrorInfo, Usage
from spanglass.wire.base import RequestView, ResponseView
from spanglass.wire.read import read_request, read_response
from wire.made import fold, stream_of

TEXT = {"type": "text", "text": "Hello"}
THINKING = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
SIGNATURE = {"type": "thinking", "signature": "c2ln"}
REDACTED = {"type": "redacted_thinking", "data": "ZGF0YQ"}
USE = {"type": "tool_use", "id": "tu_1", "name": "look", "input": {"a": 1}}
SERVER_USE = {"type": "server_tool_use", "id": "st_1", "name": "web_search", "input": {"query": "x"}}
SERVER_RESULT = {"type": "web_search_tool_result", "tool_use_id": "st_1", "content": []}
USED = {"id": "tu_1", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}}
SERVER_USED = {
    "id": "st_1",
    "type": "server_tool_use",
    "function": {"name": "web_search", "arguments": '{"query":"x"}'},
}
WHOLE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [THINKING, SERVER_USE, SERVER_RESULT, TEXT, USE],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 5, "cache_read_input_tokens": 10, "output_tokens": 3},
}
ANSWER = ResponseView(
    (ChatMessage("assistant", [SIGNATURE, SERVER_RESULT, TEXT], "Hm.", [SERVER_USED, USED]),),
    "claude-x",
    "msg_1",
    ("tool_use",),
    Usage(15, 3, 10),
    complete=True,
)


def request(**body: Any) -> RequestView:
    return read_request("anthropic_messages", json.dumps(body).encode())


def answer(body: Any) -> ResponseView:
    return read_response("anthropic_messages", json.dumps(body).encode(), content_type="application/json", status=200)


def test_reads_a_request_whole() -> None:
    system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    view = request(
        model="claude-x",
        max_tokens=9,
        stream=True,
        system=system,
        tools=[{"name": "look", "input_schema": {}}],
        messages=[
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": [THINKING, REDACTED, TEXT, {**USE, "cache_control": {"type": "e"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "tu_1", "content": "seen"}]},
        ],
    )
    assert view == RequestView(
        "claude-x",
        (
            ChatMessage("system", system),
            ChatMessage("user", "Hi"),
            ChatMessage("assistant", [SIGNATURE, REDACTED, TEXT], "Hm.", [{**USED, "cache_control": {"type": "e"}}]),
            ChatMessage("tool", "seen", tool_call_id="tu_1"),
        ),
        ({"name": "look", "input_schema": {}},),
        {"max_tokens": 9, "stream": True},
        stream=True,
    )


def test_tool_results_are_messages_of_their_own_in_their_order() -> None:
    parts = [{"type": "image", "source": {}}]
    failed = {"type": "tool_result", "tool_use_id": "tu_2", "content": "No such file", "is_error": True}
    view = request(
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "before"},
                    {"type": "tool_result", "tool_use_id": "tu_1", "content": parts, "is_error": False},
                    failed,
                    {"type": "tool_result", "tool_use_id": "tu_3", "cache_control": {"type": "ephemeral"}},
                    {"type": "text", "text": "after"},
                ],
            }
        ]
    )
    assert view == RequestView(
        messages=(
            ChatMessage("user", [{"type": "text", "text": "before"}]),
            ChatMessage("tool", parts, tool_call_id="tu_1"),
            ChatMessage("tool", [failed], tool_call_id="tu_2"),
            ChatMessage("tool", None, tool_call_id="tu_3"),
            ChatMessage("user", [{"type": "text", "text": "after"}]),
        ),
        options={"messages": {"0": {"content": {"3": {"cache_control": {"type": "ephemeral"}}}}}},
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"role": "user", "content": []}, ChatMessage("user")),
        ({"role": "user"}, ChatMessage("user")),
        ({"role": "user", "content": {"type": "text"}}, ChatMessage("user", [{"type": "text"}])),
        ({"role": "user", "content": ["bare", 7]}, ChatMessage("user", ["bare", 7])),
        ("bare", ChatMessage("user", "bare")),
        (
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm."}]},
            ChatMessage("assistant", None, "Hm."),
        ),
        (
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": {"a": 1}}]},
            ChatMessage("tool", [{"a": 1}], tool_call_id="t"),
        ),
    ],
)
def test_reads_any_message(given: Any, expected: ChatMessage) -> None:
    assert request(messages=[given]).messages == (expected,)


def test_reads_an_answer_whole() -> None:
    assert answer(WHOLE) == ANSWER


def test_a_count_of_tokens_is_usage() -> None:
    assert answer({"input_tokens": 7}) == ResponseView(usage=Usage(7), complete=True)


def test_reads_a_legacy_text_completion() -> None:
    prompt = "\n\nHuman: Hi\n\nAssistant:"
    view = request(model="claude-2", prompt=prompt, max_tokens_to_sample=9)
    assert view == RequestView("claude-2", (ChatMessage("user", prompt),), (), {"max_tokens_to_sample": 9})
    whole = answer({"type": "completion", "id": "c", "completion": "Hi!", "stop_reason": "stop_sequence"})
    assert whole == ResponseView((ChatMessage("assistant", "Hi!"),), None, "c", ("stop_sequence",), complete=True)
    assert whole == fold(
        "anthropic_messages",
        {"type": "completion", "id": "c", "completion": "H", "stop_reason": None},
        {"type": "ping"},
        {"type": "completion", "id": "c", "completion": "i!", "stop_reason": "stop_sequence"},
        named=True,
    )


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def arguments(*pieces: str) -> list[dict[str, Any]]:
    return [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


START = {
    "type": "message_start",
    "message": {
        **WHOLE,
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 10, "output_tokens": 1},
    },
}
BLOCKS = [
    *block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "H"},
        {"type": "thinking_delta", "thinking": "m."},
        {"type": "signature_delta", "signature": "c2ln"},
    ),
    {"type": "ping"},
    *block(1, {**SERVER_USE, "input": {}}, *arguments("", '{"query":', '"x"}')),
    *block(2, SERVER_RESULT),
    *block(
        3, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Hel"}, {"type": "text_delta", "text": "lo"}
    ),
    *block(4, {**USE, "input": {}}, *arguments("", '{"a":1', "}")),
]
END = [
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 3},
    },
    {"type": "message_stop"},
]


@pytest.mark.parametrize("named", [True, False])
def test_a_stream_folds_to_the_whole_answer(named: bool) -> None:  # noqa: FBT001 - a parameter of the table
    assert fold("anthropic_messages", START, *BLOCKS, *END, named=named) == ANSWER


def test_citations_are_gathered_in_their_block() -> None:
    start = {"type": "text", "text": "", "citations": [1]}
    view = fold("anthropic_messages", *block(0, start, {"type": "citations_delta", "citation": 2}))
    assert view.output == (ChatMessage("assistant", [{"type": "text", "text": "", "citations": [1, 2]}]),)


def test_a_tool_without_arguments_has_an_empty_object() -> None:
    view = fold("anthropic_messages", *block(0, {**USE, "input": {}}, *arguments("")))
    assert view.output[0].tool_calls == [{**USED, "function": {"name": "look", "arguments": "{}"}}]


def test_a_cut_stream_gives_what_had_come() -> None:
    view = fold("anthropic_messages", START, *BLOCKS[:-2])
    cut = {**USED, "function": {"name": "look", "arguments": '{"a":1'}}
    assert view == ResponseView(
        (ChatMessage("assistant", [SIGNATURE, SERVER_RESULT, TEXT], "Hm.", [SERVER_USED, cut]),),
        "claude-x",
        "msg_1",
        (),
        Usage(15, 1, 10),
    )


def test_deltas_without_their_start_are_told_by_what_they_add() -> None:
    deltas = [delta for delta in BLOCKS if delta["type"] == "content_block_delta" and delta["index"] in (0, 3)]
    view = fold("anthropic_messages", *deltas)
    assert view == ResponseView((ChatMessage("assistant", [SIGNATURE, TEXT], "Hm."),))


def test_an_error_inside_a_stream_is_an_error_and_keeps_what_had_come() -> None:
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    view = fold("anthropic_messages", START, *BLOCKS[:3], overloaded, named=True)
    assert (view.error, view.complete) == (ErrorInfo("overloaded_error", "Overloaded"), False)
    assert view.output == (ChatMessage("assistant", None, "Hm."),)


def test_an_error_event_may_be_a_text() -> None:
    body = stream_of(START, named=True) + b"event: error\ndata: upstream gone\n\n"
    view = read_response("anthropic_messages", body, content_type="text/event-stream", status=200)
    assert view.error == ErrorInfo("error", "upstream gone")


def test_events_of_unknown_kinds_are_passed_over() -> None:
    assert fold("anthropic_messages", START, {"type": "news"}, 5, [], *BLOCKS, {}, *END) == ANSWER
