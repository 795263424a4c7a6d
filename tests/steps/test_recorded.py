"""What is recorded of a context: on its span, in its record, and what readers show of it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import openai
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    format_span_id,
    get_current_span,
    use_span,
)

import spanglass
from capture.watch import records_in
from spanglass import add_trace_step, current_context, error_context, measure_trace_step
from spanglass.cli import main
from spanglass.timeline import MARKER
from steps.trace_text import notes_of, steady

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

    from capture.watch import Watch
    from fake_provider import FakeProvider
    from spanglass.model.record import Record

SECRET = "sk-proj-Zt5mQ1wX8cV3nB7kJ2hG6fD9sA4pL0yR"  # planted


def spans(watch: Watch) -> dict[str, ReadableSpan]:
    assert spanglass.flush(20)
    return {span.name: span for span in watch.exporter.get_finished_spans()}


def span_id_of(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    return format_span_id(context.span_id)


def record_of(span: ReadableSpan) -> Record:
    return spanglass.fetch(span_id_of(span))


def steps_of(record: Record) -> list[tuple[str, dict[str, Any], bool]]:
    return [(step.step_name, step.data, step.duration_ns is not None) for step in record.steps]


def step_events(span: ReadableSpan) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = [
        dict(event.attributes or {}) for event in span.events if event.name == "spanglass.step"
    ]
    for event in events:
        if "duration_ms" in event:
            event["duration_ms"] = ...
    return events


def test_without_a_current_span_an_operation_has_one_of_its_own(watch: Watch) -> None:
    with error_context("answer", question="Which train?") as context:
        inside = get_current_span().get_span_context().span_id
        context.add_step("think", thought="trains")
        with context.measure("find", origin="Oslo") as step:
            step.result = 2
    span = spans(watch)["answer"]
    record = record_of(span)
    assert span.kind is SpanKind.INTERNAL
    assert format_span_id(inside) == context.span_id == record.span_id
    assert dict(span.attributes or {}) == {
        "spanglass.operation": "answer",
        "spanglass.correlation_id": context.correlation_id,
        "spanglass.inputs": '{"question":"Which train?"}',
        "spanglass.ref": record.ref,
        "spanglass.steps": 2,
        "spanglass.state": "done",
    }
    assert step_events(span) == [
        {"step_name": "think", "index": 0, "data": '{"thought":"trains"}'},
        {"step_name": "find", "index": 1, "duration_ms": ..., "data": '{"origin":"Oslo","result":2}'},
    ]
    assert steps_of(record) == [
        ("think", {"thought": "trains"}, False),
        ("find", {"origin": "Oslo", "result": 2}, True),
    ]
    assert (record.name, record.format, record.state, record.complete) == ("answer", "steps", "done", True)
    assert record.started_at == span.start_time
    assert record.ended_at == span.end_time
    assert record.steps[0].timestamp >= record.started_at


def test_the_current_span_takes_the_steps_and_keeps_the_rest(watch: Watch) -> None:
    tracer = watch.provider.get_tracer("host")
    with tracer.start_as_current_span("handle", kind=SpanKind.SERVER, attributes={"http.route": "/"}) as span:
        with pytest.raises(KeyError), error_context("answer") as context:
            assert get_current_span() is span
            context.add_step("think")
            raise KeyError("no")
        assert span.is_recording()
    handled = spans(watch)["handle"]
    record = record_of(handled)
    assert list(spans(watch)) == ["handle"]
    assert (handled.kind, handled.status.status_code) == (SpanKind.SERVER, StatusCode.UNSET)
    assert dict(handled.attributes or {})["http.route"] == "/"
    assert step_events(handled) == [{"step_name": "think", "index": 0}]
    assert (record.name, record.state, steps_of(record)) == ("handle", "error", [("think", {}, False)])
    assert record.error is not None
    assert (record.error.type, context.span_id) == ("KeyError", record.span_id)


def test_a_span_has_the_steps_of_one_context_only(watch: Watch) -> None:
    with watch.provider.get_tracer("host").start_as_current_span("handle"):
        with error_context("first") as first:
            first.add_step("one")
            with error_context("inside") as inside:
                inside.add_step("two")
        with error_context("second") as second:
            second.add_step("three")
    found = spans(watch)
    assert {name: [event["step_name"] for event in step_events(span)] for name, span in found.items()} == {
        "handle": ["one"],
        "inside": ["two"],
        "second": ["three"],
    }
    assert {record_of(found[name]).parent_span_id for name in ("inside", "second")} == {span_id_of(found["handle"])}


def test_a_span_of_an_agent_keeps_what_it_says_of_itself(watch: Watch) -> None:
    attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "openai"}
    tracer = watch.provider.get_tracer("host")
    with tracer.start_as_current_span("invoke_agent a", attributes=attributes), error_context("answer") as context:
        context.add_step("think")
    record = record_of(spans(watch)["invoke_agent a"])
    assert (record.format, record.operation, record.provider, record.state) == (
        "envelope",
        "invoke_agent",
        "openai",
        "done",
    )
    assert steps_of(record) == [("think", {}, False)]


def test_the_steps_of_a_context_that_is_not_entered_go_to_the_current_span(watch: Watch) -> None:
    with watch.provider.get_tracer("host").start_as_current_span("handle"):
        context = add_trace_step(error_context("answer", question="Q"), "think", {"about": "trains"})
        context, _ = measure_trace_step(context, "find", None, lambda: 3)
        for number in range(100):
            context.add_step(f"step {number}")
        other = add_trace_step(error_context("other"), "elsewhere")
    span = spans(watch)["handle"]
    record = record_of(span)
    assert [event["step_name"] for event in step_events(span)][:3] == ["think", "find", "step 0"]
    assert len(span.events) < 30
    assert dict(span.attributes or {})["spanglass.steps"] == 102
    assert (record.name, record.state, len(record.steps)) == ("handle", "done", 102)
    assert steps_of(record)[:2] == [("think", {"about": "trains"}, False), ("find", {"result": 3}, True)]
    assert (other.span_id, other.trail.count) == (None, 1)


def test_a_context_that_goes_on_after_its_end_adds_to_its_record(watch: Watch) -> None:
    context = error_context("answer")
    for name in ("first", "second"):
        with context:
            context.add_step(name)
    context.add_step("third")
    span = spans(watch)["answer"]
    assert [event["step_name"] for event in step_events(span)] == ["first"]
    assert [step.step_name for step in record_of(span).steps] == ["first", "second", "third"]


class UnreadableSpan(NonRecordingSpan):
    """A span as other vendors may have them: it records, and cannot be read."""

    def is_recording(self) -> bool:
        return True


def test_a_span_that_cannot_be_read_is_left_alone(watch: Watch) -> None:
    with use_span(UnreadableSpan(SpanContext(1, 2, is_remote=False))), error_context("answer") as context:
        context.add_step("think")
    (record,) = records_in(watch.state_dir)
    assert (record.name, record.span_id, record.parent_span_id) == ("answer", context.span_id, f"{2:016x}")


async def test_a_context_that_is_left_in_another_task_disturbs_neither(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    context = error_context("answer")
    context.__enter__()
    inside = get_current_span()

    async def leave() -> None:
        context.__exit__(None, None, None)
        assert get_current_span() is not inside

    await asyncio.create_task(leave())
    assert get_current_span() is inside
    assert caplog.text == ""
    assert record_of(spans(watch)["answer"]).state == "done"


def test_without_an_sdk_and_for_a_trace_that_is_not_sampled_the_record_is_there(tmp_path: Path) -> None:
    for name, provider in (("none", None), ("unsampled", TracerProvider(sampler=ALWAYS_OFF))):
        spanglass.install(enabled=True, state_dir=tmp_path / name, tracer_provider=provider)
        with error_context("answer") as context:
            context.add_step("think")
        spanglass.uninstall()
        assert [(record.name, record.state, steps_of(record)) for record in records_in(tmp_path / name)] == [
            ("answer", "done", [("think", {}, False)])
        ]


def test_where_nothing_is_captured_nothing_is_recorded(watch: Watch) -> None:
    with spanglass.workflow("quiet", debug=False), error_context("answer") as context:
        context.add_step("think")
    assert (context.span_id, spans(watch)) == (None, {})
    assert not (watch.state_dir / "journal").exists()


def test_the_states_of_an_operation(watch: Watch) -> None:
    for name, error in (("fails", ValueError("no")), ("stops", KeyboardInterrupt()), ("exits", SystemExit(0))):
        with pytest.raises(type(error)), error_context(name):
            raise error
    with error_context("lasts"):
        assert spanglass.flush(20)
        lasting = {record.name: record for record in records_in(watch.state_dir)}["lasts"]
    found = spans(watch)
    assert {name: record_of(span).state for name, span in found.items()} == {
        "fails": "error",
        "stops": "cancelled",
        "exits": "done",
        "lasts": "done",
    }
    assert (lasting.state, lasting.ended_at, lasting.complete) == ("started", None, False)
    assert (found["fails"].status.status_code, found["fails"].status.description) == (StatusCode.ERROR, "no")
    assert {name: span.status.status_code for name, span in found.items() if name != "fails"} == dict.fromkeys(
        ("stops", "exits", "lasts"), StatusCode.UNSET
    )
    assert [event.name for event in found["fails"].events] == ["exception"]


def ask(provider: FakeProvider, words: str) -> str | None:
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key=SECRET) as client:
        messages: Any = [{"role": "user", "content": words}]
        return client.chat.completions.create(model="gpt-4o-mini", messages=messages).choices[0].message.content


def test_calls_are_named_by_the_step_that_they_are_made_in(watch: Watch, provider: FakeProvider) -> None:
    with pytest.raises(ValueError, match="no") as failed, error_context("answer") as context:
        with context.measure("think"):
            ask(provider, "one")
            with context.measure("deeper"):
                ask(provider, "two")
        ask(provider, "three")
        raise ValueError("no")
    assert spanglass.flush(20)
    asked = {str(r.messages[0].content): r.span_id for r in records_in(watch.state_dir) if r.messages}
    lines = [line.strip() for line in notes_of(failed.value)[0].splitlines() if "llm call" in line]
    assert [line.split("llm call ")[1] for line in lines] == [
        f"chat gpt-4o-mini: spanglass show {asked['one']}",
        f"chat gpt-4o-mini: spanglass show {asked['two']}",
        f"chat gpt-4o-mini: spanglass show {asked['three']} {MARKER}",
    ]
    record = record_of(spans(watch)["answer"])
    assert steps_of(record) == [
        ("think", {"llm_calls": [{"span_id": asked["one"], "name": "chat gpt-4o-mini"}]}, True),
        ("deeper", {"llm_calls": [{"span_id": asked["two"], "name": "chat gpt-4o-mini"}]}, True),
    ]


def test_a_span_that_a_context_and_a_call_both_take_has_what_both_say(watch: Watch, provider: FakeProvider) -> None:
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"}
    tracer = watch.provider.get_tracer("host")
    with tracer.start_as_current_span("chat", kind=SpanKind.CLIENT, attributes=attributes):
        with error_context("answer", question="Q") as context, context.measure("think"):
            ask(provider, "one")
        context.add_step("after")
    (span,) = spans(watch).values()
    record = record_of(span)
    assert [step.step_name for step in record.steps] == ["think", "after"]
    assert record.steps[0].data["llm_calls"] == [{"span_id": record.span_id, "name": "chat"}]
    assert (record.format, record.state, len(record.attempts)) == ("openai_chat", "done", 1)
    assert [event["step_name"] for event in step_events(span)] == ["think", "after"]
    assert {event.name for event in span.events} == {"gen_ai.message", "spanglass.attempt", "spanglass.step"}


def test_of_many_calls_in_a_step_some_are_named_and_all_are_counted(watch: Watch, provider: FakeProvider) -> None:
    with error_context("answer") as context, context.measure("ask") as step:
        for number in range(12):
            ask(provider, str(number))
    assert step.entry is not None
    assert step.entry.calls is not None
    assert [line[:8] for line in step.entry.calls.lines()] == ["llm call"] * 4 + ["… 4 more"] + ["llm call"] * 4
    (recorded,) = record_of(spans(watch)["answer"]).steps
    assert (len(recorded.data["llm_calls"]), recorded.data["llm_call_count"]) == (8, 12)


def test_a_call_made_nowhere_is_heard_by_nobody(watch: Watch, provider: FakeProvider) -> None:
    with error_context("answer") as context:
        pass
    ask(provider, "outside")
    assert context.trail.count == 0


def test_large_data_is_whole_in_the_record_and_short_on_the_span(watch: Watch) -> None:
    prompt = "word " * 40_000
    with error_context("answer", prompt=prompt) as context:
        context.add_step("think", prompt=prompt, note="short")
    span = spans(watch)["answer"]
    assert record_of(span).steps[0].data == {"prompt": prompt, "note": "short"}
    (event,) = step_events(span)
    assert json.loads(event["data"])["note"] == "short"
    assert len(event["data"]) < 1000
    assert len(str(dict(span.attributes or {})["spanglass.inputs"])) < 1000


def test_data_over_the_bound_of_a_body_is_shortened_and_says_so(tmp_path: Path) -> None:
    spanglass.install(enabled=True, state_dir=tmp_path, max_body_bytes=5000)
    with error_context("answer") as context:
        context.add_step("think", prompt="x" * 10_000, note="short")
    spanglass.uninstall()
    (record,) = records_in(tmp_path)
    data = record.steps[0].data
    assert data["note"] == "short"
    assert data["prompt"].endswith("more characters")
    assert data["spanglass.missing"].endswith("are over SPANGLASS_MAX_BODY_BYTES=5000; the values are shortened")


@pytest.mark.parametrize("shared", [False, True], ids=["own span", "current span"])
def test_the_events_of_many_steps_are_bounded_and_the_others_counted(watch: Watch, shared: bool) -> None:  # noqa: FBT001
    tracer = watch.provider.get_tracer("host")
    with tracer.start_as_current_span("answer") if shared else nullcontext(), error_context("answer") as context:
        for number in range(500):
            context.add_step(f"step {number}")
    span = spans(watch)["answer"]
    shown = [event["index"] for event in step_events(span)]
    (elided,) = (dict(event.attributes or {}) for event in span.events if event.name == "spanglass.steps.elided")
    assert span.dropped_events == 0
    assert len(span.events) <= 100
    assert (shown[0], shown[-1]) == (0, 499)
    assert len(shown) + int(str(elided["count"])) == 500
    assert {*shown, *range(int(str(elided["first_index"])), int(str(elided["last_index"])) + 1)} == set(range(500))
    assert len(record_of(span).steps) == 500


@pytest.mark.parametrize(("content", "has_data"), [("none", False), ("preview", True), ("full", True)])
def test_how_much_goes_on_the_span_is_the_settings_business(tmp_path: Path, content: str, has_data: bool) -> None:  # noqa: FBT001
    from capture.watch import Watch

    watch = Watch(tmp_path)
    watch.install(span_content=content)
    with error_context("answer", prompt="hi") as context:
        context.add_breadcrumb("crumb")
        context.add_step("think", prompt="word " * 1000)
    span = spans(watch)["answer"]
    (event,) = step_events(span)
    attributes = dict(span.attributes or {})
    assert ("data" in event, "spanglass.inputs" in attributes, "spanglass.breadcrumbs" in attributes) == (has_data,) * 3
    assert (len(event.get("data", "")) > 1000) == (content == "full")
    assert record_of(span).steps[0].data == {"prompt": "word " * 1000}
    spanglass.uninstall()


def test_no_secret_reaches_note_span_store_or_log(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    context = error_context(f"answer {SECRET}", api_key="hunter2-unlike-any-shape", text=f"Bearer {SECRET}")
    with pytest.raises(ValueError, match="sk-") as failed, context:
        context.add_breadcrumb(f"crumb {SECRET}", key=SECRET)
        context.add_metadata(more=SECRET)
        context.add_step(f"step {SECRET}", headers={"authorization": "hunter3-unlike"}, long="x " * 72 + SECRET)
        with error_context(f"inside {SECRET}"), context.measure("measured", password="hunter4-unlike") as step:
            step.add(cookie="hunter5-unlike")
            step.result = SECRET
            raise ValueError(SECRET)
    found = spans(watch)
    told = "\n".join(
        [
            *notes_of(failed.value),
            spanglass.format_trace(context),
            *(str(span.to_json()) for span in found.values()),
            *(json.dumps(record.to_dict()) for record in records_in(watch.state_dir)),
            caplog.text,
        ]
    )
    spanglass.uninstall()
    for secret in (SECRET, SECRET[:20], "hunter"):
        assert secret not in told
        assert secret.encode() not in watch.files()
    assert told.count("[REDACTED]") > 20
    assert next(record for record in records_in(watch.state_dir) if record.steps).redactions > 5


def test_a_context_that_outlives_the_installation_goes_on_in_memory(watch: Watch) -> None:
    with error_context("answer") as context:
        spanglass.uninstall()
        context.add_step("after")
    assert [entry.name for entry in context.trail.entries()] == ["after"]


def test_a_fault_of_ours_takes_nothing_from_the_host(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    from spanglass import guard
    from spanglass.steps import destination, snapshot

    def broken(*_: object, **__: object) -> Any:
        message = "a fault of ours"
        raise RuntimeError(message)

    monkeypatch.setattr(guard, "reraise", False)
    monkeypatch.setattr(destination.Destination, "record_step", broken)
    monkeypatch.setattr(destination.Destination, "finish", broken)
    monkeypatch.setattr(snapshot, "encode", broken)
    with pytest.raises(KeyError, match="theirs") as failed, error_context("answer", a=1) as context:
        context.add_step("think", b=2)
        context.add_breadcrumb("crumb", c=3)
        context.add_metadata(d=4)
        with context.measure("measured", e=5) as step:
            step.add(f=6)
            step.result = 7
        raise KeyError("theirs")
    assert failed.value.args == ("theirs",)
    assert sum(guard.faults().values()) > 5
    assert isinstance(spanglass.format_trace(context), str)


KILLED = """
import os, sys
import spanglass
spanglass.install(enabled=True, state_dir=sys.argv[1])
with spanglass.error_context("answer", question="Q") as context:
    context.add_step("think", thought="T")
    with context.measure("run the model", prompt="P"):
        os.kill(os.getpid(), 9)
"""


def test_a_process_that_dies_in_a_step_tells_of_it(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, timeout=60)
    (record,) = records_in(tmp_path)
    assert (done.returncode, record.name, record.state) == (-9, "answer", "killed")
    assert steps_of(record) == [("think", {"thought": "T"}, False), ("run the model", {"prompt": "P"}, False)]


def test_a_forked_child_leaves_the_parents_record_alone(watch: Watch) -> None:
    with error_context("answer") as context:
        context.add_step("before")
        child = os.fork()
        if child == 0:  # pragma: no cover - the child
            try:
                context.add_step("in the child")
                context.__exit__(None, None, None)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        context.add_step("after")
    record = record_of(spans(watch)["answer"])
    assert ([step.step_name for step in record.steps], record.state) == (["before", "after"], "done")


@pytest.fixture
def shown(watch: Watch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(*arguments: str) -> str:
        assert spanglass.flush(20)
        assert main([*arguments, "--state-dir", str(watch.state_dir)]) == 0
        return steady(capsys.readouterr().out)

    return run


def test_the_commands_show_the_steps(shown: Callable[..., str], provider: FakeProvider) -> None:
    with pytest.raises(ValueError, match="no"), error_context("answer", question="Which?") as context:
        context.add_breadcrumb("cache miss")
        with context.measure("think", about="trains"):
            ask(provider, "one")
        with error_context("inside"):
            current = current_context()
            assert current is not None
            current.add_step("deep")
            raise ValueError("no")
    span_id = str(context.span_id)
    trace = [
        "Execution trace",
        "  operation:      answer",
        "  span:           <id>  trace <id>",
        "  state:          error, ValueError: no",
        "  correlation id: <id>",
        '  inputs:         question: "Which?"',
        "  breadcrumbs:    cache miss",
        '[ms] think  | duration: ms | about: "trains"',
        "           llm call chat gpt-4o-mini: spanglass show <id>",
        "[ms] inside | duration: ms | steps: 1 | error: ValueError: no",
        f"[ms]   deep {MARKER}",
    ]
    assert shown("steps", span_id).splitlines() == trace
    assert shown("steps").splitlines() == trace
    page = shown("show", span_id)
    assert "STEPS   1 step" in page
    assert '    [ms] think | duration: ms | about: "trains"\n' in page
    assert "CONTEXT WINDOW" not in page
    tree = [line.split("  ")[0] or line.strip().split("  ")[0] for line in shown("trace", span_id).splitlines()[4:]]
    assert tree == ["answer", "- think", "chat gpt-4o-mini", "inside", "- deep"]
