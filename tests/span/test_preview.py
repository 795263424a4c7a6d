from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from spanglass.model.message import ChatMessage
from spanglass.span.preview import LIMIT, excerpt, instructions_preview, messages_preview

TEXT = st.text(max_size=60) | st.builds(
    lambda text, times: text * times, st.text(min_size=1, max_size=8), st.integers(0, 3000)
)
PART: st.SearchStrategy[Any] = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, TEXT),
    st.builds(lambda url: {"type": "image_url", "image_url": {"url": url}}, TEXT),
    st.builds(lambda kind, text: {"type": kind, "data": text}, TEXT, TEXT),
    TEXT,
)
CALL = st.builds(
    lambda name, arguments: {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}},
    TEXT,
    TEXT,
)
MESSAGE = st.builds(
    ChatMessage,
    role=st.sampled_from(["system", "user", "assistant", "tool"]) | TEXT,
    content=st.none() | TEXT | st.lists(PART, max_size=12),
    reasoning_content=st.none() | TEXT,
    tool_calls=st.none() | st.lists(CALL, max_size=3),
    tool_call_id=st.none() | TEXT,
    name=st.none() | TEXT,
)


@given(messages=st.lists(MESSAGE, max_size=40), reasons=st.lists(TEXT, max_size=3))
def test_a_preview_is_valid_json_within_its_limit_whatever_it_is_given(
    messages: list[ChatMessage], reasons: list[str]
) -> None:
    text = messages_preview(messages, LIMIT, reasons)

    assert len(text.encode()) <= LIMIT
    assert all(isinstance(message["role"], str) for message in json.loads(text))


@given(messages=st.lists(MESSAGE, max_size=6), limit=st.integers(400, 9000))
def test_instructions_are_valid_json_within_their_limit(messages: list[ChatMessage], limit: int) -> None:
    text = instructions_preview(messages, limit)

    assert len(text.encode()) <= limit
    assert isinstance(json.loads(text), list)


def test_a_short_conversation_is_shown_whole_in_the_shape_of_the_convention() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    messages = [
        ChatMessage.as_user("one and one?"),
        ChatMessage.as_assistant(None, reasoning_content="add them", tool_calls=[call]),
        ChatMessage.as_tool("2", tool_call_id="c1"),
    ]

    assert json.loads(messages_preview(messages)) == [
        {"role": "user", "parts": [{"type": "text", "content": "one and one?"}]},
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "add them"},
                {"type": "tool_call", "id": "c1", "name": "add", "arguments": '{"a": 1}'},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "2"}]},
    ]


def test_a_long_conversation_keeps_its_first_and_last_messages_and_says_what_is_left_out() -> None:
    messages = [ChatMessage.as_user(f"message {index} " + "x" * 1000) for index in range(100)]

    shown = json.loads(messages_preview(messages))

    texts = [message["parts"][0]["content"] for message in shown]
    assert [text.split(" x")[0] for text in texts[:2]] == ["message 0", "message 1"]
    assert [text.split(" x")[0] for text in texts[-2:]] == ["message 98", "message 99"]
    assert texts[2].startswith("[92 messages not shown: 93,004 characters are in the record")
    assert all("more characters" in text for text in texts[:2])


def test_without_a_limit_everything_is_shown() -> None:
    messages = [ChatMessage.as_user("x" * 50_000)] * 30

    assert [message["parts"][0]["content"] for message in json.loads(messages_preview(messages, None))] == [
        "x" * 50_000
    ] * 30


def test_a_lone_surrogate_is_escaped() -> None:
    assert json.loads(messages_preview([ChatMessage.as_user("half a pair: \ud83d")]))[0]["parts"] == [
        {"type": "text", "content": "half a pair: \ud83d"}
    ]


@given(text=st.text(), limit=st.integers(1, 50))
def test_an_excerpt_is_the_text_or_its_head_and_tail(text: str, limit: int) -> None:
    shown = excerpt(text, limit)

    if len(text) <= limit:
        assert shown == text
    else:
        half = max(limit // 2, 1)
        assert shown.startswith(text[:half])
        assert shown.endswith(text[-half:])
        assert f" … {len(text) - 2 * half:,} more characters … " in shown
