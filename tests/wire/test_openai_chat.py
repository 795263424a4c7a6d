from __future__ import annotations

import json
from typing import Any

import pytest

from spanglass.model.message import ChatMessage
from spanglass.model.record import ErrorInfo, Usage
from spanglass.wire.base import RequestView, ResponseView
from spanglass.wire.read import read_request, read_response
from wire.made import fold

CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}


def request(**body: Any) -> RequestView:
    return read_request("openai_chat", json.dumps(body).encode())


def answer(**body: Any) -> ResponseView:
    return read_response("openai_chat", json.dumps(body).encode(), content_type="application/json", status=200)


def delta(index: int = 0, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"id": "c1", "model": "m", "choices": [{"index": index, "delta": fields, "finish_reason": finish}]}


def test_reads_a_request_whole() -> None:
    view = request(
        model="m",
        stream=True,
        temperature=0.5,
        tools=[{"type": "function", "function": {"name": "look"}}],
        functions=[{"name": "old"}],
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "name": "ann", "content": [{"type": "text", "text": "Look"}, {"type": "image_url"}]},
            {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_content": "Hm.", "refusal": None},
            {"role": "tool", "tool_call_id": "call_1", "content": "seen"},
            {"role": "assistant", "content": "Done", "prefix": True, "annotations": [], "cache_control": {"type": "e"}},
        ],
    )
    assert view == RequestView(
        "m",
        (
            ChatMessage("developer", "Be brief."),
            ChatMessage("user", [{"type": "text", "text": "Look"}, {"type": "image_url"}], name="ann"),
            ChatMessage("assistant", None, "Hm.", [CALL]),
            ChatMessage("tool", "seen", tool_call_id="call_1"),
            ChatMessage("assistant", "Done"),
        ),
        ({"type": "function", "function": {"name": "look"}}, {"name": "old"}),
        {
            "stream": True,
            "temperature": 0.5,
            "messages": {"4": {"prefix": True, "cache_control": {"type": "e"}}},
        },
        stream=True,
    )


MESSAGES: dict[str, tuple[Any, ChatMessage]] = {
    "reasoning under the other name": (
        {"role": "assistant", "content": "4", "reasoning": "2+2"},
        ChatMessage("assistant", "4", "2+2"),
    ),
    "reasoning under both names": (
        {"role": "assistant", "content": "4", "reasoning": "2+2", "reasoning_content": "2+2"},
        ChatMessage("assistant", "4", "2+2"),
    ),
    "reasoning as a part": (
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "2+2"}], "closed": True},
                {"type": "text", "text": "4"},
            ],
        },
        ChatMessage("assistant", [{"type": "text", "text": "4"}], "2+2"),
    ),
    "reasoning as a part, and more beside it": (
        {
            "role": "assistant",
            "reasoning_content": "Sum.",
            "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "2+2"}, {"type": "reference"}]}],
        },
        ChatMessage("assistant", [{"type": "thinking", "thinking": [{"type": "reference"}]}], "2+2\n\nSum."),
    ),
    "reasoning twice, as a part and beside": (
        {"role": "assistant", "reasoning": "2+2", "content": [{"type": "thinking", "thinking": "2+2"}]},
        ChatMessage("assistant", [], "2+2"),
    ),
    "refusal": (
        {"role": "assistant", "content": None, "refusal": "No."},
        ChatMessage("assistant", [{"type": "refusal", "refusal": "No."}]),
    ),
    "audio": (
        {"role": "assistant", "content": None, "audio": {"id": "a1"}},
        ChatMessage("assistant", [{"type": "audio", "audio": {"id": "a1"}}]),
    ),
    "image beside text": (
        {"role": "assistant", "content": "Here", "images": [{"type": "image_url"}]},
        ChatMessage("assistant", [{"type": "text", "text": "Here"}, {"type": "image_url"}]),
    ),
    "legacy function call": (
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        ChatMessage(
            "assistant",
            tool_calls=[{"id": None, "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        ),
    ),
    "custom tool": (
        {"role": "assistant", "tool_calls": [{"id": "1", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]},
        ChatMessage(
            "assistant", tool_calls=[{"id": "1", "type": "custom", "function": {"name": "sh", "arguments": "ls"}}]
        ),
    ),
    "arguments as an object, no type": (
        {"role": "assistant", "tool_calls": [{"id": "1", "index": 3, "function": {"name": "f", "arguments": {}}}]},
        ChatMessage(
            "assistant",
            tool_calls=[{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}, "index": 3}],
        ),
    ),
    "function fields written flat": (
        {"role": "assistant", "tool_calls": [{"id": "1", "name": "f", "arguments": "{}"}]},
        ChatMessage(
            "assistant", tool_calls=[{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
        ),
    ),
    "a function that is none": (
        {"role": "assistant", "function_call": {"function": None, "id": "x"}},
        ChatMessage(
            "assistant",
            tool_calls=[
                {
                    "id": None,
                    "type": "function",
                    "function": {"function": None, "id": "x", "name": None, "arguments": ""},
                }
            ],
        ),
    ),
    "legacy function result": (
        {"role": "function", "name": "f", "content": "4"},
        ChatMessage("function", "4", name="f"),
    ),
    "content as an object": ({"role": "user", "content": {"text": "Hi"}}, ChatMessage("user", [{"text": "Hi"}])),
    "no role": ({"content": "Hi"}, ChatMessage("user", "Hi")),
    "a bare text": ("Hi", ChatMessage("user", "Hi")),
    "a number": (7, ChatMessage("user", [7])),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_reads_a_message(case: str) -> None:
    given, expected = MESSAGES[case]
    assert request(messages=[given]) == RequestView(messages=(expected,))


def test_what_does_not_fit_the_vocabulary_stays_in_the_options() -> None:
    view = request(
        model=7,
        tools="none",
        messages=[
            {"role": "user", "content": "Hi", "name": 5},
            {"role": "assistant", "content": "", "tool_calls": "broken", "reasoning": {"a": 1}},
        ],
    )
    assert view.messages == (ChatMessage("user", "Hi"), ChatMessage("assistant", ""))
    assert view.options == {
        "model": 7,
        "tools": "none",
        "messages": {"0": {"name": 5}, "1": {"tool_calls": "broken", "reasoning": {"a": 1}}},
    }


def test_reads_an_answer_whole() -> None:
    view = answer(
        id="c1",
        model="m-2025",
        choices=[
            {"index": 1, "message": {"role": "assistant", "content": "B"}, "finish_reason": "length"},
            {"index": 0, "message": {"content": "A", "tool_calls": [CALL]}, "finish_reason": "tool_calls"},
        ],
        usage={"prompt_tokens": 3, "completion_tokens": 2},
    )
    assert view == ResponseView(
        (ChatMessage("assistant", "A", tool_calls=[CALL]), ChatMessage("assistant", "B")),
        "m-2025",
        "c1",
        ("tool_calls", "length"),
        Usage(3, 2),
        complete=True,
    )


def test_an_error_in_an_answer_that_began_well_is_an_error() -> None:
    view = answer(error={"message": "Upstream failed", "code": 502})
    assert view == ResponseView(error=ErrorInfo("502", "Upstream failed"), complete=True)
    assert answer(error="Bad input", error_type="validation").error == ErrorInfo("validation", "Bad input")
    assert answer(object="error", type="BadRequestError", code=400, message="Too long").error == ErrorInfo(
        "BadRequestError", "Too long"
    )


def test_an_error_may_be_a_choice_s() -> None:
    failed = {"index": 0, "finish_reason": "error", "error": {"code": 502, "message": "Provider failed"}}
    whole = answer(choices=[{**failed, "message": {"role": "assistant", "content": "Hal"}}])
    streamed = fold("openai_chat", delta(content="Hal"), {"choices": [{**failed, "delta": {}}]}, done=True)
    assert whole.error == streamed.error == ErrorInfo("502", "Provider failed")
    assert whole.output == streamed.output == (ChatMessage("assistant", "Hal"),)


def test_text_may_stand_beside_the_message() -> None:
    view = answer(choices=[{"index": 0, "text": "Hi", "message": {"role": "assistant", "content": None}}])
    assert view.output == (ChatMessage("assistant", "Hi"),)


def test_folds_text_of_several_choices() -> None:
    view = fold(
        "openai_chat",
        {"id": "", "model": "", "choices": [], "prompt_filter_results": []},  # Azure's first
        delta(0, role="assistant", content=""),
        delta(1, role="assistant", content="B"),
        delta(0, content="A"),
        delta(0, content="1", reasoning="think "),
        delta(0, reasoning_content="more"),
        delta(1, "length"),
        delta(0, "stop", content=None),
        {"id": "c1", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
        {"id": "c1", "choices": [], "usage": None},
        done=True,
    )
    assert view == ResponseView(
        (ChatMessage("assistant", "A1", "think more"), ChatMessage("assistant", "B")),
        "m",
        "c1",
        ("stop", "length"),
        Usage(3, 2),
        complete=True,
    )


def fragment(**fields: Any) -> dict[str, Any]:
    return delta(tool_calls=[fields])


def called(*calls: tuple[str | None, str, str]) -> list[dict[str, Any]]:
    return [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in calls]


TOOL_STREAMS: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
    "by index": (
        [
            fragment(index=0, id="1", type="function", function={"name": "f", "arguments": ""}),
            fragment(index=1, id="2", type="function", function={"name": "g", "arguments": ""}),
            fragment(index=0, function={"arguments": '{"a"'}),
            fragment(index=1, function={"arguments": "{}"}),
            fragment(index=0, function={"arguments": ": 1}"}),
        ],
        called(("1", "f", '{"a": 1}'), ("2", "g", "{}")),
    ),
    "index always 0, a new id begins a call": (
        [
            fragment(index=0, id="1", function={"name": "f", "arguments": "{"}),
            fragment(index=0, function={"arguments": "}"}),
            fragment(index=0, id="2", function={"name": "g", "arguments": "{"}),
            fragment(index=0, function={"arguments": "}"}),
        ],
        called(("1", "f", "{}"), ("2", "g", "{}")),
    ),
    "index always 0, the id repeated": (
        [
            fragment(index=0, id="1", function={"name": "f", "arguments": "{"}),
            fragment(index=0, id="2", function={"name": "g", "arguments": "{"}),
            fragment(index=0, id="1", function={"arguments": "}"}),
            fragment(index=0, id="2", function={"arguments": "}"}),
        ],
        called(("1", "f", "{}"), ("2", "g", "{}")),
    ),
    "an id that is no id, an index each": (
        [
            fragment(index=0, id="null", function={"name": "f", "arguments": "{"}),
            fragment(index=1, id="null", function={"name": "g", "arguments": "{"}),
            fragment(index=0, id="null", function={"arguments": "}"}),
            fragment(index=1, id="null", function={"arguments": "}"}),
        ],
        called(("null", "f", "{}"), ("null", "g", "{}")),
    ),
    "the name alone, after its call began": (
        [
            fragment(index=0, id="1", type="function"),
            fragment(index=0, function={"name": "f"}),
            fragment(index=0, function={"arguments": "{}"}),
        ],
        called(("1", "f", "{}")),
    ),
    "one call that is no list": (
        [delta(tool_calls={"index": 0, "id": "1", "function": {"name": "f", "arguments": "{}"}})],
        called(("1", "f", "{}")),
    ),
    "no index, no id, whole calls": (
        [
            fragment(function={"name": "f", "arguments": "{}"}),
            fragment(function={"name": "f", "arguments": '{"b": 1}'}),
        ],
        called((None, "f", "{}"), (None, "f", '{"b": 1}')),
    ),
    "no index, two calls in one chunk": (
        [
            delta(
                tool_calls=[
                    {"id": "1", "function": {"name": "f", "arguments": "{}"}},
                    {"id": "2", "function": {"name": "g", "arguments": "{}"}},
                ]
            )
        ],
        called(("1", "f", "{}"), ("2", "g", "{}")),
    ),
    "the name repeated with every piece": (
        [
            fragment(index=0, id="1", function={"name": "f", "arguments": '{"a'}),
            fragment(index=0, function={"name": "f", "arguments": '": 1}'}),
            fragment(index=0, function={"name": "f", "arguments": ""}),
        ],
        called(("1", "f", '{"a": 1}')),
    ),
    "arguments as an object": (
        [fragment(index=0, id="1", function={"name": "f", "arguments": {"a": 1}})],
        called(("1", "f", '{"a":1}')),
    ),
    "custom tool": (
        [
            fragment(index=0, id="1", type="custom", custom={"name": "sh", "input": "l"}),
            fragment(index=0, custom={"input": "s"}),
        ],
        [{"id": "1", "type": "custom", "function": {"name": "sh", "arguments": "ls"}}],
    ),
    "more than the shape": (
        [fragment(index=0, id="1", function={"name": "f", "arguments": "{}"}, extra_content={"google": {"s": "x"}})],
        [{**called(("1", "f", "{}"))[0], "extra_content": {"google": {"s": "x"}}}],
    ),
    "legacy function call": (
        [
            delta(function_call={"name": "f", "arguments": ""}),
            delta(function_call={"arguments": "{"}),
            delta(function_call={"arguments": "}"}),
        ],
        called((None, "f", "{}")),
    ),
}


@pytest.mark.parametrize("case", TOOL_STREAMS)
def test_folds_tool_calls_however_they_are_told_apart(case: str) -> None:
    payloads, expected = TOOL_STREAMS[case]
    view = fold("openai_chat", *payloads, delta(0, "tool_calls"), done=True)
    assert view.output == (ChatMessage("assistant", tool_calls=expected),)
    assert view.finish_reasons == ("tool_calls",)


STREAMS: dict[str, tuple[list[Any], ChatMessage]] = {
    "content in parts": (
        [
            delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "2+"}]}]),
            delta(content=[{"type": "thinking", "thinking": "2"}]),
            delta(content=[{"type": "text", "text": "It is "}]),
            delta(content="4"),
        ],
        ChatMessage("assistant", "It is 4", "2+2"),
    ),
    "a thought that is no text": (
        [delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "2+2"}, {"type": "reference"}]}])],
        ChatMessage("assistant", [{"type": "thinking", "thinking": [{"type": "reference"}]}], "2+2"),
    ),
    "text beside a delta": (
        [{"choices": [{"index": 0, "text": "Hi", "delta": {"token_id": 1}}]}],
        ChatMessage("assistant", "Hi"),
    ),
    "parts that are no text": (
        [delta(content=["See "]), delta(content=[{"type": "reference", "reference_ids": [1]}])],
        ChatMessage("assistant", [{"type": "text", "text": "See "}, {"type": "reference", "reference_ids": [1]}]),
    ),
    "refusal": (
        [delta(refusal="N"), delta(refusal="o.")],
        ChatMessage("assistant", [{"type": "refusal", "refusal": "No."}]),
    ),
    "audio": (
        [
            delta(audio={"id": "a", "transcript": "H"}),
            delta(audio={"transcript": "i", "data": "AA"}),
            delta(audio={"data": "BB", "expires_at": 9}),
        ],
        ChatMessage(
            "assistant",
            [{"type": "audio", "audio": {"id": "a", "transcript": "Hi", "data": "AABB", "expires_at": 9}}],
        ),
    ),
    "images": (
        [delta(content="Here"), delta(images=[{"type": "image_url"}])],
        ChatMessage("assistant", [{"type": "text", "text": "Here"}, {"type": "image_url"}]),
    ),
    "delta beside a growing message": (
        [
            {"choices": [{"index": 0, "delta": {"content": "A"}, "message": {"content": "A"}}]},
            {"choices": [{"index": 0, "delta": {"content": "B"}, "message": {"content": "AB"}}]},
        ],
        ChatMessage("assistant", "AB"),
    ),
    "message for a delta": ([{"choices": [{"message": {"content": "A"}}]}], ChatMessage("assistant", "A")),
    "chunks that are not as they should be": (
        [1, "text", None, [], {"choices": 5}, {"choices": [None, {"index": "0", "delta": {"content": "A"}}]}, {}],
        ChatMessage("assistant", "A"),
    ),
}


@pytest.mark.parametrize("case", STREAMS)
def test_folds_what_a_delta_can_say(case: str) -> None:
    payloads, expected = STREAMS[case]
    assert fold("openai_chat", *payloads, done=True).output == (expected,)


def test_usage_may_come_in_the_last_choice() -> None:
    last = {"index": 0, "delta": {}, "finish_reason": "stop", "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    assert fold("openai_chat", delta(content="A"), {"choices": [last]}, done=True).usage == Usage(3, 2)


def test_usage_may_come_in_groq_s_own_field_and_in_every_chunk() -> None:
    view = fold(
        "openai_chat",
        {**delta(content="A"), "usage": {"prompt_tokens": 1}},
        {**delta(0, "stop"), "x_groq": {"id": "r", "usage": {"prompt_tokens": 3, "completion_tokens": 2}}},
    )
    assert view.usage == Usage(3, 2)


@pytest.mark.parametrize(
    "payload",
    [
        {"error": {"type": "server_error", "message": "Broke"}},
        {"x_groq": {"error": {"type": "server_error", "message": "Broke"}}},
        {"choices": [], "error": {"code": "server_error", "message": "Broke"}},
        {"type": "error", "code": "server_error", "message": "Broke"},
        {"error": "Broke", "error_type": "server_error"},
    ],
)
def test_an_error_inside_a_stream_is_an_error_and_keeps_what_had_come(payload: dict[str, Any]) -> None:
    named = payload.get("type") == "error"
    first = {**delta(content="A"), "type": "chunk"}
    view = fold("openai_chat", first, payload if named else {**payload, "type": "chunk"}, named=True)
    assert view.error == ErrorInfo("server_error", "Broke")
    assert (view.output, view.complete) == ((ChatMessage("assistant", "A"),), False)


def test_a_chunk_may_be_an_error_by_its_object() -> None:
    view = fold(
        "openai_chat", delta(content="A"), {"object": "error", "type": "BadRequest", "code": 400, "message": "No"}
    )
    assert (view.error, view.complete) == (ErrorInfo("BadRequest", "No"), False)


def test_a_stream_is_complete_when_it_says_so() -> None:
    both = [delta(0, content="A"), delta(1, content="B")]
    assert not fold("openai_chat").complete
    assert not fold("openai_chat", *both).complete
    assert not fold("openai_chat", *both, delta(0, "stop")).complete
    assert fold("openai_chat", *both, delta(0, "stop"), delta(1, "stop")).complete
    assert fold("openai_chat", *both, done=True).complete
