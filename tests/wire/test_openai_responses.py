from __future__ import annotations

import json
from typing import Any

import pytest

from spanglass.model.message import ChatMessage
from spanglass.model.record import ErrorInfo, Usage
from spanglass.wire.base import RequestView, ResponseView
from spanglass.wire.read import read_request, read_response
from wire.made import fold

TEXT = {"type": "output_text", "text": "Hello", "annotations": []}
MESSAGE = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [TEXT]}
REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "First."}, {"type": "summary_text", "text": "Second."}],
    "encrypted_content": None,
}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": '{"a":1}'}
CUSTOM = {"type": "custom_tool_call", "id": "ct_1", "call_id": "call_2", "name": "sh", "input": "ls"}
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "x"}}
CALLED = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}}
SHELLED = {"id": "call_2", "type": "custom", "function": {"name": "sh", "arguments": "ls"}}
DONE = {
    "id": "resp_1",
    "object": "response",
    "model": "m-2025",
    "status": "completed",
    "output": [REASONING, SEARCH, MESSAGE, CALL, CUSTOM],
    "usage": {"input_tokens": 5, "output_tokens": 3},
    "error": None,
}
ANSWER = ResponseView(
    (ChatMessage("assistant", [SEARCH, TEXT], "First.\n\nSecond.", [CALLED, SHELLED]),),
    "m-2025",
    "resp_1",
    ("completed",),
    Usage(5, 3),
    complete=True,
)


def request(**body: Any) -> RequestView:
    return read_request("openai_responses", json.dumps(body).encode())


def answer(body: Any) -> ResponseView:
    return read_response("openai_responses", json.dumps(body).encode(), content_type="application/json", status=200)


def test_reads_a_request_whole() -> None:
    view = request(
        model="m",
        instructions="Be brief.",
        reasoning={"effort": "low"},
        tools=[{"type": "mcp", "server_url": "https://x.test"}],
        input=[
            {"role": "user", "content": "Hi"},
            {**REASONING, "encrypted_content": "gAAA"},
            {**CALL, "status": "completed", "namespace": "n"},
            CUSTOM,
            {"type": "function_call_output", "call_id": "call_1", "output": "seen"},
            {"type": "custom_tool_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "f"}]},
            MESSAGE,
            SEARCH,
            {"type": "item_reference", "id": "msg_0"},
            {"type": "additional_tools", "role": "developer", "tools": []},
        ],
    )
    assert view.messages == (
        ChatMessage("system", "Be brief."),
        ChatMessage("user", "Hi"),
        ChatMessage(
            "assistant", [{"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAA"}], "First.\n\nSecond."
        ),
        ChatMessage("assistant", tool_calls=[CALLED]),
        ChatMessage("assistant", tool_calls=[SHELLED]),
        ChatMessage("tool", "seen", tool_call_id="call_1"),
        ChatMessage("tool", [{"type": "input_text", "text": "f"}], tool_call_id="call_2"),
        ChatMessage("assistant", [TEXT]),
        ChatMessage("assistant", [SEARCH]),
        ChatMessage("assistant", [{"type": "item_reference", "id": "msg_0"}]),
        ChatMessage("developer", [{"type": "additional_tools", "role": "developer", "tools": []}]),
    )
    assert (view.model, view.stream) == ("m", False)
    assert view.tools == ({"type": "mcp", "server_url": "https://x.test"},)
    assert view.options == {
        "reasoning": {"effort": "low"},
        "input": {
            "2": {"id": "fc_1", "status": "completed", "namespace": "n"},
            "3": {"id": "ct_1"},
            "6": {"id": "msg_1", "status": "completed"},
        },
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Hi", ChatMessage("user", "Hi")),
        (["Hi"], ChatMessage("user", "Hi")),
        ([7], ChatMessage("user", [7])),
        ({"role": "user", "content": "Hi"}, ChatMessage("user", "Hi")),
        ([{"type": "message", "role": "system", "content": {"a": 1}}], ChatMessage("system", [{"a": 1}])),
        ([{"type": "input_image"}], ChatMessage("assistant", [{"type": "input_image"}])),
        (
            [{"type": "shell_call_output", "call_id": "c", "output": []}],
            ChatMessage("tool", [{"type": "shell_call_output", "call_id": "c", "output": []}], tool_call_id="c"),
        ),
        ([{"type": "mcp_approval_response"}], ChatMessage("user", [{"type": "mcp_approval_response"}])),
        ([{"text": "bare"}], ChatMessage("user", [{"text": "bare"}])),
        ([{"type": "reasoning", "summary": []}], ChatMessage("assistant")),
    ],
)
def test_reads_any_input(given: Any, expected: ChatMessage) -> None:
    assert request(input=given) == RequestView(messages=(expected,))


def test_instructions_may_be_items() -> None:
    items = [{"role": "developer", "content": "Be brief."}]
    assert request(instructions=items).messages == (ChatMessage("system", items),)


def test_reads_an_answer_whole() -> None:
    assert answer(DONE) == ANSWER


def test_an_incomplete_answer_says_so_in_its_finish_reason() -> None:
    view = answer({**DONE, "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}})
    assert (view.finish_reasons, view.complete, view.error) == (("incomplete",), True, None)


def test_a_failed_answer_is_an_error() -> None:
    view = answer({**DONE, "status": "failed", "output": [], "error": {"code": "server_error", "message": "Broke"}})
    assert (view.output, view.finish_reasons, view.error) == (
        (),
        ("failed",),
        ErrorInfo("server_error", "Broke"),
    )


def test_a_compacted_conversation_keeps_its_roles() -> None:
    user = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
    compaction = {"type": "compaction", "encrypted_content": "gAAA"}
    view = answer({"object": "response.compaction", "output": [user, compaction]})
    assert view.output == (
        ChatMessage("user", [{"type": "input_text", "text": "Hi"}]),
        ChatMessage("assistant", [compaction]),
    )


def test_a_count_of_input_tokens_is_usage() -> None:
    assert answer({"object": "response.input_tokens", "input_tokens": 11}).usage == Usage(11)


CREATED = {"type": "response.created", "response": {**DONE, "status": "in_progress", "output": [], "usage": None}}


def event(kind: str, index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "output_index": index, **fields}


DELTAS = [
    event("output_item.added", 0, item={**REASONING, "summary": []}),
    event("reasoning_summary_text.delta", 0, summary_index=0, delta="Fir"),
    event("reasoning_summary_text.delta", 0, summary_index=0, delta="st."),
    event("reasoning_summary_text.delta", 0, summary_index=1, delta="Second."),
    event("output_item.added", 1, item={**SEARCH, "status": "in_progress"}),
    event("output_item.done", 1, item=SEARCH),
    event("output_item.added", 2, item={**MESSAGE, "content": []}),
    event("content_part.added", 2, content_index=0, part={**TEXT, "text": ""}),
    event("output_text.delta", 2, content_index=0, delta="Hel"),
    event("output_text.delta", 2, content_index=0, delta="lo"),
    event("output_item.added", 3, item={**CALL, "arguments": ""}),
    event("function_call_arguments.delta", 3, delta='{"a"'),
    event("function_call_arguments.delta", 3, delta=":1}"),
    event("output_item.added", 4, item={**CUSTOM, "input": ""}),
    event("custom_tool_call_input.delta", 4, delta="ls"),
]


@pytest.mark.parametrize("named", [True, False])
def test_the_final_response_wins(named: bool) -> None:  # noqa: FBT001 - a parameter of the table
    final = {"type": "response.completed", "response": DONE}
    assert fold("openai_responses", CREATED, *DELTAS, final, named=named) == ANSWER


def test_a_final_response_without_output_is_filled_from_its_items() -> None:
    final = {"type": "response.completed", "response": {**DONE, "output": []}}
    items = [event("output_item.done", place, item=item) for place, item in enumerate(DONE["output"])]  # type: ignore[arg-type]
    assert fold("openai_responses", CREATED, *items, final) == ANSWER


def test_a_cut_stream_is_folded_from_its_deltas() -> None:
    plain = {"type": "output_text", "text": "Hello"}
    assert fold("openai_responses", CREATED, *DELTAS) == ResponseView(
        (ChatMessage("assistant", [SEARCH, plain], "First.\n\nSecond.", [CALLED, SHELLED]),), "m-2025", "resp_1"
    )


def test_items_without_an_index_are_told_apart_by_their_ids() -> None:
    bare = [{key: value for key, value in payload.items() if key != "output_index"} for payload in DELTAS]
    ids = {3: "fc_1", 4: "ct_1"} | {0: "rs_1", 1: "ws_1", 2: "msg_1"}
    for given, payload in zip(bare, DELTAS, strict=True):
        if "item" not in given:
            given["item_id"] = ids[payload["output_index"]]
    assert fold("openai_responses", *bare).output == fold("openai_responses", *DELTAS).output


def test_deltas_alone_are_enough() -> None:
    view = fold(
        "openai_responses",
        event("reasoning_text.delta", 0, delta="Hm"),
        event("refusal.delta", 1, delta="No"),
        event("function_call_arguments.delta", 2, delta="{"),
        event("code_interpreter_call_code.delta", 3, delta="1+1"),
    )
    call = {"id": None, "type": "function", "function": {"name": None, "arguments": "{"}}
    parts = [{"type": "refusal", "refusal": "No"}, {"type": "code_interpreter_call", "code": "1+1"}]
    assert view == ResponseView((ChatMessage("assistant", parts, "Hm", [call]),))


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "error", "code": "server_error", "message": "Broke", "param": None},
        {"type": "error", "error": {"type": "server_error", "message": "Broke"}},
        {"error": {"code": "server_error", "message": "Broke"}},
        {
            "type": "response.failed",
            "response": {"status": "failed", "error": {"code": "server_error", "message": "Broke"}},
        },
    ],
)
def test_an_error_inside_a_stream_is_an_error_and_keeps_what_had_come(payload: dict[str, Any]) -> None:
    view = fold("openai_responses", CREATED, *DELTAS, payload)
    assert view.error == ErrorInfo("server_error", "Broke")
    assert view.output[0].reasoning_content == "First.\n\nSecond."
