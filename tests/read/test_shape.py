"""Messages and tools of every wire format in the one spelling of a dataset's."""

from __future__ import annotations

from typing import Any

import pytest

from spanglass.model.message import ChatMessage
from spanglass.model.record import Record
from spanglass.read.chain import Chain
from spanglass.read.shape import Format, Style, rows_of

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": SCHEMA}}
NAMED = {"name": "weather", "description": "The weather."}


def row(record: Record, form: Format = "openai") -> dict[str, Any]:
    (made,) = rows_of(Chain(record), form, Style())
    return made


def record(*messages: ChatMessage, tools: tuple[Any, ...] = ()) -> Record:
    return Record("0" * 32, "0" * 16, messages=messages, output=(ChatMessage.as_assistant("Rain."),), tools=tools)


@pytest.mark.parametrize(
    "given",
    [
        TOOL,
        {"type": "function", **NAMED, "parameters": SCHEMA, "strict": True},  # OpenAI's Responses
        {**NAMED, "input_schema": SCHEMA},  # Anthropic
        {"functionDeclarations": [{**NAMED, "parameters": SCHEMA}]},  # Gemini
        {"tools": [{"toolSpec": {**NAMED, "inputSchema": {"json": SCHEMA}}}]},  # Bedrock
    ],
)
def test_a_tool_is_a_function_however_it_was_defined(given: Any) -> None:
    assert row(record(ChatMessage.as_user("Hi"), tools=(given,)))["tools"] == [TOOL]


@pytest.mark.parametrize("given", [{"type": "web_search_20250305", "name": "web_search"}, {"google_search": {}}, "x"])
def test_what_the_provider_runs_itself_is_no_tool_of_a_row(given: Any) -> None:
    assert "tools" not in row(record(ChatMessage.as_user("Hi"), tools=(given,)))


def test_a_tool_without_arguments_has_an_empty_schema() -> None:
    (tool,) = row(record(ChatMessage.as_user("Hi"), tools=({"type": "function", "name": "now"},)))["tools"]
    assert tool["function"] == {"name": "now", "description": "", "parameters": {"type": "object", "properties": {}}}


def test_texts_in_parts_are_text_and_other_parts_stay() -> None:
    texts = [{"type": "text", "text": "Ra"}, {"type": "input_text", "text": "in"}, "?"]
    picture = {"type": "image_url", "image_url": {"url": "data:"}}
    found = row(record(ChatMessage.as_user(texts), ChatMessage("user", [*texts, picture])))["messages"]
    assert [message["content"] for message in found[:2]] == ["Rain?", [*texts, picture]]
    said = row(record(ChatMessage.as_user([picture])), "sharegpt")["conversations"]
    assert said[0] == {"from": "human", "value": '[{"type": "image_url", "image_url": {"url": "data:"}}]'}


def test_arguments_that_are_no_json_stay_text() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"city": '}}
    found = row(record(ChatMessage.as_assistant(tool_calls=[call])), "trl-sft")["messages"][0]
    assert found["tool_calls"][0]["function"]["arguments"] == '{"city": '


def test_what_a_model_says_before_a_call_is_its_thought() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": {"city": "Bergen"}}}
    thinking = ChatMessage.as_assistant("Let me see.", reasoning_content="Hm.", tool_calls=[call])
    said = row(record(ChatMessage.as_user("Hi"), thinking), "sharegpt")["conversations"][1]
    called = '{"name": "weather", "arguments": {"city": "Bergen"}}'
    assert said == {"from": "function_call", "value": f"<think>\nHm.\n\nLet me see.\n</think>\n\n{called}"}


def test_a_conversation_may_end_with_what_tools_said() -> None:
    ended = Record("0" * 32, "0" * 16, messages=(ChatMessage.as_user("Hi"), ChatMessage.as_tool("1", tool_call_id="c")))
    assert row(ended, "sharegpt")["conversations"][-1] == {"from": "observation", "value": "1"}
