from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import (
    ConcurrentMultiSpanProcessor,
    ReadableSpan,
    SpanLimits,
    SpanProcessor,
    SynchronousMultiSpanProcessor,
    TracerProvider,
)
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from redact.shapes import SHAPES
from spanglass import guard
from spanglass.redact import FAILED, REDACTED, Redactor
from spanglass.redact.processor import RedactingSpanProcessor, protects

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = SHAPES[0].make()
LINKED = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1))
TRACE = (
    "Traceback (most recent call last):\n"
    '  File "a.py", line 1, in f\n'
    "    call(api_key='abc')\n"
    f"ValueError: bad key {KEY}\n"
)


class _Pipeline:
    """A provider with an exporter, and where the redacting processor stands in its order."""

    def __init__(self, order: str = "before", redactor: Redactor | None = None, **options: Any) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False, **options)
        processors: list[SpanProcessor] = [SimpleSpanProcessor(self.exporter)]
        processors.insert(
            0 if order == "before" else 1, RedactingSpanProcessor(Redactor() if redactor is None else redactor)
        )
        for processor in processors:
            self.provider.add_span_processor(processor)

    def start(self, name: str, **options: Any) -> Any:
        return self.provider.get_tracer("test").start_span(name, context=Context(), **options)

    @property
    def ended(self) -> ReadableSpan:
        (span,) = self.exporter.get_finished_spans()
        return span


@pytest.fixture(params=["before", "after"])
def pipeline(request: pytest.FixtureRequest) -> Iterator[_Pipeline]:
    made = _Pipeline(request.param)
    yield made
    made.provider.shutdown()


def _shown(span: ReadableSpan) -> str:
    """All texts of a span; its own `to_json` cannot show bytes."""
    holders: list[Any] = [span, *span.events, *span.links]
    attributes = [dict(holder.attributes or {}) for holder in holders]
    return repr((span.name, span.status.description, [event.name for event in span.events], attributes))


def _end_dirty_span(pipeline: _Pipeline) -> ReadableSpan:
    span = pipeline.start(f"call {KEY}", links=[Link(LINKED, {"note": KEY})])
    span.set_attribute("authorization", "opaque")
    span.set_attribute("note", f"a {KEY}")
    span.set_attribute("gen_ai.usage.input_tokens", 7)
    span.set_attribute("list", ["a", KEY])
    span.set_attribute("map", {"api_key": "x", "n": [{"b": KEY}]})
    span.set_attribute(f"name {KEY}", 1)
    span.set_attribute("raw", KEY.encode())
    span.add_event(f"event {KEY}", {"password": "x", "index": 1}, timestamp=5)
    span.add_event("exception", {"exception.message": f"bad key {KEY}", "exception.stacktrace": TRACE}, timestamp=6)
    span.set_status(Status(StatusCode.ERROR, f"ValueError: {KEY}"))
    span.end()
    return pipeline.ended


def test_everything_on_a_span_is_masked_for_every_exporter_whatever_the_order(pipeline: _Pipeline) -> None:
    ended = _end_dirty_span(pipeline)
    assert (ended.name, dict(ended.attributes or {})) == (
        f"call {REDACTED}",
        {
            "authorization": REDACTED,
            "note": f"a {REDACTED}",
            "gen_ai.usage.input_tokens": 7,
            "list": ("a", REDACTED),
            "map": {"api_key": REDACTED, "n": ({"b": REDACTED},)},
            f"name {REDACTED}": 1,
            "raw": REDACTED.encode(),
        },
    )
    assert [(event.name, dict(event.attributes or {}), event.timestamp) for event in ended.events] == [
        (f"event {REDACTED}", {"password": REDACTED, "index": 1}, 5),
        (
            "exception",
            {
                "exception.message": f"bad key {REDACTED}",
                "exception.stacktrace": TRACE.replace(KEY, REDACTED).replace("abc", REDACTED),
            },
            6,
        ),
    ]
    assert [(link.context, dict(link.attributes or {})) for link in ended.links] == [(LINKED, {"note": REDACTED})]
    assert (ended.status.status_code, ended.status.description) == (StatusCode.ERROR, f"ValueError: {REDACTED}")


def test_a_recorded_exception_is_masked_with_its_stack_trace(pipeline: _Pipeline) -> None:
    def call() -> None:
        with pipeline.start("call"):
            message = f"bad key {KEY}"
            raise ValueError(message)

    with pytest.raises(ValueError, match="bad"):
        call()
    assert KEY not in pipeline.ended.to_json()
    assert f"ValueError: bad key {REDACTED}" in pipeline.ended.to_json()


def test_a_clean_span_keeps_its_own_objects(pipeline: _Pipeline) -> None:
    span = pipeline.start("call", links=[Link(LINKED, {"a": "b"})])
    span.set_attribute("gen_ai.request.max_tokens", 5)
    span.add_event("e", {"a": "b"})
    attributes, event = span._attributes, span._events[0]._attributes
    span.end()
    ended = pipeline.ended
    assert (ended._attributes is attributes, ended.events[0]._attributes is event) == (True, True)
    assert ended.resource is pipeline.provider.resource


def test_counts_of_what_was_dropped_are_kept() -> None:
    pipeline = _Pipeline(span_limits=SpanLimits(max_span_attributes=2, max_events=2, max_span_attribute_length=8))
    span = pipeline.start("call")
    for number in range(4):
        span.set_attribute(f"a{number}", number)
        span.add_event(f"{number} {KEY}")
    span.set_attribute("password", "abc")
    span.end()
    ended = pipeline.ended
    assert (ended.dropped_attributes, ended.dropped_events) == (3, 2)
    assert dict(ended.attributes or {}) == {"a3": 3, "password": REDACTED}
    assert [event.name for event in ended.events] == [f"2 {REDACTED}", f"3 {REDACTED}"]


def test_a_resource_with_a_credential_is_masked_on_spans_and_not_changed_itself(pipeline: _Pipeline) -> None:
    resource = Resource({"service.name": "s", "process.command_args": ["run", "--api-key", "abc"], "note": KEY}, "url")
    pipeline.provider._resource = resource
    for name in ("a", "b"):
        pipeline.start(name).end()
    first, second = pipeline.exporter.get_finished_spans()
    assert dict(first.resource.attributes) == {
        "service.name": "s",
        "process.command_args": ("run", "--api-key", REDACTED),
        "note": REDACTED,
    }
    assert (first.resource is second.resource, first.resource.schema_url) == (True, "url")
    assert resource.attributes["note"] == KEY


def test_spans_ended_by_other_tracers_and_before_us_are_masked() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    early = provider.get_tracer("other vendor").start_span("early", attributes={"gen_ai.prompt": KEY})
    provider.add_span_processor(RedactingSpanProcessor(Redactor()))
    early.end()
    assert KEY not in exporter.get_finished_spans()[0].to_json()


def test_a_fault_of_ours_costs_the_spans_content_and_reaches_no_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(guard, "reraise", False)
    redactor = Redactor()
    monkeypatch.setattr(redactor, "is_clean", lambda *_: 1 / 0)
    pipeline = _Pipeline("after", redactor)
    with caplog.at_level(logging.ERROR, "spanglass"):
        ended = _end_dirty_span(pipeline)
    assert (ended.name, dict(ended.attributes or {}), ended.events, ended.links) == (
        FAILED,
        {"spanglass.redacted": FAILED},
        (),
        (),
    )
    assert (ended.status.status_code, ended.status.description) == (StatusCode.ERROR, FAILED)
    assert guard.faults() == {"redact.span": 1}
    assert (len(caplog.records), KEY in caplog.text) == (1, False)


def test_a_users_rule_sees_every_text_of_a_span() -> None:
    pipeline = _Pipeline("after", Redactor(rules=[lambda text: text.replace("Ada", "<name>")]))
    span = pipeline.start("call Ada", attributes={"a": "Ada", "n": 1})
    span.add_event("Ada", {"b": ["Ada"]})
    span.end()
    ended = pipeline.ended
    assert (ended.name, dict(ended.attributes or {})) == ("call <name>", {"a": "<name>", "n": 1})
    assert [(event.name, dict(event.attributes or {})) for event in ended.events] == [("<name>", {"b": ("<name>",)})]


class _Deaf(SynchronousMultiSpanProcessor):
    """A multi-processor that does not know of `_on_ending`, like an older one or another vendor's."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped

    def _on_ending(self, span: Any) -> None:
        pass


def test_without_the_hook_later_exporters_are_protected_and_the_self_test_tells() -> None:
    pipeline = _Pipeline("before", active_span_processor=_Deaf())
    _end_dirty_span(pipeline)
    assert KEY not in _shown(pipeline.ended)
    assert protects(pipeline.provider) is False


@pytest.mark.parametrize("make", [SynchronousMultiSpanProcessor, ConcurrentMultiSpanProcessor])
@pytest.mark.parametrize("order", ["before", "after"])
def test_the_self_test_passes_and_leaves_no_trace(make: Any, order: str) -> None:
    multi = make()
    pipeline = _Pipeline(order, active_span_processor=multi)
    assert protects(pipeline.provider) is True
    assert pipeline.exporter.get_finished_spans() == ()
    assert len(multi._span_processors) == 2
    _end_dirty_span(pipeline)
    assert KEY not in _shown(pipeline.ended)
    pipeline.provider.shutdown()
    if make is ConcurrentMultiSpanProcessor:
        multi._executor.shutdown()


def test_the_self_test_fails_where_nothing_protects() -> None:
    class _Broken(RedactingSpanProcessor):
        def _mask(self, span: ReadableSpan) -> None:
            pass

    assert protects(object()) is False
    assert protects(TracerProvider(shutdown_on_exit=False)) is False
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(_Broken(Redactor()))
    assert protects(provider) is False


def test_a_self_test_that_cannot_run_is_a_failed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "reraise", False)
    pipeline = _Pipeline()
    monkeypatch.setattr(TracerProvider, "get_tracer", lambda *_: 1 / 0)
    assert protects(pipeline.provider) is False
    assert guard.faults() == {"redact.protects": 1}
