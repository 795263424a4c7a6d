"""The table of call shapes: every way in which programs call a model, and what must be known of the call afterwards.

A shape gives back what the program saw, so that it can be compared with what it sees without spanglass.
"""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from capture.endpoint import PROMPT, Endpoint, Entered, cancelled, settle, take
from fake_provider import Answer, Step, anthropic_wire, openai_wire

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from capture.endpoint import Mode, Sdk
    from spanglass.model.record import State

ALL_SDKS: tuple[Sdk, ...] = ("openai", "anthropic", "anthropic-untraced")
BOTH: tuple[Mode, ...] = ("sync", "async")
SECRET_BY_KEY = "hunter2-that-only-its-key-gives-away"
SECRET_BY_SHAPE = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
SECRETS = (SECRET_BY_KEY, SECRET_BY_SHAPE)
LONG = " ".join(f"word number {number} of a long message" for number in range(28_000))[:1_000_000]


class Arrival(BaseModel):
    """What `.parse()` is asked for."""

    city: str
    minutes: int


@dataclass(frozen=True)
class Shape:
    """One way to call.

    Args:
        drive: makes the call and gives back what the program saw of it.
        answers: what the provider says; without, something plausible.
        state: of the record.
        statuses: of the attempts.
        complete: the last answer arrived whole.
        operation, provider: of the span.
        sdks, modes: where the shape exists.
        refused: nothing listens where the client connects to.
        noisy: loggers on which the SDK itself complains, with and without spanglass.
    """

    drive: Callable[[Endpoint], Coroutine[Any, Any, list[Any]]]
    answers: Callable[[Endpoint], Sequence[Answer]] = lambda _: ()
    state: State = "done"
    statuses: tuple[int | None, ...] = (200,)
    complete: bool = True
    operation: str = "chat"
    sdks: tuple[Sdk, ...] = ALL_SDKS
    modes: tuple[Mode, ...] = BOTH
    refused: bool = False
    noisy: tuple[str, ...] = ()


# What the provider says.


def reply(text: str = "To Bergen, by way of Finse.") -> openai_wire.Reply:
    """Some words of a model."""
    return openai_wire.Reply("shape", "gpt-4o-mini", text)


def events(endpoint: Endpoint) -> list[bytes]:
    """A stream in the endpoint's own form."""
    if endpoint.sdk == "openai":
        return openai_wire.chat_events(reply(), 6, include_usage=True)
    return anthropic_wire.message_events(reply(), 6)


def whole(endpoint: Endpoint, text: str, finish: str = "") -> Answer:
    """A whole answer in the endpoint's own form."""
    if endpoint.sdk == "openai":
        return Answer.json(openai_wire.chat_completion(reply(text), finish))
    return Answer.json(anthropic_wire.message(reply(text), finish))


def stream_interrupted(by: Step) -> Callable[[Endpoint], list[Answer]]:
    """A stream that stops after its fourth event."""
    return lambda endpoint: [Answer.stream(events(endpoint)).interrupted(4, by)]


def held(endpoint: Endpoint) -> list[Answer]:
    """Nothing at all, until released."""
    return [whole(endpoint, "too late").held()]


def failing(status: int, text: str = "no") -> Callable[[Endpoint], list[Answer]]:
    """An HTTP error."""

    def answers(endpoint: Endpoint) -> list[Answer]:
        wire: Any = openai_wire if endpoint.sdk == "openai" else anthropic_wire
        return [Answer.json(wire.error(text), status, [("retry-after-ms", "1")])]

    return answers


def unauthorized(endpoint: Endpoint) -> list[Answer]:
    """A provider that quotes the key it was given."""
    return failing(401, f"Incorrect API key provided: {endpoint.client.api_key}. Find yours elsewhere.")(endpoint)


def error_event(endpoint: Endpoint) -> list[Answer]:
    """A stream that ends with an error event instead of its end."""
    if endpoint.sdk == "openai":
        error = openai_wire.event(openai_wire.error("The server had an error", "server_error"))
    else:
        error = openai_wire.event(anthropic_wire.error("Overloaded", "overloaded_error"), "error")
    return [Answer.stream([*events(endpoint)[:4], error])]


# What the program does.


async def create(e: Endpoint) -> list[Any]:
    return [await settle(e.api.create(**e.ask()))]


async def drained(e: Endpoint) -> list[Any]:
    stream = await settle(e.api.create(**e.ask(stream=True)))
    return [type(stream), await take(stream)]


async def broken_off(e: Endpoint) -> list[Any]:
    stream = await settle(e.api.create(**e.ask(stream=True)))
    seen = [type(stream), await take(stream, 2)]
    del stream
    await collected()
    return seen


async def left_early(e: Endpoint) -> list[Any]:
    async with Entered(await settle(e.api.create(**e.ask(stream=True)))) as stream:
        return [type(stream), await take(stream, 2)]


async def closed_unread(e: Endpoint) -> list[Any]:
    stream = await settle(e.api.create(**e.ask(stream=True)))
    await settle(stream.close())
    return [type(stream)]


async def never_iterated(e: Endpoint) -> list[Any]:
    stream = await settle(e.api.create(**e.ask(stream=True)))
    seen = [type(stream)]
    del stream
    await collected()
    return seen


async def stream_helper(e: Endpoint) -> list[Any]:
    async with Entered(e.api.stream(**e.ask())) as stream:
        seen = [type(stream), await take(stream)]
        final = stream.get_final_completion if e.sdk == "openai" else stream.get_final_message
        return [*seen, await settle(final())]


async def stream_helper_left_early(e: Endpoint) -> list[Any]:
    async with Entered(e.api.stream(**e.ask())) as stream:
        return [type(stream), await take(stream, 2)]


async def parse(e: Endpoint) -> list[Any]:
    wanted = {"response_format" if e.sdk == "openai" else "output_format": Arrival}
    return [await settle(e.api.parse(**e.ask(**wanted)))]


async def raw(e: Endpoint) -> list[Any]:
    got = await settle(e.api.with_raw_response.create(**e.ask()))
    return [type(got), got.status_code, dict(got.headers), got.http_response.content, await settle(got.parse())]


async def raw_stream(e: Endpoint) -> list[Any]:
    got = await settle(e.api.with_raw_response.create(**e.ask(stream=True)))
    stream = await settle(got.parse())
    return [type(got), got.status_code, type(stream), await take(stream)]


async def streaming_response(e: Endpoint) -> list[Any]:
    async with Entered(e.api.with_streaming_response.create(**e.ask())) as got:
        return [type(got), got.status_code, await settle(got.read()), await settle(got.parse())]


async def streaming_response_lines(e: Endpoint) -> list[Any]:
    async with Entered(e.api.with_streaming_response.create(**e.ask(stream=True))) as got:
        return [type(got), await take(got.iter_lines())]


async def streaming_response_unread(e: Endpoint) -> list[Any]:
    async with Entered(e.api.with_streaming_response.create(**e.ask(stream=True))) as got:
        return [type(got), got.status_code]


async def with_options(e: Endpoint) -> list[Any]:
    derived = e.client.with_options(timeout=30, max_retries=1)
    return [await settle(e.api_of(derived).create(**e.ask()))]


async def retried(e: Endpoint) -> list[Any]:
    derived = e.client.with_options(max_retries=2)
    return [await settle(e.api_of(derived).create(**e.ask()))]


async def retried_stream(e: Endpoint) -> list[Any]:
    derived = e.client.with_options(max_retries=2)
    return [await take(await settle(e.api_of(derived).create(**e.ask(stream=True))))]


async def embeddings(e: Endpoint) -> list[Any]:
    return [await settle(e.client.embeddings.create(model="gpt-4o-mini", input=["Oslo", "Bergen"]))]


async def responses(e: Endpoint) -> list[Any]:
    return [await settle(e.client.responses.create(model="gpt-4o-mini", input=PROMPT))]


async def responses_stream(e: Endpoint) -> list[Any]:
    stream = await settle(e.client.responses.create(model="gpt-4o-mini", input=PROMPT, stream=True))
    return [type(stream), await take(stream)]


async def responses_helper(e: Endpoint) -> list[Any]:
    async with Entered(e.client.responses.stream(model="gpt-4o-mini", input=PROMPT)) as stream:
        return [type(stream), await take(stream), await settle(stream.get_final_response())]


async def responses_parse(e: Endpoint) -> list[Any]:
    return [await settle(e.client.responses.parse(model="gpt-4o-mini", input=PROMPT, text_format=Arrival))]


def tools(e: Endpoint) -> list[Any]:
    """Two tools, in the endpoint's own form."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    names = ("get_weather", "find_trains")
    if e.sdk == "openai":
        return [{"type": "function", "function": {"name": name, "parameters": schema}} for name in names]
    return [{"name": name, "input_schema": schema} for name in names]


async def tools_in_parallel(e: Endpoint) -> list[Any]:
    return [await settle(e.api.create(**e.ask(tools=tools(e))))]


async def tools_in_parallel_stream(e: Endpoint) -> list[Any]:
    return [await take(await settle(e.api.create(**e.ask(tools=tools(e), stream=True))))]


async def many_messages(e: Endpoint) -> list[Any]:
    roles = ("user", "assistant")
    messages = [{"role": roles[number % 2], "content": f"message {number}"} for number in range(199)]
    return [await settle(e.api.create(**e.ask(messages=[*messages, {"role": "user", "content": PROMPT}])))]


async def long_message(e: Endpoint) -> list[Any]:
    messages = [{"role": "user", "content": LONG}, {"role": "user", "content": PROMPT}]
    return [await settle(e.api.create(**e.ask(messages=messages)))]


async def generator_arguments(e: Endpoint) -> list[Any]:
    def messages() -> Iterable[dict[str, str]]:
        yield {"role": "user", "content": "first"}
        yield {"role": "user", "content": PROMPT}

    arguments = e.ask(messages=messages(), tools=(tool for tool in tools(e)))
    return [await settle(e.api.create(**arguments))]


async def unserialisable(e: Endpoint) -> list[Any]:
    return [await settle(e.api.create(**e.ask(extra_body={"thing": object()})))]


async def with_secrets(e: Endpoint) -> list[Any]:
    arguments = e.ask(
        messages=[{"role": "user", "content": f"My token is {SECRET_BY_SHAPE}. {PROMPT}"}],
        extra_headers={"X-My-Api-Key": SECRET_BY_KEY, "X-Note": f"Bearer {SECRET_BY_SHAPE}"},
        extra_query={"api_key": SECRET_BY_KEY, "note": SECRET_BY_SHAPE},
        extra_body={"api_key": SECRET_BY_KEY, "metadata": {"password": SECRET_BY_KEY, "note": SECRET_BY_SHAPE}},
    )
    return [await settle(e.api.create(**arguments))]


async def timed_out(e: Endpoint) -> list[Any]:
    return [await settle(e.api.create(**e.ask(timeout=0.3)))]


async def cancelled_task(e: Endpoint) -> list[Any]:
    task = asyncio.create_task(e.api.create(**e.ask()))
    await asyncio.to_thread(e.provider.wait_for_requests, 1)
    return [await cancelled(task)]


async def cancelled_in_stream(e: Endpoint) -> list[Any]:
    stream = await e.api.create(**e.ask(stream=True))
    seen: list[Any] = []
    task = asyncio.create_task(read_into(seen, stream))
    await until(lambda: len(seen) >= 2)
    return [seen[:2], await cancelled(task)]


async def waited_for_in_vain(e: Endpoint) -> list[Any]:
    return [await asyncio.wait_for(e.api.create(**e.ask()), 0.4)]


async def closed_from_another_task(e: Endpoint) -> list[Any]:
    stream = await e.api.create(**e.ask(stream=True))
    items = stream.__aiter__()
    first = await asyncio.create_task(anext_of(items))

    async def close() -> None:
        await items.aclose()
        await stream.close()

    await asyncio.create_task(close())
    return [first]


async def closed_while_another_task_reads(e: Endpoint) -> list[Any]:
    stream = await e.api.create(**e.ask(stream=True))
    seen: list[Any] = []
    task = asyncio.create_task(read_into(seen, stream))
    await until(lambda: len(seen) >= 2)
    await stream.close()
    await asyncio.wait([task], timeout=0.2)
    return [seen[:2], await cancelled(task)]


async def anext_of(items: Any) -> Any:
    return await items.__anext__()


async def read_into(seen: list[Any], stream: Any) -> None:
    async for item in stream:
        seen.append(item)  # noqa: PERF401 - what is there before the end counts


async def until(condition: Callable[[], bool]) -> None:
    """Waits for other tasks."""
    for _ in range(2_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError


async def collected() -> None:
    """Lets go of what nobody holds any more; openai 3.52 then drains an async stream for 0.1 s in a task."""
    gc.collect()
    if asyncio.events._get_running_loop() is not None:
        await asyncio.sleep(0.2)


ASYNC: tuple[Mode, ...] = ("async",)
OPENAI: tuple[Sdk, ...] = ("openai",)

SHAPES: dict[str, Shape] = {
    "create": Shape(create),
    "create gzip": Shape(create, lambda e: [whole(e, "short").encoded("gzip")]),
    "create deflate": Shape(create, lambda e: [whole(e, "short").encoded("deflate")]),
    "stream drained": Shape(drained),
    "stream drained, gzip": Shape(drained, lambda e: [Answer.stream(events(e)).encoded("gzip")]),
    "stream drained, borders anywhere": Shape(drained, lambda e: [Answer.stream(events(e)).rechunked(7)]),
    # openai 3.52 finalises the nested generators of a dropped async stream all at once, and asyncio says so
    "break": Shape(broken_off, stream_interrupted(Step.HOLD), "cancelled", complete=False, noisy=("asyncio",)),
    "context manager left early": Shape(left_early, stream_interrupted(Step.HOLD), "cancelled", complete=False),
    "closed unread": Shape(closed_unread, stream_interrupted(Step.HOLD), "cancelled", complete=False),
    "never iterated": Shape(never_iterated, stream_interrupted(Step.HOLD), "abandoned", complete=False),
    ".stream()": Shape(stream_helper),
    ".stream() left early": Shape(stream_helper_left_early, stream_interrupted(Step.HOLD), "cancelled", complete=False),
    ".parse()": Shape(parse),
    ".parse() unreadable": Shape(parse, lambda e: [whole(e, "no JSON at all")], "error"),
    ".parse() cut by length": Shape(parse, lambda e: [whole(e, '{"city": "Ber', "length")], "error", sdks=("openai",)),
    "with_raw_response": Shape(raw),
    "with_raw_response, stream": Shape(raw_stream),
    "with_streaming_response": Shape(streaming_response),
    "with_streaming_response, lines of a stream": Shape(streaming_response_lines),
    "with_streaming_response, unread": Shape(
        streaming_response_unread, stream_interrupted(Step.HOLD), "cancelled", complete=False
    ),
    "with_options": Shape(with_options),
    "embeddings": Shape(embeddings, operation="embeddings", sdks=OPENAI),
    "responses": Shape(responses, sdks=OPENAI),
    "responses stream": Shape(responses_stream, sdks=OPENAI),
    "responses .stream()": Shape(responses_helper, sdks=OPENAI),
    "responses .parse()": Shape(responses_parse, sdks=OPENAI),
    "tools in parallel": Shape(tools_in_parallel),
    "tools in parallel, stream": Shape(tools_in_parallel_stream),
    "200 messages": Shape(many_messages),
    "1 MB message": Shape(long_message),
    "generator arguments": Shape(generator_arguments),
    "unserialisable argument": Shape(unserialisable, state="error", statuses=()),
    "secrets everywhere": Shape(with_secrets),
    "HTTP 400": Shape(create, failing(400), "error", (400,)),
    "HTTP 401 quoting the key": Shape(create, unauthorized, "error", (401,)),
    "HTTP 429": Shape(create, failing(429), "error", (429,)),
    "HTTP 500": Shape(create, failing(500), "error", (500,)),
    "HTTP 400 to a stream": Shape(drained, failing(400), "error", (400,)),
    "429, then success": Shape(retried, failing(429), statuses=(429, 200)),
    "429, then a stream": Shape(retried_stream, failing(429), statuses=(429, 200)),
    "dropped, 500, then success": Shape(
        retried, lambda e: [Answer.dropped(), *failing(500)(e)], statuses=(None, 500, 200)
    ),
    "connection refused": Shape(create, state="error", statuses=(None,), complete=False, refused=True),
    "cut before the headers": Shape(create, lambda _: [Answer.dropped()], "error", statuses=(None,), complete=False),
    "cut mid-stream": Shape(drained, stream_interrupted(Step.CUT), "error", complete=False),
    "error event in a stream": Shape(drained, error_event, "error"),
    "timeout": Shape(timed_out, held, "error", statuses=(None,), complete=False),
    "cancelled task": Shape(cancelled_task, held, "cancelled", (None,), complete=False, modes=ASYNC),
    "cancelled in mid-stream": Shape(
        cancelled_in_stream, stream_interrupted(Step.HOLD), "cancelled", complete=False, modes=ASYNC
    ),
    "asyncio.wait_for": Shape(waited_for_in_vain, held, "cancelled", (None,), complete=False, modes=ASYNC),
    "aclose from another task": Shape(
        closed_from_another_task, stream_interrupted(Step.HOLD), "cancelled", complete=False, modes=ASYNC
    ),
    "closed while another task reads": Shape(
        closed_while_another_task_reads, stream_interrupted(Step.HOLD), "cancelled", complete=False, modes=ASYNC
    ),
}
