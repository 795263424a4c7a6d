from __future__ import annotations

import json

from dialect.made import envelope
from spanglass.dialect.logfire import facts, window
from spanglass.dialect.view import Facts, Window
from spanglass.model.message import ChatMessage
from spanglass.model.record import Usage

TOOL = {"type": "function", "function": {"name": "find"}}
REQUEST = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "Hi"}],
    "tools": [TOOL],
    "temperature": 0.5,
}


def test_the_request_and_the_answer_are_read_from_their_json() -> None:
    answer = {
        "message": {"role": "assistant", "content": "Hello."},
        "usage": {"prompt_tokens": 4, "completion_tokens": 2},
    }
    call = envelope({"request_data": json.dumps(REQUEST), "response_data": json.dumps(answer)})
    assert window(call) == Window(
        (ChatMessage.as_user("Hi"),),
        (ChatMessage.as_assistant("Hello."),),
        (TOOL,),
        {"temperature": 0.5},
    )
    assert facts(call) == Facts(usage=Usage(4, 2))


def test_the_answer_of_a_stream_is_its_chunks_together() -> None:
    call = envelope({"response_data": json.dumps({"combined_chunk_content": "Hello.", "chunk_count": 2})})
    assert window(call).output == (ChatMessage.as_assistant("Hello."),)


def test_message_events_in_one_attribute_are_read() -> None:
    events = [
        {"event.name": "gen_ai.system.message", "content": "Be brief.", "role": "system"},
        {"event.name": "gen_ai.user.message", "content": "Hi", "role": "user"},
        {"event.name": "gen_ai.choice", "index": 0, "message": {"role": "assistant", "content": "Hello."}},
    ]
    for name in ("events", "all_messages_events"):
        assert window(envelope({name: json.dumps(events)})) == Window(
            (ChatMessage.as_system("Be brief."), ChatMessage.as_user("Hi")), (ChatMessage.as_assistant("Hello."),)
        )
