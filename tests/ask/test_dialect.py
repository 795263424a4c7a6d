from __future__ import annotations

from spanglass.ask.dialect import to_anthropic, to_openai
from spanglass.model.message import ChatMessage

CALL = {"id": "c1", "type": "function", "function": {"name": "search", "arguments": '{"q": "lamp"}'}}
CONVERSATION = [
    ChatMessage.as_system("Be brief."),
    ChatMessage.as_user("Is it new?"),
    ChatMessage.as_assistant("I look.", reasoning_content="Hm.", tool_calls=[CALL, {**CALL, "id": "c2"}]),
    ChatMessage.as_tool("two lamps", tool_call_id="c1", name="search"),
    ChatMessage.as_tool("no lamp", tool_call_id="c2"),
    ChatMessage.as_assistant("No."),
    ChatMessage.as_user([{"type": "text", "text": "Why?"}]),
]


def test_a_conversation_in_the_shape_of_openais_api() -> None:
    assert to_openai(CONVERSATION) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Is it new?"},
        {"role": "assistant", "content": "I look.", "tool_calls": [CALL, {**CALL, "id": "c2"}]},
        {"role": "tool", "content": "two lamps", "tool_call_id": "c1", "name": "search"},
        {"role": "tool", "content": "no lamp", "tool_call_id": "c2"},
        {"role": "assistant", "content": "No."},
        {"role": "user", "content": [{"type": "text", "text": "Why?"}]},
    ]


def test_a_prompt_is_one_message_and_a_dictionary_goes_on_as_it_is() -> None:
    own = {"role": "user", "content": "Hi", "prefix": True}
    assert to_openai("Hi") == [{"role": "user", "content": "Hi"}]
    assert to_openai([own]) == [own]
    assert to_openai([own])[0] is not own


def test_a_conversation_in_the_shape_of_anthropics_api() -> None:
    tool = {
        "type": "function",
        "function": {"name": "search", "description": "Searches.", "parameters": {"type": "object"}},
    }
    own_tool = {"name": "fetch", "input_schema": {}}
    use = {"type": "tool_use", "name": "search", "input": {"q": "lamp"}}
    assert to_anthropic(CONVERSATION, {"temperature": 0, "tools": [tool, own_tool]}) == {
        "max_tokens": 4096,
        "temperature": 0,
        "tools": [{"name": "search", "description": "Searches.", "input_schema": {"type": "object"}}, own_tool],
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "Is it new?"},
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "I look."}, {**use, "id": "c1"}, {**use, "id": "c2"}],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "two lamps"},
                    {"type": "tool_result", "tool_use_id": "c2", "content": "no lamp"},
                ],
            },
            {"role": "assistant", "content": "No."},
            {"role": "user", "content": [{"type": "text", "text": "Why?"}]},
        ],
    }


def test_what_is_given_for_anthropic_is_not_overruled() -> None:
    said = to_anthropic([ChatMessage.as_user("Hi")], {"max_tokens": 7, "system": "Be long."})
    assert said == {"max_tokens": 7, "system": "Be long.", "messages": [{"role": "user", "content": "Hi"}]}


def test_several_system_messages_are_several_blocks() -> None:
    system = [ChatMessage.as_system("One."), ChatMessage("developer", [{"type": "text", "text": "Two."}, "Three."])]
    said = to_anthropic([*system, ChatMessage.as_user("Hi")], {})
    assert said["system"] == [{"type": "text", "text": text} for text in ("One.", "Two.", "Three.")]
