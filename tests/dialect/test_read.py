"""What all dialects together make of an envelope, and that none of them ever raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialect import test_genai, test_openinference, test_openllmetry, test_vercel
from spanglass.dialect.envelope import join, parse
from spanglass.dialect.read import read_facts, read_window
from spanglass.dialect.view import Window
from spanglass.model.message import ChatMessage
from spanglass.model.record import ErrorInfo, Usage

CALLS = (test_genai.CALL, test_openllmetry.CALL, test_openinference.CALL, test_vercel.CALL)
NAMES = sorted({name for call in CALLS for name in call})


def body(attributes: Any, events: Any = (), status: Any = None) -> bytes:
    return json.dumps({"attributes": attributes, "events": events, "status": status}).encode()


def test_a_span_that_speaks_two_dialects_is_read_once_and_todays_conventions_first() -> None:
    both = {**test_openllmetry.CALL, **test_genai.CALL, "gen_ai.input.messages": test_genai.MESSAGES}
    assert read_window(body(both)) == Window(
        test_genai.READ.messages,
        test_genai.READ.output,
        test_genai.READ.tools,
        {**test_genai.READ.options, "top_k": 4, "stream": False},
    )


def test_facts_come_from_whoever_says_them_first() -> None:
    found = read_facts(body({**test_openinference.CALL, "gen_ai.usage.input_tokens": 41}))
    assert found == {
        "provider": "azure",
        "operation": "chat",
        "request_model": "gpt-4o",
        "response_model": "gpt-4o-2024",
        "response_id": None,
        "finish_reasons": (),
        "usage": Usage(41, 7, 3, None, 2),
        "workflow_id": None,
        "step_name": None,
        "state": "done",
        "error": None,
        "format": "envelope",
    }


@pytest.mark.parametrize(
    ("attributes", "events", "status", "error"),
    [
        ({}, [], {"code": "ERROR", "description": "it broke"}, ErrorInfo("error", "it broke")),
        ({"error.type": "429"}, [], {"code": "UNSET"}, ErrorInfo("429", "")),
        ({"error.type": "429"}, [], {"status_code": 2, "message": "slow"}, ErrorInfo("429", "slow")),
        (
            {},
            [{"name": "exception", "attributes": {"exception.type": "ValueError", "exception.message": "no"}}],
            {"code": "ERROR"},
            ErrorInfo("ValueError", "no"),
        ),
        ({}, [{"name": "exception", "attributes": {"exception.type": "Caught"}}], {"code": "OK"}, None),
        ({}, [], None, None),
    ],
)
def test_an_error_is_told_by_the_status_and_explained_by_what_was_raised(
    attributes: Any, events: Any, status: Any, error: ErrorInfo | None
) -> None:
    found = read_facts(body(attributes, events, status))
    assert (found["error"], found["state"]) == (error, "error" if error else "done")


def test_values_given_as_input_and_output_are_read_when_nothing_else_is_said() -> None:
    chain = {"openinference.span.kind": "TOOL", "input.value": "Hi", "output.value": "Hello."}
    assert read_window(body(chain)) == Window((ChatMessage.as_user("Hi"),), (ChatMessage.as_assistant("Hello."),))


def test_envelopes_of_one_span_are_read_as_one() -> None:
    event = {"name": "gen_ai.user.message", "attributes": {}, "body": {"content": "Hi"}, "time": 2}
    earlier = {"name": "gen_ai.system.message", "attributes": {}, "body": {"content": "S"}, "time": 1}
    parts = [
        body({"gen_ai.system": "openai"}, [], {"code": "OK"}),
        body({"gen_ai.system": "x"}, [event]),
        body({}, [earlier]),
    ]
    joined = join(parts)
    assert json.loads(joined) == {
        "attributes": {"gen_ai.system": "openai"},
        "events": [event, earlier],
        "status": {"code": "OK"},
    }
    assert join([join(parts[:2]), parts[2]]) == joined == join([parts[0], join(parts[1:])])
    assert [message.content for message in read_window(joined).messages] == ["S", "Hi"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
attribute_names = st.sampled_from(NAMES) | st.sampled_from(NAMES).map(lambda name: name + ".0.x") | st.text(max_size=9)
hostile = json_values | json_values.map(json.dumps)


@settings(deadline=None)
@given(
    st.dictionaries(attribute_names, hostile, max_size=8),
    st.lists(
        st.fixed_dictionaries(
            {"name": st.sampled_from(["gen_ai.choice", "gen_ai.user.message", "gen_ai.content.prompt"])},
            optional={
                "attributes": st.dictionaries(
                    st.sampled_from(["gen_ai.prompt", "content", "message", "tool_calls"]), hostile
                )
                | hostile,
                "body": hostile,
                "time": hostile,
            },
        )
        | hostile,
        max_size=3,
    )
    | hostile,
    hostile,
)
def test_reading_never_raises_whatever_an_attribute_is(attributes: Any, events: Any, status: Any) -> None:
    for text in (body(attributes, events, status), body(status, attributes, events)):
        found, window = read_facts(text), read_window(text)
        assert found["format"] == "envelope"
        assert all(isinstance(message, ChatMessage) for message in (*window.messages, *window.output))


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_what_is_no_envelope_is_an_empty_one(text: bytes) -> None:
    assert parse(text).attributes == {} or text.strip().startswith(b"{")
