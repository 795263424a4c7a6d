from __future__ import annotations

import json
from typing import Any

import pytest

from spanglass.model.message import ChatMessage
from spanglass.model.record import Usage
from spanglass.wire.base import RequestView, ResponseView
from spanglass.wire.read import read_request, read_response

HI = ChatMessage.as_user("Hi")
HELLO = ChatMessage.as_assistant("Hello")


def request(payload: Any) -> RequestView:
    return read_request("manual", json.dumps(payload).encode())


def response(payload: Any) -> ResponseView:
    return read_response("manual", json.dumps(payload).encode(), content_type="", status=0)


@pytest.mark.parametrize(
    "payload",
    [
        "Hi",
        ["Hi"],
        [{"role": "user", "content": "Hi"}],
        [HI.to_dict()],
        {"role": "user", "content": "Hi"},
        {"prompt": "Hi"},
        {"input": "Hi"},
        {"question": "Hi"},
        {"messages": [{"role": "user", "content": "Hi"}]},
        {"conversation": [{"role": "user", "content": "Hi"}]},
    ],
)
def test_a_prompt_is_found_in_whatever_shape_it_is_given(payload: Any) -> None:
    assert request(payload) == RequestView(messages=(HI,))


def test_model_tools_system_and_options_are_told_apart() -> None:
    tool = {"name": "search"}
    payload = {
        "model": "tiny",
        "system": "Be brief.",
        "prompt": "Hi",
        "tools": [tool],
        "temperature": 0,
        "stream": True,
    }
    assert request(payload) == RequestView(
        "tiny", (ChatMessage.as_system("Be brief."), HI), (tool,), {"temperature": 0, "stream": True}, stream=True
    )


@pytest.mark.parametrize("key", ["options", "parameters", "kwargs"])
def test_options_under_a_name_of_their_own_are_options(key: str) -> None:
    assert request({"prompt": "Hi", key: {"model": "tiny", "top_k": 1}}) == RequestView("tiny", (HI,), (), {"top_k": 1})
    clash = {"prompt": "Hi", key: {"prompt": "Ho"}}
    assert request(clash) == RequestView(messages=(HI,), options={key: {"prompt": "Ho"}})


def test_a_payload_that_is_no_conversation_is_options_whole() -> None:
    assert request({"tokens": [1, 2, 3]}) == RequestView(options={"tokens": [1, 2, 3]})
    assert request(None) == request({}) == RequestView()


@pytest.mark.parametrize(
    "payload",
    [{"role": "assistant", "content": "Hello"}, {"text": "Hello"}, {"generated_text": "Hello"}, HELLO.to_dict()],
)
def test_an_answer_is_found_in_whatever_shape_it_is_given(payload: Any) -> None:
    assert response(payload) == ResponseView((HELLO,), complete=True)


def test_a_text_alone_is_an_answer_of_which_nobody_can_tell_whether_it_is_all() -> None:
    assert response("Hello") == ResponseView((HELLO,))


def test_pieces_are_one_answer() -> None:
    assert response(["Hel", "lo"]) == ResponseView((HELLO,))
    assert response([{"text": "Hel"}, {"text": "lo"}, 7]).output == (HELLO,)
    assert response([]) == ResponseView()


def test_several_messages_are_several_messages() -> None:
    assert response([HELLO.to_dict(), HI.to_dict()]) == ResponseView((HELLO, HI))


def test_an_answer_in_the_shape_of_a_known_api_is_read_as_such() -> None:
    message = {"role": "assistant", "content": "Hello"}
    usage = {"prompt_tokens": 3, "completion_tokens": 1}
    openai = {"id": "c", "model": "tiny", "choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}
    anthropic = {
        "type": "message",
        "role": "assistant",
        "model": "tiny",
        "content": [{"type": "text", "text": "Hello"}],
    }
    assert response(openai) == ResponseView((HELLO,), "tiny", "c", ("stop",), Usage(3, 1), complete=True)
    assert response(anthropic).output == (ChatMessage.as_assistant([{"type": "text", "text": "Hello"}]),)


def test_the_chunks_of_a_known_api_are_folded_and_know_their_end() -> None:
    chunks = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}}]},
        {"choices": [{"index": 0, "delta": {"content": "lo"}, "finish_reason": "stop"}]},
    ]
    assert response(chunks).output == (HELLO,)
    assert response(chunks).finish_reasons == ("stop",)


def test_an_error_in_an_answer_is_told() -> None:
    error = response({"error": {"type": "overloaded", "message": "later"}}).error
    assert error is not None
    assert (error.type, error.message) == ("overloaded", "later")


@pytest.mark.parametrize("body", [b"", b"Hello", b'["Hel', b"data: {}\n\n"])
def test_what_is_no_json_gives_an_empty_view(body: bytes) -> None:
    assert read_response("manual", body, content_type="", status=0) == ResponseView()
