"""Calls that a program logs by hand, as spans and records tell of them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import spanglass
from capture.endpoint import API_KEY, open_endpoint
from capture.watch import fetch, records_in, told
from spanglass import guard, log_error, log_request, log_response
from spanglass.model.message import ChatMessage
from spanglass.model.record import ErrorInfo, Usage

if TYPE_CHECKING:
    from capture.watch import Watch
    from fake_provider import FakeProvider
    from spanglass.model.record import Record

HI = ChatMessage.as_user("Hi")
HELLO = ChatMessage.as_assistant("Hello")


def only_record(watch: Watch) -> Record:
    (span,) = watch.gen_ai_spans()
    return fetch(span)


def bodies(record: Record) -> list[tuple[bytes | None, bytes | None]]:
    return [(attempt.request_body, attempt.response_body) for attempt in record.attempts]


def test_a_call_is_recorded_as_it_was_said(watch: Watch) -> None:
    watch.install()
    call = log_request({"model": "tiny", "messages": [HI], "temperature": 0})
    usage = {"prompt_tokens": 3, "completion_tokens": 1}
    answer = {"model": "tiny-1", "choices": [{"message": {"role": "assistant", "content": "Hello"}}], "usage": usage}
    log_response(call, answer)

    record = only_record(watch)
    assert call.ref == record.ref
    assert (record.state, record.format, record.name, record.complete) == ("done", "manual", "chat tiny", True)
    assert (record.messages, record.output, record.options) == ((HI,), (HELLO,), {"temperature": 0})
    assert (record.request_model, record.response_model, record.usage) == ("tiny", "tiny-1", Usage(3, 1))
    (attempt,) = record.attempts
    assert (attempt.method, attempt.url, attempt.status, attempt.error) == ("", "", None, None)
    assert json.loads(attempt.request_body or b"") == {"model": "tiny", "messages": [HI.to_dict()], "temperature": 0}
    assert json.loads(attempt.response_body or b"") == answer


def test_the_span_says_what_every_calls_span_says(watch: Watch) -> None:
    watch.install()
    with spanglass.workflow("patents", id="p"), spanglass.step("claims"):
        log_response(log_request({"model": "tiny", "prompt": "Hi"}), "Hello")
    (span,) = watch.gen_ai_spans()
    attributes = dict(span.attributes or {})
    assert span.name == "chat tiny"
    assert {name: attributes[name] for name in attributes if name.startswith("spanglass.")} == {
        "spanglass.workflow": "p",
        "spanglass.step": "claims",
        "spanglass.ref": fetch(span).ref,
        "spanglass.state": "done",
        "spanglass.attempts": 1,
        "spanglass.complete": True,
    }
    messages = [dict(event.attributes or {}) for event in span.events if event.name == "gen_ai.message"]
    assert [(message["role"], message["content"]) for message in messages] == [("user", "Hi"), ("assistant", "Hello")]


def test_a_prompt_and_a_text_are_exact_json_too(watch: Watch) -> None:
    watch.install()
    log_response(log_request("Hi"), "Hello")
    record = only_record(watch)
    assert bodies(record) == [(b'"Hi"', b'"Hello"')]
    assert (record.messages, record.output, record.complete) == ((HI,), (HELLO,), True)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (MemoryError("42 GB"), ErrorInfo("MemoryError", "42 GB")),
        ("no such model", ErrorInfo("spanglass.errors.LoggedError", "no such model")),
        ({"code": 7}, ErrorInfo("spanglass.errors.LoggedError", "{'code': 7}")),
    ],
)
def test_an_error_is_recorded_with_its_reason(watch: Watch, reason: Any, expected: ErrorInfo) -> None:
    watch.install()
    log_error(log_request("Hi"), reason)
    record = only_record(watch)
    assert (record.state, record.error, record.output) == ("error", expected, ())


def test_an_answer_that_tells_an_error_is_one(watch: Watch) -> None:
    watch.install()
    log_response(log_request("Hi"), {"error": {"type": "overloaded", "message": "later"}})
    record = only_record(watch)
    assert (record.state, record.error) == ("error", ErrorInfo("overloaded", "later"))


def test_a_block_logs_what_leaves_it_and_lets_it_pass(watch: Watch) -> None:
    watch.install()
    fault = KeyError("weights")
    with pytest.raises(KeyError) as raised, log_request("Hi"):
        raise fault
    assert raised.value is fault
    assert only_record(watch).error == ErrorInfo("KeyError", "'weights'")


def test_a_block_without_an_answer_says_so(watch: Watch) -> None:
    watch.install()
    with log_request("Hi"):
        pass
    record = only_record(watch)
    assert (record.state, record.complete) == ("abandoned", False)
    assert record.missing == ("attempts[0].response_body: the program logged no answer",)


def test_what_is_said_after_the_end_is_not_heard(watch: Watch) -> None:
    watch.install()
    with log_request("Hi") as call:
        log_response(call, "Hello")
        log_response(call, "Hello again")
        log_error(call, "too late")
    record = only_record(watch)
    assert (record.state, record.output) == ("done", (HELLO,))


async def test_a_cancelled_task_is_no_error(watch: Watch) -> None:
    watch.install()
    begun = asyncio.Event()

    async def ask() -> None:
        with log_request("Hi"):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(ask())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    record = await asyncio.to_thread(only_record, watch)
    assert (record.state, record.error) == ("cancelled", ErrorInfo("asyncio.exceptions.CancelledError", ""))


def test_a_call_that_is_open_at_the_end_is_abandoned(watch: Watch) -> None:
    watch.install()
    log_request("Hi")
    spanglass.uninstall()
    (record,) = records_in(watch.state_dir)
    assert (record.state, record.messages) == ("abandoned", (HI,))


def test_credentials_are_masked_wherever_they_are_said(watch: Watch) -> None:
    watch.install()
    secret = {"prompt": f"my key is {API_KEY}", "api_key": "hunter2-and-more"}
    with spanglass.step("claims", upstream={"token": API_KEY}):
        log_response(log_request(secret), {"text": f"so it is {API_KEY}"})
        log_error(log_request("Hi", upstream_context=[API_KEY]), f"bad key {API_KEY}")
    spans = watch.gen_ai_spans()
    text = "".join(told(span, fetch(span)) for span in spans)
    assert API_KEY not in text
    assert "hunter2" not in text
    assert API_KEY.encode() not in watch.files()
    assert [fetch(span).redactions for span in spans] == [4, 1]


def test_where_nothing_is_captured_a_handle_does_nothing(watch: Watch) -> None:
    def ask() -> None:
        with log_request(object()) as call:
            log_response(call, object())
        log_error(log_request("Hi"), "no")
        assert call.ref is None

    ask()
    watch.install()
    with spanglass.workflow("private", debug=False):
        ask()
    assert watch.gen_ai_spans() == []


def test_a_fault_of_ours_never_reaches_the_program(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.install()
    monkeypatch.setattr(guard, "reraise", False)
    monkeypatch.setattr("spanglass.capture.manual.to_json", lambda _: 1 / 0)
    with log_request("Hi") as call:
        log_response(call, "Hello")
    assert guard.faults() == {"manual.begin": 1}


def test_a_call_over_a_wire_takes_the_place_of_the_one_in_whose_block_it_is_made(
    provider: FakeProvider, watch: Watch
) -> None:
    watch.install()
    endpoint = open_endpoint("openai", "sync", provider, None)
    with spanglass.step("claims", upstream="a lamp"), log_request({"model": "?", "prompt": "Hi"}) as call:
        got = endpoint.api.create(**endpoint.ask())
        log_response(call, got)
    endpoint.client.close()
    record = only_record(watch)
    (span,) = watch.gen_ai_spans()
    (exchange,) = provider.exchanges
    assert (record.ref, record.format, record.state) == (call.ref, "openai_chat", "done")
    assert (span.name, record.name) == ("chat gpt-4o-mini", "chat gpt-4o-mini")
    assert bodies(record) == [(exchange.body, exchange.said)]
    assert record.upstream_context == "a lamp"
    assert [event.name for event in span.events] == ["gen_ai.message", "spanglass.attempt", "gen_ai.message"]


def test_only_one_call_over_a_wire_takes_it_over_and_an_embedding_never_does(
    provider: FakeProvider, watch: Watch
) -> None:
    watch.install()
    endpoint = open_endpoint("openai", "sync", provider, None)
    with log_request("Hi") as call:
        endpoint.client.embeddings.create(model="e", input="Hi")
        log_response(call, "Hello")
    with log_request("Hi"):
        endpoint.api.create(**endpoint.ask())
        endpoint.api.create(**endpoint.ask())
    endpoint.client.close()
    assert [fetch(span).format for span in watch.gen_ai_spans()] == [
        "embeddings",
        "manual",
        "openai_chat",
        "openai_chat",
    ]


KILLED = """
import os, signal, sys
import spanglass
spanglass.install(enabled="true", state_dir=sys.argv[1])
spanglass.log_request({"model": "tiny", "prompt": "Hi"})
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_kill_loses_nothing(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, timeout=60, env=os.environ)
    (record,) = records_in(Path(tmp_path))
    assert (killed.returncode, record.state, record.messages) == (-signal.SIGKILL, "killed", (HI,))
