from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import spanglass
from capture.endpoint import API_KEY, open_endpoint, settle
from fake_provider import Answer
from spanglass import call_llm, call_llm_async, guard
from spanglass.model.message import ChatMessage

if TYPE_CHECKING:
    from pathlib import Path

    from capture.endpoint import Sdk
    from capture.watch import Watch
    from fake_provider import FakeProvider
    from spanglass.model.record import Record

every_sdk = pytest.mark.parametrize("sdk", ["openai", "anthropic"])


def echo(messages: Any, *, model: str, **_: Any) -> str:
    return f"{model}: {messages[-1]['content']}"


def known(record: Record | None) -> Record:
    assert record is not None
    return record


@every_sdk
def test_a_call_gives_the_clients_response_and_the_record_of_that_very_call(
    sdk: Sdk, provider: FakeProvider, watch: Watch
) -> None:
    watch.install()
    endpoint = open_endpoint(sdk, "sync", provider, watch.provider)
    with spanglass.workflow("patents", id="p"), spanglass.step("claims", upstream="of the step"):
        first, one = call_llm("One?", model="m", client=endpoint.client, upstream_context={"title": "A lamp"})
        _, two = call_llm("Two?", model="m", client=endpoint.client)
    endpoint.client.close()
    assert type(first).__module__.startswith(sdk)
    assert [(r.messages, r.state, r.upstream_context) for r in (known(one), known(two))] == [
        ((ChatMessage.as_user("One?"),), "done", {"title": "A lamp"}),
        ((ChatMessage.as_user("Two?"),), "done", "of the step"),
    ]
    assert spanglass.logs_for_workflow("p") == [one, two]
    assert spanglass.log_for_step("p", "claims") == two


@every_sdk
async def test_the_same_awaited(sdk: Sdk, provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    endpoint = open_endpoint(sdk, "async", provider, watch.provider)
    asked = [call_llm_async(f"{n}?", model="m", client=endpoint.client, upstream_context=n) for n in range(8)]
    records = [known(record) for _, record in await asyncio.gather(*asked)]
    await settle(endpoint.client.close())
    assert [(r.messages[0].content, r.upstream_context) for r in records] == [(f"{n}?", n) for n in range(8)]


async def test_a_callable_of_either_kind_is_recorded_by_hand(watch: Watch) -> None:
    watch.install()

    async def awaited(messages: Any, *, model: str) -> str:
        return echo(messages, model=model)

    for response, record in (
        await call_llm_async("Hi", model="tiny", client=awaited),
        await call_llm_async("Hi", model="tiny", client=echo),
        await asyncio.to_thread(call_llm, "Hi", model="tiny", client=echo),
    ):
        assert response == "tiny: Hi"
        assert known(record).output == (ChatMessage.as_assistant("tiny: Hi"),)


@every_sdk
def test_an_error_is_the_clients_own_with_the_record(sdk: Sdk, provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    endpoint = open_endpoint(sdk, "sync", provider, watch.provider)
    provider.script(Answer.json({"type": "error", "error": {"type": "not_found_error", "message": "no model"}}, 404))
    with pytest.raises(Exception, match="no model") as raised:
        call_llm("Hi", model="none", client=endpoint.client)
    endpoint.client.close()
    record = raised.value.spanglass_record  # type: ignore[attr-defined]
    assert type(raised.value).__name__ == "NotFoundError"
    assert (record.state, [attempt.status for attempt in record.attempts]) == ("error", [404])
    assert record.messages == (ChatMessage.as_user("Hi"),)


async def test_a_callables_error_is_stored_and_masked_too(watch: Watch) -> None:
    watch.install()

    def broken(messages: Any, *, model: str) -> str:
        raise ConnectionError(API_KEY)

    with pytest.raises(ConnectionError, match=API_KEY) as sync_error:
        await asyncio.to_thread(call_llm, "Hi", model="tiny", client=broken)
    with pytest.raises(ConnectionError, match=API_KEY) as async_error:
        await call_llm_async("Hi", model="tiny", client=broken)
    for raised in (sync_error, async_error):
        record = raised.value.spanglass_record  # type: ignore[attr-defined]
        assert (record.state, record.error.message) == ("error", "[REDACTED]")


def test_an_exception_that_takes_no_attributes_passes_as_it_is(watch: Watch) -> None:
    class Closed(Exception):
        def __setattr__(self, name: str, value: Any) -> None:
            raise AttributeError(name)

    def broken(messages: Any, *, model: str) -> str:
        raise Closed

    watch.install()
    with pytest.raises(Closed):
        call_llm("Hi", model="tiny", client=broken)


def test_where_nothing_is_captured_there_is_no_record(watch: Watch) -> None:
    assert call_llm("Hi", model="tiny", client=echo) == ("tiny: Hi", None)
    watch.install(debug_workflows="patents")
    with spanglass.workflow("private", debug=False):
        assert call_llm("Hi", model="tiny", client=echo) == ("tiny: Hi", None)


def test_a_store_that_cannot_be_read_costs_the_record_and_not_the_call(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no directory")
    watch.install(store=f"sqlite:///{tmp_path}/file/store.db")
    monkeypatch.setattr(guard, "reraise", False)
    assert call_llm("Hi", model="tiny", client=echo) == ("tiny: Hi", None)
    assert guard.faults() == {"ask.fetch": 1}
