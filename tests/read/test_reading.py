from __future__ import annotations

import json
from typing import Any

from read.made import QUESTION, SPAN, TRACE, Made
from spanglass.model.message import ChatMessage
from spanglass.model.record import Attempt, ErrorInfo, Record, Usage
from spanglass.read.reading import read_envelope, read_record


def record(*attempts: Attempt, **more: Any) -> Record:
    return Record(TRACE, SPAN, format="openai_chat", attempts=attempts, **more)


def test_messages_tools_options_and_answer_are_read_from_the_bytes() -> None:
    tool = {"type": "function", "function": {"name": "find"}}
    made = Made(more={"temperature": 0.5, "tools": [tool]})
    found = read_record(record(Attempt(1, "POST", "u", 0, 200, {}, made.request, {}, made.response)))
    assert found.messages == (ChatMessage.as_user(QUESTION["content"]),)
    assert (found.tools, found.options) == ((tool,), {"temperature": 0.5})
    assert [message.content for message in found.output] == ["Rain, 11 degrees."]
    assert (found.request_model, found.response_model, found.response_id) == ("gpt-4o", "gpt-4o-2024", "r-1")
    assert (found.finish_reasons, found.usage) == (("stop",), Usage(40, 7))


def test_what_was_recorded_is_not_replaced_by_what_the_bytes_say() -> None:
    made = Made()
    told = {"request_model": "asked", "response_model": "told", "response_id": "x", "finish_reasons": ("length",)}
    found = read_record(
        record(Attempt(1, "POST", "u", 0, 200, {}, made.request, {}, made.response), usage=Usage(1), **told)
    )
    assert {name: getattr(found, name) for name in told} == told
    assert found.usage == Usage(1, 7)


def test_the_last_attempt_that_has_a_body_is_read() -> None:
    first, second = Made(answer="old"), Made(messages=[{"role": "user", "content": "again"}], answer="new")
    found = read_record(
        record(
            Attempt(1, "POST", "u", 0, 200, {}, first.request, {}, first.response),
            Attempt(2, "POST", "u", 0, 200, {}, second.request, {}, second.response),
            Attempt(3, "POST", "u", 0),
        )
    )
    assert [message.content for message in (*found.messages, *found.output)] == ["again", "new"]


def test_an_error_answer_explains_a_call_that_failed_and_is_no_error_of_one_that_did_not() -> None:
    body = b'{"error": {"type": "rate_limit", "message": "slow down"}}'
    attempt = Attempt(1, "POST", "u", 0, 429, {}, Made().request, {"Content-Type": "application/json"}, body)
    failed, killed = (read_record(record(attempt, state=state)) for state in ("error", "killed"))
    assert failed.error is not None
    assert "slow down" in failed.error.message
    assert killed.error is None
    told = ErrorInfo("openai.RateLimitError", "told")
    assert read_record(record(attempt, state="error", error=told)).error == told


def test_a_body_that_cannot_be_read_leaves_its_fields_empty_and_itself_in_the_attempt() -> None:
    found = read_record(record(Attempt(1, "POST", "u", 0, 200, {}, b"\xff\x00", {}, b"<html>")))
    assert (found.messages, found.output, found.options) == ((), (), {})
    assert (found.attempts[0].request_body, found.attempts[0].response_body) == (b"\xff\x00", b"<html>")


CONVENTION = {
    "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be brief."}]),
    "gen_ai.input.messages": json.dumps(
        [
            {"role": "user", "parts": [{"type": "text", "content": "Look."}, {"type": "blob", "data": "aGk="}]},
            {
                "role": "assistant",
                "parts": [
                    {"type": "reasoning", "content": "Hm."},
                    {"type": "tool_call", "id": "c1", "name": "find", "arguments": {"q": 1}},
                ],
            },
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": {"n": 2}}]},
        ]
    ),
    "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "Two."}]}],
    "gen_ai.tool.definitions": '[{"name": "find"}]',
}


def test_a_foreign_span_is_read_from_the_messages_in_its_attributes() -> None:
    found = read_envelope(record(), json.dumps({"attributes": CONVENTION}).encode())
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"q":1}'}}
    assert found.messages == (
        ChatMessage.as_system("Be brief."),
        ChatMessage.as_user([{"type": "text", "text": "Look."}, {"type": "blob", "data": "aGk="}]),
        ChatMessage.as_assistant(reasoning_content="Hm.", tool_calls=[call]),
        ChatMessage.as_tool('{"n":2}', tool_call_id="c1"),
    )
    assert (found.output, found.tools) == ((ChatMessage.as_assistant("Two."),), ({"name": "find"},))


def test_an_envelope_of_any_shape_is_read_as_far_as_it_goes() -> None:
    for body in (
        None,
        b"",
        b"nonsense",
        b"[]",
        b'{"attributes": 3}',
        b'{"attributes": {"gen_ai.input.messages": "cut [',
    ):
        assert read_envelope(record(), body) == record()
    bare = json.dumps({"attributes": {"gen_ai.system_instructions": "Be brief."}}).encode()
    assert read_envelope(record(), bare).messages == (ChatMessage.as_system("Be brief."),)
