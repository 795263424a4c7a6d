"""Switching on and off in a program's own code, and living beside other instrumentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic._base_client
import httpx
import httpx2
import openai._base_client
import opentelemetry.trace
import pytest
import wrapt
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NoOpTracerProvider, SpanKind, format_span_id, format_trace_id

import spanglass
from capture.endpoint import PROMPT, open_endpoint, run
from capture.shapes import SHAPES
from capture.watch import fetch, records_in
from spanglass import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from capture.watch import Watch
    from fake_provider import FakeProvider

PATCHED: list[tuple[Any, str]] = [
    (httpx.Client, "send"),
    (httpx.AsyncClient, "send"),
    (httpx2.Client, "send"),
    (httpx2.AsyncClient, "send"),
    (openai._base_client.SyncAPIClient, "request"),
    (openai._base_client.AsyncAPIClient, "request"),
    (anthropic._base_client.SyncAPIClient, "_request"),
    (anthropic._base_client.AsyncAPIClient, "_request"),
    (opentelemetry.trace, "set_tracer_provider"),
]


def call(provider: FakeProvider) -> list[Any]:
    return run(open_endpoint("openai", "sync", provider, None), SHAPES["create"].drive)


def test_uninstall_restores_the_very_objects_that_were_there(watch: Watch) -> None:
    before = [vars(owner)[name] for owner, name in PATCHED]
    watch.install()
    assert all(vars(owner)[name] is not was for (owner, name), was in zip(PATCHED, before, strict=True))
    spanglass.uninstall()
    assert all(vars(owner)[name] is was for (owner, name), was in zip(PATCHED, before, strict=True))


def test_installing_twice_records_once(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    patched = [vars(owner)[name] for owner, name in PATCHED]
    spanglass.install()
    watch.install()
    assert [vars(owner)[name] for owner, name in PATCHED] == patched
    call(provider)
    assert len(watch.gen_ai_spans()) == len(records_in(watch.state_dir)) == 1


def test_processors_do_not_stack(watch: Watch) -> None:
    multi = watch.provider._active_span_processor
    before = multi._span_processors
    for _ in range(3):
        watch.install()
        spanglass.uninstall()
    assert multi._span_processors == before


def test_installing_again_after_uninstalling_records_again(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    spanglass.uninstall()
    call(provider)
    watch.install()
    call(provider)
    assert len(watch.gen_ai_spans()) == 1


def test_uninstalling_leaves_a_wrapper_that_came_later(
    provider: FakeProvider, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpx2.Client, "send", httpx2.Client.send)
    seen: list[str] = []

    def note(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        seen.append("theirs")
        return wrapped(*args, **kwargs)

    watch.install()
    wrapt.wrap_function_wrapper(httpx2, "Client.send", note)
    call(provider)
    spanglass.uninstall()
    call(provider)
    assert (seen, len(watch.exporter.get_finished_spans())) == (["theirs", "theirs"], 1)


def test_an_argument_that_cannot_work_is_the_programmers_and_raises(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"install\(span_content='all'\) cannot work"):
        spanglass.install(span_content="all", state_dir=tmp_path)
    with pytest.raises(ConfigurationError, match="no setting 'stor'"):
        spanglass.install(stor="memory://", state_dir=tmp_path)
    assert not spanglass.enabled()


def test_a_stream_that_outlives_the_installation_goes_on(provider: FakeProvider, watch: Watch) -> None:
    async def drained_after_uninstall(e: Any) -> list[Any]:
        with e.api.create(**e.ask(stream=True)) as stream:
            first = next(stream)
            spanglass.uninstall()
            return [first, *stream]

    expected = run(open_endpoint("openai", "sync", provider, None), SHAPES["stream drained"].drive)[1]
    watch.install()
    assert run(open_endpoint("openai", "sync", provider, None), drained_after_uninstall) == expected
    (record,) = records_in(watch.state_dir)
    assert (record.state, str(record.messages[0].content)) == ("abandoned", PROMPT)


def test_enabled_says_what_a_call_here_would_be(watch: Watch) -> None:
    assert not spanglass.enabled()
    watch.install()
    assert spanglass.enabled()
    with spanglass.workflow("patents", debug=False):
        assert not spanglass.enabled()


def test_without_the_switch_only_workflows_that_ask_for_it_are_recorded(provider: FakeProvider, watch: Watch) -> None:
    spanglass.install(state_dir=watch.state_dir, tracer_provider=watch.provider, debug_workflows=["by-pattern-*"])
    call(provider)
    with spanglass.workflow("asked", id="w-1", debug=True), spanglass.step("claims", attempt=2):
        call(provider)
    with spanglass.workflow("by-pattern-7", id="w-2"):
        call(provider)
    with spanglass.workflow("other"):
        call(provider)
    watch.gen_ai_spans()
    found = sorted((r.workflow_id, r.step_name, r.step_attempt) for r in records_in(watch.state_dir))
    assert found == [("w-1", "claims", 2), ("w-2", None, None)]


def test_suppressed_instrumentation_is_respected(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    with suppress_instrumentation():
        call(provider)
    assert watch.gen_ai_spans() == []


@pytest.mark.parametrize("tracers", [TracerProvider(sampler=ALWAYS_OFF), NoOpTracerProvider()])
def test_sampling_does_not_decide_about_payloads(provider: FakeProvider, watch: Watch, tracers: Any) -> None:
    spanglass.install(enabled=True, state_dir=watch.state_dir, tracer_provider=tracers)
    call(provider)
    call(provider)
    spanglass.flush()
    first, second = records_in(watch.state_dir)
    assert first.state == second.state == "done"
    assert first.span_id != second.span_id


def test_the_call_is_a_child_of_the_programs_span(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    with watch.provider.get_tracer("app").start_as_current_span("invoke_agent") as parent:
        parent.set_attribute("gen_ai.operation.name", "invoke_agent")
        call(provider)
    span, agent = watch.gen_ai_spans()
    context = agent.get_span_context()
    assert context is not None
    record = fetch(span)
    assert record.parent_span_id == format_span_id(context.span_id)
    assert record.trace_id == format_trace_id(context.trace_id)


def test_the_span_of_another_instrumentation_is_adopted(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    attributes = {"gen_ai.operation.name": "chat"}
    tracer = watch.provider.get_tracer("vendor")
    with tracer.start_as_current_span("theirs", kind=SpanKind.CLIENT, attributes=attributes):
        call(provider)
    (span,) = watch.gen_ai_spans()
    record = fetch(span)
    assert (span.name, (span.attributes or {})["spanglass.ref"]) == ("theirs", record.ref)
    assert record.state == "done"
