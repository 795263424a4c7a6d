from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import spanglass
from capture.endpoint import PROMPT, open_endpoint, settle
from capture.watch import fetch
from fake_provider import Answer
from spanglass.ask import Asked, ask, ask_async
from spanglass.errors import ConfigurationError, Unanswered
from spanglass.model.message import ChatMessage
from spanglass.place import current_place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from capture.endpoint import Sdk
    from capture.watch import Watch
    from fake_provider import FakeProvider

HELLO = ChatMessage.as_assistant("Hello")
OPENAI = {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]}
every_sdk = pytest.mark.parametrize("sdk", ["openai", "anthropic", "anthropic-untraced"])


@pytest.fixture(autouse=True)
def _no_client() -> Iterator[None]:
    yield
    spanglass.configure_client(None)


class Dumped:
    def model_dump(self) -> dict[str, Any]:
        return OPENAI


def only_ref(watch: Watch) -> str:
    (span,) = watch.gen_ai_spans()
    return fetch(span).ref


@every_sdk
def test_an_sdk_is_asked_and_its_call_is_known(sdk: Sdk, provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    endpoint = open_endpoint(sdk, "sync", provider, watch.provider)
    asked = ask(PROMPT, model="gpt-4o-mini", client=endpoint.client, tools=[])
    endpoint.client.close()
    (span,) = watch.gen_ai_spans()
    record = fetch(span)
    assert (asked.ref, asked.text) == (record.ref, asked.text)
    assert record.messages == (ChatMessage.as_user(PROMPT),)
    assert asked.text.startswith("word0")
    assert type(asked.response).__module__.startswith(sdk.partition("-")[0])


@every_sdk
async def test_an_async_sdk_is_awaited(sdk: Sdk, provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    endpoint = open_endpoint(sdk, "async", provider, watch.provider)
    asked = await ask_async(PROMPT, model="gpt-4o-mini", client=endpoint.client)
    await settle(endpoint.client.close())
    assert asked.ref == await asyncio.to_thread(only_ref, watch)
    assert asked.text.startswith("word0")


@pytest.mark.parametrize("answer", ["Hello", HELLO, OPENAI, Dumped(), {"role": "assistant", "content": "Hello"}])
def test_a_callable_is_a_client_and_its_call_is_recorded(answer: Any, watch: Watch) -> None:
    watch.install()
    given: list[Any] = []

    def client(messages: Any, *, model: str, **options: Any) -> Any:
        given.extend([messages, model, options])
        return answer

    asked = ask([ChatMessage.as_user("Hi")], model="tiny", client=client, top_k=1)
    (span,) = watch.gen_ai_spans()
    record = fetch(span)
    assert asked == Asked(HELLO, answer, record.ref)
    assert asked.response is answer
    assert given == [[{"role": "user", "content": "Hi"}], "tiny", {"top_k": 1}]
    assert (record.format, record.request_model, record.options) == ("manual", "tiny", {"top_k": 1})
    assert (record.messages, record.output) == ((ChatMessage.as_user("Hi"),), (HELLO,))


async def test_an_async_callable_is_awaited_and_a_sync_one_runs_in_a_thread(watch: Watch) -> None:
    watch.install()
    seen: list[Any] = []

    async def awaited(messages: Any, *, model: str) -> str:
        seen.append(threading.current_thread() is threading.main_thread())
        return "Hello"

    def blocking(messages: Any, *, model: str) -> str:
        seen.append((threading.current_thread() is threading.main_thread(), current_place()))
        return "Hello"

    with spanglass.workflow("patents", id="p") as place:
        for client in (awaited, blocking, lambda messages, *, model: awaited(messages, model=model)):
            assert (await ask_async("Hi", model="tiny", client=client)).message == HELLO
    assert seen == [True, (False, place), True]


def test_a_callable_that_goes_over_a_wire_is_recorded_once(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    endpoint = open_endpoint("openai", "sync", provider, None)
    client = endpoint.client

    def via(messages: Any, *, model: str) -> Any:
        client.embeddings.create(model="e", input="Hi")
        client.chat.completions.create(model=model, messages=messages)
        return client.chat.completions.create(model=model, messages=[*messages, *messages])

    asked = ask("Hi", model="gpt-4o-mini", client=via)
    client.close()
    records = [fetch(span) for span in watch.gen_ai_spans()]
    assert [(record.format, len(record.messages)) for record in records] == [
        ("embeddings", 1),
        ("openai_chat", 1),
        ("openai_chat", 2),
    ]
    assert asked.ref == records[-1].ref


class StandIn:
    """Has the shape of an SDK's client, and no wire."""

    class chat:  # noqa: N801 - as the SDK spells it
        class completions:  # noqa: N801 - as the SDK spells it
            @staticmethod
            def create(*, messages: Any, model: str) -> Any:
                if model == "none":
                    raise LookupError(model)
                return OPENAI


def test_an_sdk_of_which_no_wire_is_watched_is_recorded_all_the_same(watch: Watch) -> None:
    watch.install()
    asked = ask("Hi", model="tiny", client=StandIn())
    with pytest.raises(LookupError) as raised:
        ask("Hi", model="none", client=StandIn())
    records = [fetch(span) for span in watch.gen_ai_spans()]
    assert [(r.format, r.state, r.request_model) for r in records] == [
        ("manual", "done", "tiny"),
        ("manual", "error", "none"),
    ]
    assert [asked.ref, raised.value.spanglass_ref] == [record.ref for record in records]  # type: ignore[attr-defined]


def test_a_clients_exception_passes_and_knows_its_call(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    endpoint = open_endpoint("openai", "sync", provider, None)
    provider.script(Answer.json({"error": {"message": "no such model"}}, 404))
    with pytest.raises(Exception, match="no such model") as raised:
        ask("Hi", model="none", client=endpoint.client)
    endpoint.client.close()
    assert type(raised.value).__name__ == "NotFoundError"
    assert raised.value.spanglass_ref == only_ref(watch)  # type: ignore[attr-defined]


def test_without_capture_the_answer_is_the_same_and_no_call_is_known() -> None:
    assert ask("Hi", model="tiny", client=lambda _, *, model: "Hello") == Asked(HELLO, "Hello", None)
    with pytest.raises(LookupError) as raised:
        ask("Hi", model="none", client=StandIn())
    assert not hasattr(raised.value, "spanglass_ref")


def test_questions_inside_a_client_are_known_to_both(watch: Watch) -> None:
    watch.install()
    inner: list[Asked] = []

    def client(messages: Any, *, model: str) -> str:
        inner.append(ask(messages, model="small", client=lambda _, *, model: "Hello"))
        return inner[-1].text

    outer = ask("Hi", model="large", client=client)
    assert outer.ref == inner[0].ref == only_ref(watch)


def test_the_configured_client_is_asked_where_none_is_given() -> None:
    spanglass.configure_client(lambda _, *, model: f"from {model}")
    assert ask("Hi", model="tiny").text == "from tiny"
    assert ask("Hi", model="tiny", client=lambda _, *, model: "other").text == "other"
    spanglass.configure_client(None)
    with pytest.raises(ConfigurationError, match="no client: give client="):
        ask("Hi", model="tiny")


def test_what_cannot_work_is_said_before_anything_is_asked(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    endpoint = open_endpoint("openai", "async", provider, None)
    with pytest.raises(ConfigurationError, match="int is no client"):
        ask("Hi", model="tiny", client=7)
    with pytest.raises(ConfigurationError, match="the client is async: await"):
        ask("Hi", model="tiny", client=endpoint.client)
    with pytest.raises(ConfigurationError, match="stream=True: the answer is read whole"):
        ask("Hi", model="tiny", client=endpoint.client, stream=True)
    asyncio.run(endpoint.client.close())
    assert (watch.gen_ai_spans(), list(provider.exchanges)) == ([], [])


@pytest.mark.parametrize("response", [None, 7, {}, {"choices": []}, object()])
def test_an_answer_without_a_message_is_an_error_of_its_own(response: Any) -> None:
    with pytest.raises(Unanswered, match="without a message in it"):
        ask("Hi", model="tiny", client=lambda _, *, model: response)


def test_the_text_of_an_answer_in_parts_is_its_texts() -> None:
    parts = [{"type": "text", "text": "Hel"}, "lo", {"type": "image"}]
    assert Asked(ChatMessage.as_assistant(parts), None, None).text == "Hello"
    assert Asked(ChatMessage.as_assistant(), None, None).text == ""


def test_a_client_that_turns_out_to_be_async_is_said_to_be_so(watch: Watch) -> None:
    async def awaited() -> str:
        return "Hello"

    watch.install()
    with pytest.raises(ConfigurationError, match="the client is async: await"):
        ask("Hi", model="tiny", client=lambda _, *, model: awaited())
    (span,) = watch.gen_ai_spans()
    assert fetch(span).state == "error"
