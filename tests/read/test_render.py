from __future__ import annotations

import io
from dataclasses import replace

import pytest
from inline_snapshot import snapshot

from read.made import BEGIN, SECOND, SPAN, TRACE
from spanglass.model.message import ChatMessage
from spanglass.model.record import Attempt, ErrorInfo, Record, Usage
from spanglass.model.step import Step
from spanglass.read.render import render_record
from spanglass.read.terminal import Terminal

WEATHER = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Bergen"}'}}
TIME = {"id": "call_2", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {"properties": {"city": {"type": "string"}, "day": {}}, "required": ["city"]},
    },
}
URL = "https://api.openai.com/v1/chat/completions"
RECORD = Record(
    TRACE,
    SPAN,
    None,
    "chat gpt-4o",
    "agent",
    "done",
    BEGIN,
    BEGIN + 2 * SECOND,
    "trip",
    "plan",
    2,
    "openai_chat",
    "openai",
    "chat",
    "gpt-4o",
    "gpt-4o-2024",
    "r-1",
    ("stop",),
    Usage(120, 9, 64, None, 4),
    attempt_count=2,
    redactions=2,
    messages=(
        ChatMessage.as_system("Be brief."),
        ChatMessage.as_user("Weather in Bergen?"),
        ChatMessage.as_assistant("I look.", reasoning_content="Which city?", tool_calls=[WEATHER, TIME]),
        ChatMessage.as_tool("Rain", tool_call_id="call_1"),
        ChatMessage.as_tool("Late", tool_call_id="call_9"),
    ),
    tools=(TOOL,),
    options={"temperature": 0.2, "seed": 7},
    output=(ChatMessage.as_assistant("Rain."),),
    attempts=(
        replace(
            Attempt(1, "POST", URL, BEGIN, 429, {"Authorization": "[REDACTED]"}, b"{}", {"Retry-After": "1"}),
            response_body=b"slow down",
            ended_at=BEGIN + SECOND,
            complete=True,
        ),
        replace(
            Attempt(2, "POST", URL, BEGIN + SECOND * 3 // 2, 200, {}, b"{}", {}, b"{}", SECOND // 4),
            ended_at=BEGIN + 2 * SECOND,
            complete=True,
        ),
    ),
)


@pytest.fixture(autouse=True)
def _in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


def page(record: Record, *, full: bool = False, attempts: bool = False) -> str:
    stream = io.StringIO()
    render_record(record, Terminal(stream), full=full, attempts=attempts)
    return stream.getvalue()


def test_a_page_has_all_that_is_known_of_a_call() -> None:
    assert page(RECORD) == snapshot("""\
chat gpt-4o  done, 2 s
span 00f067aa0ba902b7  trace 4bf92f3577b34da6a3ce929d0e0e4736
2026-09-21 14:13:20.000Z · agent · openai · openai_chat · answered by gpt-4o-2024
workflow trip / plan, attempt 2 of the step
tokens 120 in (64 cached), 9 out (4 reasoning)

CONTEXT WINDOW   5 messages, 120 tokens as reported, each by estimate

 0  system  ~6 tokens
    Be brief.

 1  user  ~7 tokens
    Weather in Bergen?

 2  assistant  ~25 tokens
    reasoning
      Which city?
    I look.
    -> get_weather({"city": "Bergen"})
      call_1
    -> get_time({})
      call_2  no result in this window

 3  tool  get_weather, asked for in 2 as call_1  ~5 tokens
    Rain

 4  tool  answers call_9, which no message of this window asked for  ~5 tokens
    Late

TOOLS   1, ~72 tokens; whole definitions: --full
    get_weather(city: string, day?: any)
      The weather of a city.

OPTIONS
    temperature  0.2
    seed         7

ANSWER   stop, 9 tokens
    Rain.

ATTEMPTS   headers and bodies: --attempts
    #  status  waited    took  first byte  sent  received
    1  429          -     1 s           -   2 B       9 B  retry-after: 1
    2  200     500 ms  500 ms      250 ms   2 B       2 B

MASKED   2 values before anything was written
    attempts[0].request_headers.Authorization
""")


def test_with_attempts_each_shows_its_headers_and_bodies() -> None:
    assert page(RECORD, attempts=True).partition("ATTEMPT 1")[2] == snapshot("""\

    POST https://api.openai.com/v1/chat/completions
    Authorization: [REDACTED]
    2 B, exact bytes: --raw request
      {}

    429  after 1 s
    Retry-After: 1
    9 B, exact bytes: --raw response
      slow down

ATTEMPT 2
    POST https://api.openai.com/v1/chat/completions
    2 B, exact bytes: --raw request
      {}

    200  after 500 ms
    2 B, exact bytes: --raw response
      {}

MASKED   2 values before anything was written
    attempts[0].request_headers.Authorization
""")


def test_a_tool_is_shown_whole_when_everything_is_asked_for() -> None:
    assert '"description": "The weather of a city."' in page(RECORD, full=True)
    assert '"description"' not in page(RECORD)


def test_a_long_text_is_folded_in_the_middle_and_says_how_much_is_not_shown() -> None:
    text = "".join(f"<{number:06}>" for number in range(10_000))
    shown = page(replace(RECORD, messages=(ChatMessage.as_user(text),)))
    assert f"    {text[:1500]}\n    … 78,000 more characters: --full\n    {text[-500:]}\n" in shown
    assert text in page(replace(RECORD, messages=(ChatMessage.as_user(text),)), full=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"state": "error", "error": ErrorInfo("openai.RateLimitError", "slow down")},
            "! ERROR  openai.RateLimitError\n  slow down\n",
        ),
        ({"state": "killed", "ended_at": None}, "! KILLED\n  the process ended during this call; what had been"),
        ({"state": "started", "ended_at": None}, "! NOT ENDED\n  the call has begun and not ended yet"),
        ({"state": "cancelled"}, "! CANCELLED\n  the program ended the call early; what had arrived by then follows"),
        ({"state": "abandoned"}, "! ABANDONED\n  the program dropped the answer's stream unread; what had arrived"),
        ({"missing": ("response body of attempt 1: cut",)}, "! NOT WHOLE\n  response body of attempt 1: cut\n"),
        ({"options": {"previous_response_id": "r"}}, "! MORE THAN THIS\n  previous_response_id: the provider added"),
        ({"output": (), "attempts": ()}, "ANSWER   stop, 9 tokens\n    no answer arrived\n"),
        ({"messages": (), "attempts": ()}, "! the request's body is not in the record\n"),
        ({"upstream_context": {"plan": ["go"]}}, 'UPSTREAM CONTEXT\n    {\n      "plan": [\n        "go"\n'),
        (
            {"steps": (Step("think", {"n": 1}, BEGIN, SECOND),)},
            "STEPS   1 step; with all that is inside: spanglass steps\n    [   0ms] think | duration: 1000ms | n: 1\n",
        ),
        ({"usage": Usage()}, "tokens -\n"),
    ],
)
def test_what_is_out_of_the_ordinary_is_said(changes: dict[str, object], words: str) -> None:
    shown = page(replace(RECORD, **changes))  # type: ignore[arg-type]
    assert words in shown


def test_a_call_whose_format_is_not_read_shows_its_bodies() -> None:
    attempt = Attempt(1, "POST", URL, BEGIN, 200, {}, b'{"prompt": "Hi"}', {}, b'{"text": "Ho"}')
    shown = page(Record(TRACE, SPAN, attempts=(attempt,)))
    assert "no messages could be read from it as opaque; the request's body as it was sent:" in shown
    assert '    {"prompt": "Hi"}\n' in shown
    assert '    {"text": "Ho"}\n' in shown


def test_a_record_of_which_nothing_but_the_ids_is_known_has_a_page() -> None:
    assert SPAN in page(Record(TRACE, SPAN))


def test_no_payload_reaches_the_terminal_as_more_than_text() -> None:
    evil = "\x1b[2J\x9b1m\u202e"
    call = {"id": evil, "type": "function", "function": {"name": evil, "arguments": evil}}
    attempt = Attempt(1, evil, evil, 0, None, {evil: evil}, evil.encode(), {evil: evil}, evil.encode())
    attempt = replace(attempt, error=ErrorInfo(evil, evil))
    record = replace(
        RECORD,
        name=evil,
        service=evil,
        workflow_id=evil,
        error=ErrorInfo(evil, evil),
        missing=(evil,),
        messages=(ChatMessage(evil, evil, evil, [call], evil, evil),),
        tools=({"name": evil, "description": evil},),
        options={evil: evil, "b": [evil]},
        output=(ChatMessage.as_assistant(evil),),
        finish_reasons=(evil,),
        upstream_context=evil,
        steps=(Step(evil, {evil: evil}),),
        attempts=(attempt,),
    )
    for attempts in (False, True):
        shown = page(record, full=True, attempts=attempts)
        assert [char for char in shown if char in evil and not char.isprintable()] == []


def test_a_call_that_was_logged_by_hand_is_no_call_without_an_answer() -> None:
    whole = replace(
        Attempt(1, "", "", BEGIN, None, {}, b'"Hi"', {}, b'"Hello"'), ended_at=BEGIN + SECOND, complete=True
    )
    record = replace(RECORD, format="manual", attempts=(whole,), attempt_count=1)
    assert "  1  by hand       -   1 s" in page(record)
    assert "    logged by hand\n" in page(record, attempts=True)
    assert "no answer" not in page(record) + page(record, attempts=True)
