from __future__ import annotations

import json
from typing import Any

import pytest

from dialect.made import call, envelope
from spanglass.dialect.event import facts, window
from spanglass.dialect.view import Facts, Window
from spanglass.model.message import ChatMessage

CALLS = [call("c1", "find", '{"q":1}')]
SAID: list[tuple[str, dict[str, Any]]] = [
    ("gen_ai.system.message", {"content": "Be brief."}),
    ("gen_ai.user.message", {"content": "Look."}),
    ("gen_ai.assistant.message", {"tool_calls": CALLS}),
    ("gen_ai.tool.message", {"content": {"n": 2}, "id": "c1"}),
    ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"content": "Two."}}),
]
READ = Window(
    (
        ChatMessage.as_system("Be brief."),
        ChatMessage.as_user("Look."),
        ChatMessage.as_assistant(tool_calls=CALLS),
        ChatMessage.as_tool('{"n":2}', tool_call_id="c1"),
    ),
    (ChatMessage.as_assistant("Two."),),
)


def in_body(name: str, said: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "attributes": {"gen_ai.system": "openai"}, "body": said}


def in_json_body(name: str, said: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "attributes": {}, "body": json.dumps(said)}


def in_one_attribute(name: str, said: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "attributes": {"gen_ai.event.content": json.dumps(said), "gen_ai.system": "az"}}


def in_attributes(name: str, said: dict[str, Any]) -> dict[str, Any]:
    """As span events have it, whose attributes are no objects."""
    told = {key: json.dumps(value) if isinstance(value, (dict, list)) else value for key, value in said.items()}
    return {"name": name, "attributes": told}


@pytest.mark.parametrize("spelled", [in_body, in_json_body, in_one_attribute, in_attributes])
def test_one_event_a_message_wherever_it_says_it(spelled: Any) -> None:
    found = window(envelope({}, *(spelled(name, said) for name, said in SAID)))
    assert found.output == READ.output
    assert [message.role for message in found.messages] == ["system", "user", "assistant", "tool"]
    assert found.messages[:3] == READ.messages[:3]
    assert found.messages[3].tool_call_id == "c1"
    assert json.loads(str(found.messages[3].content)) == {"n": 2}


def test_events_are_messages_in_the_order_of_their_times() -> None:
    events = [{**in_body(name, said), "time": 9 - place} for place, (name, said) in enumerate(SAID)]
    assert window(envelope({}, *events)).messages == tuple(reversed(READ.messages))


def test_the_choices_say_why_they_ended() -> None:
    choices = [("gen_ai.choice", {"finish_reason": reason, "content": "x"}) for reason in ("stop", "length")]
    assert facts(envelope({}, *(in_attributes(*choice) for choice in choices))) == Facts(
        finish_reasons=("stop", "length")
    )


def test_a_choice_may_have_its_text_or_its_tool_calls_beside_the_message() -> None:
    beside = in_body("gen_ai.choice", {"message": {"role": "assistant"}, "tool_calls": CALLS})
    bare = in_body("gen_ai.choice", {"message": "Two."})
    assert window(envelope({}, beside, bare)).output == (
        ChatMessage.as_assistant(tool_calls=CALLS),
        ChatMessage.as_assistant("Two."),
    )


@pytest.mark.parametrize(
    ("prompt", "read"),
    [
        (json.dumps([{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]), ["S", "U"]),
        (json.dumps({"messages": [{"role": "user", "content": "U"}]}), ["U"]),
        (json.dumps({"role": "user", "content": "U"}), ["U"]),
        ("just a text", ["just a text"]),
        ("", []),
        (None, []),
        (7, []),
    ],
)
def test_one_event_may_hold_the_whole_prompt(prompt: object, read: list[str]) -> None:
    events = [
        {"name": "gen_ai.content.prompt", "attributes": {"gen_ai.prompt": prompt}},
        {
            "name": "gen_ai.content.completion",
            "attributes": {"gen_ai.completion": json.dumps([{"role": "assistant", "content": "A"}])},
        },
    ]
    found = window(envelope({}, *events))
    assert ([message.content for message in found.messages], found.output) == (read, (ChatMessage.as_assistant("A"),))
