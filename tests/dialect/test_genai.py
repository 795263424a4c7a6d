from __future__ import annotations

import json

import pytest

from dialect.made import call, envelope
from spanglass.dialect.genai import facts, window
from spanglass.dialect.view import Facts, Window
from spanglass.model.message import ChatMessage
from spanglass.model.record import Usage

MESSAGES = [
    {"role": "user", "name": "ann", "parts": [{"type": "text", "content": "Look."}, {"type": "blob", "data": "aGk="}]},
    {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "content": "Hm."},
            {"type": "tool_call", "id": "c1", "name": "find", "arguments": {"q": 1}},
        ],
    },
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": {"n": 2}}]},
]
CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.request.max_tokens": 100,
    "gen_ai.request.stop_sequences": ["END"],
    "gen_ai.response.model": "gpt-4o-2024",
    "gen_ai.response.id": "r-1",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 40,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.usage.cache_read.input_tokens": 3,
    "gen_ai.usage.cache_creation.input_tokens": 0,
    "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be brief."}]),
    "gen_ai.tool.definitions": json.dumps([{"type": "function", "name": "find"}]),
    "gen_ai.output.messages": json.dumps(
        [{"role": "assistant", "parts": [{"type": "text", "content": "Two."}], "finish_reason": "stop"}]
    ),
}
READ = Window(
    (
        ChatMessage.as_system("Be brief."),
        ChatMessage("user", [{"type": "text", "text": "Look."}, {"type": "blob", "data": "aGk="}], name="ann"),
        ChatMessage.as_assistant(reasoning_content="Hm.", tool_calls=[call("c1", "find", '{"q":1}')]),
        ChatMessage.as_tool('{"n":2}', tool_call_id="c1"),
    ),
    (ChatMessage.as_assistant("Two."),),
    ({"type": "function", "name": "find"},),
    {"max_tokens": 100, "stop_sequences": ["END"]},
)


def test_the_attributes_say_who_what_and_how_much() -> None:
    assert facts(envelope(CALL)) == Facts(
        "openai", "chat", "gpt-4o", "gpt-4o-2024", "r-1", ("stop",), Usage(40, 7, 3, 0, None)
    )


def test_the_names_of_before_are_read_too() -> None:
    old = {
        "gen_ai.system": "az.ai.inference",
        "gen_ai.request.model": "gpt-4",
        "gen_ai.usage.prompt_tokens": 5,
        "gen_ai.usage.completion_tokens": 6,
        "gen_ai.response.finish_reasons": '["stop", "length"]',
    }
    assert facts(envelope(old)) == Facts(
        "az.ai.inference", None, "gpt-4", finish_reasons=("stop", "length"), usage=Usage(5, 6)
    )


@pytest.mark.parametrize("said", [MESSAGES, json.dumps(MESSAGES)], ids=["structured", "json"])
def test_messages_are_read_as_a_list_and_as_json(said: object) -> None:
    assert window(envelope({**CALL, "gen_ai.input.messages": said})) == READ


def test_messages_on_the_details_event_count_for_the_span() -> None:
    details = {
        "name": "gen_ai.client.inference.operation.details",
        "attributes": {"gen_ai.input.messages": MESSAGES},
        "time": 5,
    }
    cut = {**CALL, "gen_ai.input.messages": '[{"role": "user", "parts": [{"ty'}
    assert window(envelope(cut, details)) == READ
    by_body = {**details, "attributes": {}, "body": {"gen_ai.input.messages": MESSAGES, "other": 1}}
    assert window(envelope(cut, by_body)) == READ


def test_a_tools_span_shows_its_call_and_its_result() -> None:
    tool = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "find",
        "gen_ai.tool.call.id": "c1",
        "gen_ai.tool.call.arguments": '{"q": 1}',
        "gen_ai.tool.call.result": {"n": 2},
    }
    assert window(envelope(tool)) == Window(
        (ChatMessage.as_assistant(tool_calls=[call("c1", "find", '{"q": 1}')]),),
        (ChatMessage.as_tool('{"n":2}', tool_call_id="c1", name="find"),),
    )


def test_instructions_that_are_a_bare_text_are_the_system_message() -> None:
    assert window(envelope({"gen_ai.system_instructions": "Be brief."})).messages == (
        ChatMessage.as_system("Be brief."),
    )
