"""The conversation without any I/O: what it asks for, given what came of the last request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass.errors import GenerationError
from spanglass.generation.conversation import Ask, Judged, Task, Try, Use, converse
from spanglass.generation.tool import Tool
from spanglass.model.message import ChatMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanglass.generation.conversation import Generated, Request

OPENING = (ChatMessage.as_system("Be short."), ChatMessage.as_user("How many?"))


def refuse(text: str) -> Any:
    message = f"{text!r} is no number"
    raise ValueError(message)


def play(task: Task, answer: Callable[[Ask], ChatMessage]) -> tuple[Generated | GenerationError, list[Request]]:
    """Carries a conversation out; gives how it ended, and all that it asked for."""
    flow, requests = converse(task), []
    try:
        request = next(flow)
        while True:
            requests.append(request)
            if isinstance(request, Ask):
                request = flow.send(answer(request))
            elif isinstance(request, Use):
                try:
                    result = request.tool.function(**request.arguments)
                except Exception as error:  # noqa: BLE001 - as a driver does
                    request = flow.throw(error)
                else:
                    request = flow.send(result)
            else:
                request = flow.send(None)
    except StopIteration as end:
        return end.value, requests
    except GenerationError as error:
        return error, requests


def asked(requests: list[Request]) -> list[Ask]:
    return [request for request in requests if isinstance(request, Ask)]


@given(corrections=st.integers(0, 12), restarts=st.integers(0, 12))
def test_constant_failure_asks_once_for_each_correction_and_restart(corrections: int, restarts: int) -> None:
    task = Task(OPENING, refuse, {}, corrections, restarts)
    end, requests = play(task, lambda _: ChatMessage.as_assistant("many"))
    assert isinstance(end, GenerationError)
    assert len(asked(requests)) == (corrections + 1) * (restarts + 1)
    every = [Try(correction, restart) for restart in range(restarts + 1) for correction in range(corrections + 1)]
    assert [request.at for request in asked(requests)] == every
    assert [len(one) for one in end.conversations] == [len(OPENING) + 2 * corrections + 1] * (restarts + 1)
    assert [message for one in end.conversations for message in one] == end.trace


@given(
    corrections=st.integers(0, 6),
    restarts=st.integers(0, 6),
    refused=st.integers(0, 60),
)
def test_the_first_answer_that_passes_ends_it(corrections: int, restarts: int, refused: int) -> None:
    answers = iter([*["many"] * refused, "7"])
    task = Task(OPENING, lambda text: int(text) if text == "7" else refuse(text), {}, corrections, restarts)
    end, requests = play(task, lambda _: ChatMessage.as_assistant(next(answers)))
    possible = (corrections + 1) * (restarts + 1)
    assert len(asked(requests)) == min(refused + 1, possible)
    if refused < possible:
        assert not isinstance(end, GenerationError)
        assert end.parsed == 7
        assert len(end.trace) == len(OPENING) + 2 * (refused % (corrections + 1)) + 1
    else:
        assert isinstance(end, GenerationError)


def test_a_correction_shows_the_model_its_answer_and_the_parsers_error() -> None:
    answers = iter(["many", "7"])
    end, requests = play(
        Task(OPENING, int, {}, 1), lambda _: ChatMessage.as_assistant(next(answers), reasoning_content=" Hm. \n")
    )
    assert not isinstance(end, GenerationError)
    corrected = [
        *OPENING,
        ChatMessage.as_assistant("many", reasoning_content="Hm."),
        ChatMessage.as_user("invalid literal for int() with base 10: 'many'"),
    ]
    assert list(asked(requests)[1].messages) == corrected
    assert end == (7, [*corrected, ChatMessage.as_assistant("7", reasoning_content="Hm.")])
    judged = [request for request in requests if isinstance(request, Judged)]
    assert judged == [
        Judged(accepted=False, at=Try(0, 0), error=str(corrected[-1].content)),
        Judged(accepted=True, at=Try(1, 0)),
    ]


@pytest.mark.parametrize(("reasoning", "kept"), [(None, None), ("", None), (" \n", None), (" so. ", "so.")])
def test_reasoning_is_stripped_and_none_if_it_is_empty(reasoning: str | None, kept: str | None) -> None:
    end, _ = play(Task(OPENING, str), lambda _: ChatMessage.as_assistant("7", reasoning_content=reasoning))
    assert not isinstance(end, GenerationError)
    assert end.trace[-1].reasoning_content == kept


def test_a_restart_begins_with_the_opening_alone() -> None:
    _, requests = play(Task(OPENING, refuse, {}, 1, 1), lambda _: ChatMessage.as_assistant("many"))
    assert [len(request.messages) for request in asked(requests)] == [2, 4, 2, 4]


def test_an_exhausted_conversation_says_what_the_parser_said() -> None:
    end, _ = play(Task(OPENING, refuse, {}, 1, 2), lambda _: ChatMessage.as_assistant("many"))
    assert isinstance(end, GenerationError)
    assert str(end) == (
        "no answer passed the parser, after 1 correction in each of 3 conversations; the last error was ValueError: "
        "'many' is no number. The whole conversation is in this error's 'trace'"
    )
    assert isinstance(end.__cause__, ValueError)
    assert end.restarts == (0, 5, 10)


def test_an_error_without_words_is_told_by_its_name() -> None:
    def assertive(text: str) -> str:
        assert text == "7"
        return text

    answers = iter(["6", "7"])
    end, _ = play(Task(OPENING, assertive, {}, 1), lambda _: ChatMessage.as_assistant(next(answers)))
    assert not isinstance(end, GenerationError)
    assert str(end.trace[3].content).startswith(("assert '6' == '7'", "AssertionError"))


def add(one: int, other: int) -> int:
    """The sum."""
    return one + other


def call(name: str, arguments: str, number: int = 1) -> dict[str, Any]:
    return {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


def results(*calls: dict[str, Any]) -> list[ChatMessage]:
    """The tool messages after one answer that makes these calls."""
    answers = iter([ChatMessage.as_assistant(tool_calls=list(calls)), ChatMessage.as_assistant("done")])
    end, _ = play(Task(OPENING, str, {"add": Tool.of(add)}), lambda _: next(answers))
    assert not isinstance(end, GenerationError)
    return [message for message in end.trace if message.role == "tool"]


def test_a_tools_result_is_a_tool_message() -> None:
    assert results(call("add", '{"one": 1, "other": 2}'), call("add", '{"one": 3, "other": 4}', 2)) == [
        ChatMessage.as_tool("3", tool_call_id="call_1", name="add"),
        ChatMessage.as_tool("7", tool_call_id="call_2", name="add"),
    ]


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (call("subtract", "{}"), "Error: there is no tool 'subtract'; the tools are: add"),
        (
            call("add", '{"one": 1, "other": "2"}'),
            "Error: TypeError: unsupported operand type(s) for +: 'int' and 'str'",
        ),
        (call("add", "[1, 2]"), "Error: TypeError: the arguments are list, not a JSON object"),
        (call("add", '{"one": 1'), "Error: JSONDecodeError: "),
        ({"id": "call_1", "type": "odd"}, "Error: there is no tool None; the tools are: add"),
    ],
)
def test_whatever_goes_wrong_with_a_tool_is_told_to_the_model(made: dict[str, Any], told: str) -> None:
    (message,) = results(made)
    assert (message.role, message.tool_call_id) == ("tool", "call_1")
    assert str(message.content).startswith(told)


def test_a_model_that_never_stops_calling_tools_is_stopped() -> None:
    endless = ChatMessage.as_assistant(tool_calls=[call("add", '{"one": 1, "other": 2}')])
    task = Task(OPENING, refuse, {"add": Tool.of(add)}, 1, 0, max_tool_rounds=2)
    end, requests = play(task, lambda _: endless)
    assert isinstance(end, GenerationError)
    assert [len(request.tools) for request in asked(requests)] == [1, 1, 0, 1, 1, 0]
    assert sum(isinstance(request, Use) for request in requests) == 4
    told = [str(message.content) for message in end.trace if message.role == "tool"]
    assert told == ["3", "3", "Error: no tool may be called any more; answer now."] * 2


def test_what_the_client_raises_goes_through() -> None:

    flow = converse(Task(OPENING, str, {}, 3, 3))
    next(flow)
    error = ConnectionError("no network")
    with pytest.raises(ConnectionError) as caught:
        flow.throw(error)
    assert caught.value is error
