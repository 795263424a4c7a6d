from __future__ import annotations

import gc
import inspect
import json
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace

import spanglass
from capture.endpoint import open_endpoint
from capture.watch import fetch
from spanglass import llm_call
from spanglass.model.message import ChatMessage
from spanglass.model.record import ErrorInfo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator

    from capture.watch import Watch
    from fake_provider import FakeProvider
    from spanglass.model.record import Record


def only_record(watch: Watch) -> Record:
    (span,) = watch.gen_ai_spans()
    return fetch(span)


def answer_of(record: Record) -> Any:
    return json.loads(record.attempts[0].response_body or b"null")


class Model:
    @llm_call(model="tiny")
    def ask(self, prompt: str, *stops: str, temperature: float = 0.5, **more: Any) -> str:
        """Asks it."""
        return f"{prompt} {stops} {temperature} {more}"


def test_arguments_are_the_request_and_the_result_is_the_answer(watch: Watch) -> None:
    watch.install()
    model = Model()
    given = model.ask("Hi", seed=7)
    record = only_record(watch)
    assert model.ask.__doc__ == "Asks it."
    assert (record.state, record.request_model) == ("done", "tiny")
    assert record.messages == (ChatMessage.as_user("Hi"),)
    assert record.options == {"temperature": 0.5, "seed": 7}
    assert record.output == (ChatMessage.as_assistant(given),)


async def test_coroutine_functions_are_captured_too(watch: Watch) -> None:
    watch.install()

    @llm_call
    async def ask(prompt: str) -> str:
        return prompt.upper()

    assert inspect.iscoroutinefunction(ask)
    assert await ask("hi") == "HI"
    assert only_record(watch).output == (ChatMessage.as_assistant("HI"),)


async def test_a_coroutine_that_a_function_returns_is_the_answer_to_come(watch: Watch) -> None:
    watch.install()

    async def ask(prompt: str) -> str:
        return prompt.upper()

    @llm_call
    def begin(prompt: str) -> Any:
        return ask(prompt)

    assert await begin("hi") == "HI"
    assert only_record(watch).output == (ChatMessage.as_assistant("HI"),)


def test_exceptions_pass_and_are_recorded(watch: Watch) -> None:
    watch.install()

    @llm_call
    def ask(prompt: str) -> str:
        raise LookupError(prompt)

    with pytest.raises(LookupError, match="Hi"):
        ask("Hi")
    record = only_record(watch)
    assert (record.state, record.error) == ("error", ErrorInfo("LookupError", "Hi"))


@llm_call
def pieces(prompt: str) -> Generator[Any, Any, str]:
    received = yield [prompt]
    yield received
    return "the end"


def test_pieces_pass_as_the_very_objects_and_so_does_what_is_sent_and_returned(watch: Watch) -> None:
    watch.install()
    thing = {"text": "lo"}
    generator = pieces("Hel")
    assert watch.gen_ai_spans() == []
    assert next(generator) == ["Hel"]
    assert generator.send(thing) is thing
    with pytest.raises(StopIteration) as ended:
        next(generator)
    record = only_record(watch)
    assert ended.value.value == "the end"
    assert (record.state, record.complete, answer_of(record)) == ("done", True, [["Hel"], {"text": "lo"}])
    assert isinstance(record.attempts[0].first_byte_ns, int)


@llm_call
def words(prompt: str, then: BaseException | None = None) -> Iterator[str]:
    yield from prompt.split(" ")
    if then is not None:
        raise then


def test_a_stream_that_is_closed_early_is_cancelled_and_marked(watch: Watch) -> None:
    watch.install()
    stream = words("one two three")
    assert [next(stream), next(stream)] == ["one", "two"]
    stream.close()  # type: ignore[attr-defined]
    record = only_record(watch)
    assert (record.state, record.complete, answer_of(record)) == ("cancelled", False, ["one", "two"])
    assert record.missing == ("attempts[0].response_body: closed by the caller after 13 bytes",)
    assert record.output == (ChatMessage.as_assistant("onetwo"),)


def test_a_stream_that_is_dropped_is_noticed(watch: Watch) -> None:
    watch.install()
    stream = words("one two three")
    next(stream)
    del stream
    gc.collect()
    record = only_record(watch)
    assert (record.state, record.complete, answer_of(record)) == ("cancelled", False, ["one"])


def test_a_stream_that_nobody_began_to_read_asked_nothing(watch: Watch) -> None:
    watch.install()
    words("one two")
    gc.collect()
    assert watch.gen_ai_spans() == []


def test_a_stream_that_breaks_keeps_what_came(watch: Watch) -> None:
    watch.install()
    fault = ConnectionError("gone")
    with pytest.raises(ConnectionError) as raised:
        list(words("one two", fault))
    record = only_record(watch)
    assert raised.value is fault
    assert (record.state, record.error) == ("error", ErrorInfo("ConnectionError", "gone"))
    assert (answer_of(record), record.complete) == (["one", "two"], False)


async def test_async_streams_are_captured_too(watch: Watch) -> None:
    watch.install()

    @llm_call
    async def stream(prompt: str) -> AsyncIterator[str]:
        for word in prompt.split(" "):
            yield word

    assert [word async for word in stream("one two")] == ["one", "two"]
    closed = stream("one two")
    assert await anext(closed) == "one"
    await closed.aclose()  # type: ignore[attr-defined]
    records = [fetch(span) for span in watch.gen_ai_spans()]
    assert [(record.state, answer_of(record)) for record in records] == [
        ("done", ["one", "two"]),
        ("cancelled", ["one"]),
    ]


def test_a_generator_that_a_function_returns_is_watched_too(watch: Watch) -> None:
    watch.install()

    @llm_call
    def ask(prompt: str) -> Iterator[str]:
        return (word for word in prompt.split(" "))

    assert list(ask("one two")) == ["one", "two"]
    assert answer_of(only_record(watch)) == ["one", "two"]


def test_a_stream_is_in_the_step_in_which_it_is_begun(watch: Watch) -> None:
    watch.install()
    with spanglass.workflow("patents", id="p"), spanglass.step("claims", upstream="a lamp"):
        stream = words("one two")
        next(stream)
    list(stream)
    record = only_record(watch)
    assert (record.workflow_id, record.step_name, record.upstream_context) == ("p", "claims", "a lamp")


def test_what_goes_over_a_watched_wire_after_all_is_recorded_once(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    endpoint = open_endpoint("openai", "sync", provider, None)

    @llm_call
    def ask(prompt: str) -> Any:
        return endpoint.api.create(**endpoint.ask(messages=[{"role": "user", "content": prompt}]))

    @llm_call
    def stream(prompt: str) -> Iterator[Any]:
        yield from endpoint.api.create(**endpoint.ask(messages=[{"role": "user", "content": prompt}], stream=True))

    given = ask("whole")
    assert {type(chunk).__name__ for chunk in stream("streamed")} == {"ChatCompletionChunk"}
    endpoint.client.close()
    records = [fetch(span) for span in watch.gen_ai_spans()]
    assert type(given).__name__ == "ChatCompletion"
    assert [(r.format, r.state, str(r.messages[0].content)) for r in records] == [
        ("openai_chat", "done", "whole"),
        ("openai_chat", "done", "streamed"),
    ]


async def test_switched_off_the_function_is_called_as_it_is(watch: Watch) -> None:
    @llm_call
    async def ask(prompt: str) -> str:
        return prompt.upper()

    assert await ask("hi") == "HI"
    function = words.__wrapped__  # type: ignore[attr-defined]
    assert type(words("one")) is type(function("one"))
    assert Model().ask("Hi") == "Hi () 0.5 {}"


def test_wrong_arguments_are_the_functions_to_refuse(watch: Watch) -> None:
    watch.install()
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        Model().ask(temperature=1)  # type: ignore[call-arg]
    record = only_record(watch)
    assert (record.state, record.options["temperature"]) == ("error", 1)


def test_what_a_stream_enters_is_its_own_between_its_pieces(watch: Watch) -> None:
    watch.install()
    tracer = watch.provider.get_tracer("program")

    @llm_call
    def stream(prompt: str) -> Iterator[Any]:
        with tracer.start_as_current_span("inside"):
            yield trace.get_current_span()
            yield trace.get_current_span()
        yield trace.get_current_span()

    with tracer.start_as_current_span("outside") as outside:
        seen = []
        for inside in stream("Hi"):
            assert trace.get_current_span() is outside
            seen.append(inside)
        assert trace.get_current_span() is outside
    assert [span.name for span in seen] == ["inside", "inside", "outside"]
