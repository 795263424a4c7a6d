"""`generate` through real clients: what comes back, what is on the spans, and what is in the store."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import AsyncOpenAI, AuthenticationError
from opentelemetry import trace
from opentelemetry.trace import format_span_id

import spanglass
from fake_provider import Answer
from fake_provider.openai_wire import error
from generation.made import KEY, client_of, says
from spanglass import ChatMessage, GenerationError, Tool, generate, generate_async, guard
from spanglass.capture.session import active
from spanglass.errors import ConfigurationError
from spanglass.read.reader import current_reader

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

    from capture.watch import Watch
    from fake_provider import FakeProvider


def refuse(text: str) -> Any:
    message = f"{text!r} will not do"
    raise ValueError(message)


def tree(watch: Watch) -> tuple[ReadableSpan, list[ReadableSpan]]:
    """The one generation's span, and those of its calls in order."""
    spans = sorted(watch.gen_ai_spans(), key=lambda span: span.start_time or 0)
    (parent,) = (span for span in spans if span.name.startswith("generate "))
    return parent, [span for span in spans if span is not parent]


def attributes(span: ReadableSpan, *names: str) -> tuple[Any, ...]:
    return tuple((span.attributes or {}).get(name) for name in names)


@given(corrections=st.integers(0, 4), restarts=st.integers(0, 4))
def test_constant_failure_calls_the_client_so_often(corrections: int, restarts: int) -> None:
    calls: list[list[dict[str, Any]]] = []

    def client(messages: list[dict[str, Any]], **_: Any) -> str:
        calls.append(messages)
        return "no"

    async def client_async(messages: list[dict[str, Any]], **_: Any) -> str:
        return client(messages)

    limits: dict[str, Any] = {"max_correction_steps": corrections, "max_conversation_restarts": restarts}
    with pytest.raises(GenerationError) as caught:
        generate("How many?", parser=refuse, model="m", client=client, **limits)
    assert len(calls) == (corrections + 1) * (restarts + 1)
    with pytest.raises(GenerationError) as caught_async:
        asyncio.run(generate_async("How many?", parser=refuse, model="m", client=client_async, **limits))
    half = len(calls) // 2
    assert calls[half:] == calls[:half]
    assert caught_async.value.trace == caught.value.trace


@pytest.mark.parametrize(("limits", "count"), [((0, 0), 1), ((5, 0), 6), ((0, 5), 6), ((2, 3), 12)])
def test_constant_failure_is_so_many_calls_on_the_wire(
    provider: FakeProvider, watch: Watch, limits: tuple[int, int], count: int
) -> None:
    watch.install()
    provider.otherwise(lambda _path, _body: says("no"))
    with pytest.raises(GenerationError) as caught:
        generate(
            "How many?",
            parser=refuse,
            model="m-1",
            client=client_of(provider),
            max_correction_steps=limits[0],
            max_conversation_restarts=limits[1],
        )
    assert len(provider.exchanges) == count
    parent, calls = tree(watch)
    tries = [attributes(span, "spanglass.restart", "spanglass.correction") for span in calls]
    assert tries == [(restart, correction) for restart in range(limits[1] + 1) for correction in range(limits[0] + 1)]
    assert caught.value.refs == tuple((span.attributes or {})["spanglass.ref"] for span in calls)
    assert parent.status.description == str(caught.value)
    assert attributes(parent, "error.type", "spanglass.calls") == ("spanglass.errors.GenerationError", count)


def test_a_corrected_answer_is_one_tree_of_spans_and_linked_records(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    provider.script(says("many", reasoning=" Let me see. "), says("7"))
    parsed, messages = generate(
        "How many?", parser=int, system_prompt="Be short.", model="m-1", client=client_of(provider),
        max_correction_steps=2,
    )  # fmt: skip
    assert parsed == 7
    assert messages == [
        ChatMessage.as_system("Be short."),
        ChatMessage.as_user("How many?"),
        ChatMessage.as_assistant("many", reasoning_content="Let me see."),
        ChatMessage.as_user("invalid literal for int() with base 10: 'many'"),
        ChatMessage.as_assistant("7"),
    ]
    parent, calls = tree(watch)
    assert parent.name == "generate m-1"
    assert [span.parent and span.parent.span_id for span in calls] == [parent.context.span_id] * 2
    names = ("spanglass.calls", "spanglass.correction", "spanglass.restart", "error.type")
    assert attributes(parent, *names) == (2, 1, 0, None)

    generation = format_span_id(parent.context.span_id)
    first, *records = spanglass.trace(f"{parent.context.trace_id:032x}")
    assert (first.span_id, first.name, first.state) == (generation, "generate m-1", "done")
    assert [record.parent_span_id for record in records] == [generation] * 2
    assert [record.step_attempt for record in records] == [1, 2]
    told = {"generation": generation, "restart": 0}
    refusal = "invalid literal for int() with base 10: 'many'"
    assert [[(step.step_name, step.data) for step in record.steps] for record in records] == [
        [("generation", {**told, "correction": 0, "accepted": False, "error": refusal})],
        [("generation", {**told, "correction": 1, "accepted": True, "error": None})],
    ]


def test_an_own_step_keeps_its_name_and_its_attempts(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    provider.script(says("many"), says("7"))
    with spanglass.workflow("w", id="w-1"), spanglass.step("count", attempt=4):
        generate("How many?", parser=int, model="m-1", client=client_of(provider), max_correction_steps=1)
    assert spanglass.flush(20)
    records = spanglass.logs_for_workflow("w-1")
    assert [(record.step_name, record.step_attempt) for record in records] == [("count", 4)] * 2


def test_tools_are_called_below_the_generation(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    tracer = watch.provider.get_tracer("tests")
    provider.script(says("", ("weather", '{"city": "Bergen"}')), says("Rain."))

    def weather(city: str) -> str:
        """The weather in a city."""
        with tracer.start_as_current_span("look outside"):
            return f"{city}: rain"

    parsed, messages = generate("Umbrella?", model="m-1", client=client_of(provider), tools=[weather])
    assert parsed == "Rain."
    (call,) = messages[1].tool_calls or [{}]
    assert messages[2:] == [
        ChatMessage.as_tool("Bergen: rain", tool_call_id=call["id"], name="weather"),
        ChatMessage.as_assistant("Rain."),
    ]
    assert provider.exchanges[0].json["tools"] == [Tool.of(weather).definition]
    parent, _ = tree(watch)
    (look,) = (span for span in watch.exporter.get_finished_spans() if span.name == "look outside")
    assert look.parent is not None
    assert look.parent.span_id == parent.context.span_id


async def test_the_async_twin_awaits_clients_and_tools(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    provider.script(says("", ("weather", '{"city": "Bergen"}')), says("wet"), says('"wet"'))

    async def weather(city: str) -> str:
        await asyncio.sleep(0)
        return f"{city}: rain"

    async with AsyncOpenAI(base_url=f"{provider.url}/v1", api_key=KEY, max_retries=0) as client:
        parsed, messages = await generate_async(
            "How is it?", parser=json.loads, model="m-1", client=client, tools=[weather], max_correction_steps=1
        )
    assert parsed == "wet"
    assert [message.role for message in messages] == ["user", "assistant", "tool", "assistant", "user", "assistant"]
    _, calls = tree(watch)
    tried = [attributes(span, "spanglass.correction", "spanglass.restart") for span in calls]
    assert tried == [(0, 0), (0, 0), (1, 0)]


async def test_a_tool_that_fails_is_told_to_the_model_either_way() -> None:
    def get_weather(city: str) -> str:
        return {"Bergen": "rain"}[city]

    function = {"name": "get_weather", "arguments": '{"city": "Bergn"}'}
    call = ChatMessage.as_assistant(tool_calls=[{"id": "c", "type": "function", "function": function}])
    told = ChatMessage.as_tool("Error: KeyError: 'Bergn'", tool_call_id="c", name="get_weather")
    answers = iter([call, "I do not know.", call, "I do not know."])
    _, messages = generate("Umbrella?", model="m", client=lambda *_, **__: next(answers), tools=[get_weather])
    assert messages[2] == told
    _, messages = await generate_async(
        "Umbrella?", model="m", client=lambda *_, **__: next(answers), tools=[get_weather]
    )
    assert messages[2] == told


async def test_a_generation_that_is_cancelled_ends_its_span(watch: Watch) -> None:
    watch.install()
    asked = asyncio.Event()

    async def client(*_: Any, **__: Any) -> str:
        asked.set()
        await asyncio.Event().wait()
        return ""

    task = asyncio.create_task(generate_async("Hi", model="m-1", client=client, max_correction_steps=3))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    parent, (call,) = tree(watch)
    assert attributes(parent, "error.type", "spanglass.calls") == ("asyncio.exceptions.CancelledError", 0)
    assert attributes(call, "spanglass.state") == ("cancelled",)


def test_a_coroutine_function_is_no_tool_of_a_sync_generation() -> None:
    async def weather() -> str:
        return ""

    with pytest.raises(ConfigurationError, match="'weather' is a coroutine function"):
        generate("Umbrella?", model="m", client=lambda *_, **__: "yes", tools=[weather])


def test_what_the_client_raises_is_raised_as_it_is(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    provider.script(Answer.json(error("no such key: sk-proj-Zt5mQ1wX8cV3nB7kJ2hG6fD9sA4pL0yR"), status=401))
    with pytest.raises(AuthenticationError):
        generate("How many?", model="m-1", client=client_of(provider), max_correction_steps=3)
    parent, calls = tree(watch)
    names = ("error.type", "spanglass.calls", "spanglass.correction")
    assert attributes(parent, *names) == ("openai.AuthenticationError", 1, 0)
    assert len(calls) == 1
    assert b"sk-proj-Zt5" not in watch.files()
    assert "sk-proj-Zt5" not in parent.to_json()


def test_what_a_parser_says_is_masked_in_the_record(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    secret = "sk-proj-Zt5mQ1wX8cV3nB7kJ2hG6fD9sA4pL0yR"
    provider.script(says(secret))
    with pytest.raises(GenerationError, match=secret):
        generate("How many?", parser=int, model="m-1", client=client_of(provider))
    assert len(watch.gen_ai_spans()) == 2
    assert secret.encode() not in watch.files()


@pytest.mark.parametrize(("with_trace", "kept"), [("none", 0), ("last_message", 1), ("all", 2)])
def test_as_much_of_the_trace_comes_back_as_is_asked_for(with_trace: Any, kept: int) -> None:
    _, messages = generate("Hi", model="m", client=lambda *_, **__: "Hello", with_trace=with_trace)
    assert messages == [ChatMessage.as_user("Hi"), ChatMessage.as_assistant("Hello")][2 - kept :]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"with_trace": "some"}, "with_trace='some' is none of none, last_message, all"),
        ({"max_correction_steps": -1}, "corrections, restarts and tool rounds are numbers from 0 on, not -1, 0, 10"),
        ({"tools": [len, len]}, "two tools are named 'len'"),
        ({"client": None}, "no client: give client="),
    ],
)
def test_an_argument_that_cannot_work_is_said_before_anything_is_asked(wrong: dict[str, Any], told: str) -> None:
    arguments: dict[str, Any] = {"model": "m", "client": lambda *_, **__: "Hello", **wrong}
    with pytest.raises(ConfigurationError) as caught:
        generate("Hi", **arguments)
    assert str(caught.value).startswith(told)


def test_without_a_session_nothing_is_traced(provider: FakeProvider) -> None:
    provider.script(says("Hello"))
    with trace.use_span(trace.INVALID_SPAN):
        assert generate("Hi", model="m", client=client_of(provider))[0] == "Hello"
    assert "traceparent" not in {name for name, _ in provider.exchanges[0].headers}


def test_without_an_sdk_the_calls_still_have_one_parent(provider: FakeProvider, tmp_path: Any) -> None:
    spanglass.install(enabled="true", state_dir=tmp_path, tracer_provider=trace.NoOpTracerProvider())
    provider.script(says("many"), says("7"))
    try:
        generate("How many?", parser=int, model="m-1", client=client_of(provider), max_correction_steps=1)
        parent, *calls = spanglass.trace(current_reader().newest().ref)
        assert parent.name == "generate m-1"
        assert [call.parent_span_id for call in calls] == [parent.span_id] * 2
    finally:
        spanglass.uninstall()


def test_calls_of_a_callable_are_one_tree_too_and_make_a_pair(watch: Watch, tmp_path: Path) -> None:
    watch.install()
    answers = iter(["many", "7"])
    generate("How many?", parser=int, model="m-1", client=lambda *_, **__: next(answers), max_correction_steps=1)
    parent, calls = tree(watch)
    assert [span.parent and span.parent.span_id for span in calls] == [parent.context.span_id] * 2
    assert [attributes(span, "spanglass.correction") for span in calls] == [(0,), (1,)]
    assert spanglass.export_dataset(tmp_path / "pairs.jsonl", "trl-dpo").rows == 1
    (row,) = (json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text(encoding="utf-8").splitlines())
    assert [row[name][0]["content"] for name in ("prompt", "rejected", "chosen")] == ["How many?", "many", "7"]


@pytest.mark.parametrize("broken", ["append", "mask", "mask_error"])
def test_a_fault_of_ours_never_reaches_the_program(
    provider: FakeProvider, watch: Watch, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    watch.install()
    monkeypatch.setattr(guard, "reraise", False)
    session = active()
    assert session is not None

    def fail(*_: Any, **__: Any) -> None:
        message = "a fault of ours"
        raise RuntimeError(message)

    monkeypatch.setattr(session.recorder, broken, fail)
    provider.script(says("many"), says("7"), says("many"))
    client = client_of(provider)
    assert generate("How many?", parser=int, model="m-1", client=client, max_correction_steps=1)[0] == 7
    with pytest.raises(GenerationError):
        generate("How many?", parser=int, model="m-1", client=client)
    assert {place for place in guard.faults() if place.startswith("generation.")}
