from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from read.made import BEGIN, SECOND, TRACE, Made
from spanglass.model.entry import CallFacts, EnvelopeEntry, OutcomeEntry, StepEntry
from spanglass.model.record import ErrorInfo
from spanglass.model.step import FORMAT, Step
from spanglass.store import open_store
from spanglass.timeline import MARKER

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.conftest import Ended
    from spanglass.model.entry import Entry
    from spanglass.settings import Settings

OUTER, INNER, CALL, BESIDE, FOREIGN, BELOW = (f"{digit}" * 16 for digit in "123456")
MS = 10**6
ABOUT: dict[str, object] = {
    "spanglass.operation": "answer",
    "spanglass.correlation_id": "c-17",
    "spanglass.inputs": {"question": "Which train?", "user": 7},
    "spanglass.breadcrumbs": ["cache miss", "second try"],
    "spanglass.error_after": INNER,
}


def operation(span_id: str, name: str, parent: str | None, at: int, error: ErrorInfo | None = None) -> OutcomeEntry:
    facts = CallFacts(name, at, "1-1-00000000", parent, format=FORMAT)
    return OutcomeEntry(TRACE, span_id, facts, "error" if error else "done", at + SECOND, error)


def about(span_id: str, attributes: dict[str, object]) -> EnvelopeEntry:
    body = json.dumps({"attributes": attributes, "events": [], "status": {}}).encode()
    return EnvelopeEntry(TRACE, span_id, None, "", "", "", BEGIN, BEGIN, body)


def step(span_id: str, index: int, name: str, at: int, took: int | None = None, **data: object) -> StepEntry:
    return StepEntry(TRACE, span_id, index, Step(name, data, at, took))


def entries() -> list[Entry]:
    error = ErrorInfo("ToolError", "no such tool")
    made = [
        Made(CALL, parent=OUTER, at=BEGIN + 20 * MS),
        Made(BESIDE, parent=OUTER, at=BEGIN + 40 * MS, model="router"),
        Made(BELOW, parent=FOREIGN, at=BEGIN + 50 * MS, model="below"),
    ]
    called = [{"span_id": CALL, "name": "chat gpt-4o"}]
    told: list[Entry] = [
        operation(OUTER, "answer", None, BEGIN, error),
        about(OUTER, ABOUT),
        step(OUTER, 0, "plan", BEGIN + MS, goal="find a train"),
        step(OUTER, 1, "think", BEGIN + 10 * MS, 25 * MS, llm_calls=called, result=[1, 2]),
        operation(INNER, "use tool", OUTER, BEGIN + 60 * MS, error),
        about(INNER, {"spanglass.error_after": 0}),
        step(INNER, 0, "call", BEGIN + 61 * MS, 3 * MS, error={"type": "ToolError", "message": "no such tool"}),
        step(INNER, 1, "clean up", BEGIN + 65 * MS),
        about(FOREIGN, {"gen_ai.operation.name": "invoke_agent"}),
    ]
    told = [entry if entry.span_id != FOREIGN else about_foreign() for entry in told]
    return [*told, *(entry for call in made for entry in call.entries())]


def about_foreign() -> EnvelopeEntry:
    body = json.dumps({"attributes": {"gen_ai.operation.name": "invoke_agent"}}).encode()
    return EnvelopeEntry(TRACE, FOREIGN, OUTER, "invoke_agent", "", "other", BEGIN + 45 * MS, BEGIN + 99 * MS, body)


SHOWN = f"""\
Execution trace
  operation:      answer
  span:           {OUTER}  trace {TRACE}
  state:          error, ToolError: no such tool
  correlation id: c-17
  inputs:         question: "Which train?" | user: 7
  breadcrumbs:    cache miss
                  second try
[   1ms] plan       |                  | goal: "find a train"
[  10ms] think      | duration:   25ms | result: [1,2]
           llm call chat gpt-4o: spanglass show {CALL}
[  40ms] llm call chat router: spanglass show {BESIDE}
[  50ms] llm call chat below: spanglass show {BELOW}
[  60ms] use tool   | duration: 1000ms | steps: 2 | error: ToolError: no such tool
[  61ms]   call     | duration:    3ms | error: ToolError: no such tool {MARKER}
[  65ms]   clean up
"""


@pytest.fixture
def stored(settings: Settings) -> None:
    store = open_store(settings.store)
    store.put_many(entries())
    store.close()


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("arguments", [[OUTER], [OUTER[:4]], [TRACE], [TRACE[:20]], ["-"], []])
def test_an_operation_is_shown_with_all_that_is_inside_of_it(
    command: Callable[..., Ended], arguments: list[str]
) -> None:
    ended = command("steps", *arguments)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == SHOWN


@pytest.mark.usefixtures("stored")
def test_an_operation_inside_can_be_shown_alone(command: Callable[..., Ended]) -> None:
    assert command("steps", INNER).out.splitlines() == [
        "Execution trace",
        "  operation: use tool",
        f"  span:      {INNER}  trace {TRACE}",
        "  state:     error, ToolError: no such tool",
        f"[   1ms] call     | duration: 3ms | error: ToolError: no such tool {MARKER}",
        "[   5ms] clean up",
    ]


@pytest.mark.usefixtures("stored")
def test_as_json_it_is_the_operations_in_one_another(command: Callable[..., Ended]) -> None:
    told = json.loads(command("steps", OUTER, "--json").out)
    (outer,) = told["operations"]
    (inner,) = outer.pop("inside")
    assert told["trace_id"] == TRACE
    assert outer == {
        "trace_id": TRACE,
        "span_id": OUTER,
        "parent_span_id": None,
        "state": "error",
        "started_at": "2026-09-21T14:13:20.000000+00:00",
        "ended_at": "2026-09-21T14:13:21.000000+00:00",
        "duration_ns": SECOND,
        "error": {"type": "ToolError", "message": "no such tool"},
        "operation": "answer",
        "correlation_id": "c-17",
        "inputs": {"question": "Which train?", "user": 7},
        "breadcrumbs": ["cache miss", "second try"],
        "error_after": INNER,
        "steps": [
            {
                "step_name": "plan",
                "data": {"goal": "find a train"},
                "timestamp": "2026-09-21T14:13:20.001000+00:00",
                "duration_ns": None,
            },
            {
                "step_name": "think",
                "data": {"llm_calls": [{"span_id": CALL, "name": "chat gpt-4o"}], "result": [1, 2]},
                "timestamp": "2026-09-21T14:13:20.010000+00:00",
                "duration_ns": 25 * MS,
            },
        ],
        "calls": [
            {"span_id": BESIDE, "name": "chat router", "started_at": "2026-09-21T14:13:20.040000+00:00"},
            {"span_id": BELOW, "name": "chat below", "started_at": "2026-09-21T14:13:20.050000+00:00"},
        ],
    }
    assert (inner["operation"], [each["step_name"] for each in inner["steps"]]) == ("use tool", ["call", "clean up"])


@pytest.mark.usefixtures("stored")
def test_a_call_has_no_steps_and_that_is_said_with_what_to_do(command: Callable[..., Ended]) -> None:
    ended = command("steps", CALL)
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == (
        f"spanglass: '{CALL}' has no steps; 'spanglass steps {TRACE}' shows those of its whole trace\n"
    )


def test_a_trace_without_steps_says_so(settings: Settings, command: Callable[..., Ended]) -> None:
    store = open_store(settings.store)
    store.put_many(Made(CALL).entries())
    store.close()
    ended = command("steps")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == (f"spanglass: nothing in trace {TRACE} has steps; spanglass.error_context() records them\n")


def test_of_very_many_steps_the_first_and_last_are_shown(settings: Settings, command: Callable[..., Ended]) -> None:
    store = open_store(settings.store)
    store.put_many([operation(OUTER, "answer", None, BEGIN), *(step(OUTER, n, f"s{n}", BEGIN + n) for n in range(500))])
    store.close()
    some, all_of_them = command("steps").out, command("steps", "--full").out
    assert (some.count("] s"), "300 more lines not shown" in some) == (200, True)
    assert all_of_them.count("] s") == 500


def test_operations_that_are_inside_of_each_other_in_a_damaged_trace_are_shown(
    settings: Settings, command: Callable[..., Ended]
) -> None:
    store = open_store(settings.store)
    store.put_many([operation(OUTER, "one", INNER, BEGIN), operation(INNER, "two", OUTER, BEGIN)])
    store.close()
    ended = command("steps", TRACE)
    assert (ended.code, "one" in ended.out, "two" in ended.out) == (0, True, True)


@pytest.mark.usefixtures("stored")
def test_a_trace_shows_the_steps_and_in_them_their_calls(command: Callable[..., Ended]) -> None:
    lines = command("trace", TRACE).out.splitlines()
    assert [re.sub(r"(?<=\S)  .*", "", line) for line in lines[1:2] + lines[4:]] == [
        "3 calls among 6 spans, 1.06 s, 120 tokens in, 21 out",
        "answer",
        "  - plan",
        "  - think",
        "    chat gpt-4o",
        "  chat router",
        "  invoke_agent",
        "    chat below",
        "  use tool",
        "    - call",
        "    - clean up",
    ]


def test_a_trace_of_very_many_steps_shows_the_first_and_last(settings: Settings, command: Callable[..., Ended]) -> None:
    store = open_store(settings.store)
    store.put_many([operation(OUTER, "answer", None, BEGIN), *(step(OUTER, n, f"s{n}", BEGIN + n) for n in range(50))])
    store.close()
    lines = [line.split("  done")[0].strip() for line in command("trace", TRACE).out.splitlines()[4:]]
    shown = [f"- s{number}" for number in (*range(4), *range(42, 50))]
    assert lines == ["answer", *shown[:4], f"- 38 more: spanglass steps {OUTER}", *shown[4:]]
