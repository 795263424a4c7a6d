"""Two calls belong together by their messages, however a library sends an answer back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass.model.message import ChatMessage
from spanglass.read.thread import marks, same

ASKED = (ChatMessage.as_system("Be short."), ChatMessage.as_user("Weather in Bergen?"))
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bergen", "days": 1}'}}
SPOKEN = ChatMessage.as_assistant("Rain.", reasoning_content="It is Bergen.")
CALLING = ChatMessage.as_assistant(None, tool_calls=[CALL])
MORE = (ChatMessage.as_user("And tomorrow?"),)

texts = st.text(max_size=5)
messages = st.lists(
    st.builds(ChatMessage, st.sampled_from(["system", "user", "assistant", "tool"]), texts, st.none() | texts),
    max_size=8,
)


def continues(echo: list[ChatMessage], answer: ChatMessage) -> bool:
    earlier, later = marks(ASKED, [answer]), marks([*ASKED, *echo, *MORE], [SPOKEN])
    assert later.heard_length == len(ASKED) + len(echo)
    return later.heard in earlier.said


@pytest.mark.parametrize(
    ("answer", "echo"),
    [
        (SPOKEN, [SPOKEN]),
        (SPOKEN, [replace(SPOKEN, reasoning_content=None)]),
        (SPOKEN, [replace(SPOKEN, content=[{"type": "text", "text": "Rain."}])]),
        (SPOKEN, [ChatMessage("model", "Rain.")]),
        (replace(SPOKEN, content=[{"type": "output_text", "text": "Ra", "annotations": []}, "in."]), [SPOKEN]),
        (CALLING, [replace(CALLING, content="")]),
        (CALLING, [replace(CALLING, tool_calls=[{**CALL, "id": "other"}])]),
        (
            CALLING,
            [
                replace(
                    CALLING, tool_calls=[{"function": {"name": "weather", "arguments": '{"days":1,"city":"Bergen"}'}}]
                )
            ],
        ),
        (replace(CALLING, content="Let me see."), [ChatMessage.as_assistant("Let me see."), CALLING]),
        (CALLING, [ChatMessage.as_assistant(None, reasoning_content="Hm."), CALLING]),
    ],
)
def test_an_answer_is_known_again_as_it_is_sent_back(answer: ChatMessage, echo: list[ChatMessage]) -> None:
    assert continues(echo, answer)


@pytest.mark.parametrize(
    "echo",
    [
        [ChatMessage.as_assistant("Sun.")],
        [ChatMessage("assistant", [{"type": "image", "text": "Rain."}])],
        [CALLING],
        [replace(SPOKEN, tool_calls=[CALL])],
    ],
)
def test_another_answer_is_not_taken_for_it(echo: list[ChatMessage]) -> None:
    assert not continues(echo, SPOKEN)


def test_other_arguments_make_another_call() -> None:
    other: dict[str, Any] = {"name": "weather", "arguments": '{"city": "Oslo", "days": 1}'}
    assert not continues([replace(CALLING, tool_calls=[{**CALL, "function": other}])], CALLING)


def test_of_several_choices_any_may_be_continued() -> None:
    earlier = marks(ASKED, [ChatMessage.as_assistant("Rain."), ChatMessage.as_assistant("Sun.")])
    for choice in ("Rain.", "Sun."):
        assert marks([*ASKED, ChatMessage.as_assistant(choice), *MORE], ()).heard in earlier.said


def test_a_first_question_continues_nothing() -> None:
    assert marks(ASKED, [SPOKEN])[1:3] == (None, 0)


@given(asked=messages, answer=texts, more=st.lists(st.builds(ChatMessage.as_user, texts), max_size=3))
def test_what_continues_a_call_is_found_whatever_was_said(asked: list[ChatMessage], answer: str, more: Any) -> None:
    said = [*asked, ChatMessage.as_assistant(answer)]
    assert marks([*said, *more], ()).heard in marks(asked, [ChatMessage.as_assistant(answer)]).said
    assert marks([*said, *more], ()).heard_length == len(said)


@given(one=messages, other=messages)
def test_the_same_is_the_same_both_ways(one: list[ChatMessage], other: list[ChatMessage]) -> None:
    assert same(one, list(one))
    assert same(one, other) is same(other, one)
