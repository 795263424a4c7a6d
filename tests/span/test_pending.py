from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagate import inject
from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor, SpanProcessor, TracerProvider, sampling
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags

from spanglass import guard
from spanglass.redact import Redactor
from spanglass.redact.processor import RedactingSpanProcessor
from spanglass.span.attributes import Begun
from spanglass.span.late import Backlog, Event, Said
from spanglass.span.maker import Maker
from spanglass.span.pending import PendingSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Span

SAID = Said({"mine": 1}, [Event("gen_ai.message", {"content": "x"}, 5)])
BEGUN = Begun("chat", model="m")
NOW = 1_700_000_000_000_000_000


def as_they_are(several: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    return several


class Pipeline:
    """A provider as an application has it, ours in front, and what it exports."""

    def __init__(self, processor: Any = BatchSpanProcessor, **options: Any) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(**options)
        self.backlog = Backlog()
        self.ours = RedactingSpanProcessor(Redactor(), None, self.backlog.say_all)
        self.provider.add_span_processor(self.ours)
        self.provider.add_span_processor(processor(self.exporter))
        self.maker = Maker(self.provider.get_tracer("spanglass"), as_they_are)

    def make(self, context: Context | None = None, *sayings: Callable[[], Said]) -> Span:
        context = Context() if context is None else context
        around = trace.get_current_span(context).get_span_context()
        return self.maker.make(NOW, context, around if around.is_valid else None, BEGUN, lambda: sayings)

    def exported(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def shut_down(self) -> None:
        provider: Any = self.provider
        provider.shutdown()


def around(*, sampled: bool = True, remote: bool = False) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    span = NonRecordingSpan(SpanContext(0xABC, 0xDEF, is_remote=remote, trace_flags=flags))
    return trace.set_span_in_context(span, Context())


def finished(pipeline: Pipeline, span: Span) -> ReadableSpan:
    """What comes out of a span that says something, ends, and is flushed."""
    if isinstance(span, PendingSpan):
        span.end(NOW + 9)
        pipeline.backlog.add(span, 1)
    else:
        span.set_attributes(SAID.attributes)
        for event in SAID.events:
            span.add_event(event.name, event.attributes, event.timestamp)
        span.end(NOW + 9)
    assert pipeline.provider.force_flush()
    (exported,) = pipeline.exported()
    return exported


def told(span: ReadableSpan) -> dict[str, Any]:
    """All that a span says, but its chance ids."""
    context = span.get_span_context()
    assert context is not None
    return {
        "name": span.name,
        "kind": span.kind,
        "parent": span.parent,
        "times": (span.start_time, span.end_time),
        "attributes": dict(span.attributes or {}),
        "events": [(event.name, dict(event.attributes or {}), event.timestamp) for event in span.events],
        "status": (span.status.status_code, span.status.description),
        "resource": span.resource,
        "scope": span.instrumentation_scope,
        "flags": context.trace_flags,
        "state": context.trace_state,
        "remote": context.is_remote,
    }


@pytest.mark.parametrize("context", [Context(), around(), around(remote=True)])
def test_a_span_made_late_is_the_one_that_would_have_been_made_at_once(context: Context) -> None:
    late, at_once = Pipeline(), Pipeline(SimpleSpanProcessor, resource=None)
    pending, made = late.make(context, lambda: SAID), at_once.make(context)
    assert (type(pending), type(made) is PendingSpan) == (PendingSpan, False)
    assert told(finished(late, pending)) == told(finished(at_once, made))
    if context:
        assert pending.get_span_context().trace_id == made.get_span_context().trace_id == 0xABC


def test_its_ids_are_settled_when_it_begins() -> None:
    pipeline = Pipeline()
    span = pipeline.make()
    assert isinstance(span, PendingSpan)
    before = span.get_span_context()
    exported = finished(pipeline, span)
    assert exported.get_span_context() == before == span.get_span_context()
    assert (span.trace_id, span.span_id) == (before.trace_id, before.span_id)


def test_what_is_begun_below_it_is_its_child_and_its_ids_travel_in_headers() -> None:
    pipeline = Pipeline()
    span = pipeline.make(around())
    context = trace.set_span_in_context(span, Context())
    child: Any = pipeline.provider.get_tracer("http").start_span("POST", context)
    headers: dict[str, str] = {}
    inject(headers, context)
    assert (child.parent, child.context.trace_id) == (span.get_span_context(), 0xABC)
    assert headers["traceparent"].split("-")[2] == trace.format_span_id(span.get_span_context().span_id)
    child.end()
    assert pipeline.provider.force_flush()
    assert [each.name for each in pipeline.exported()] == ["POST"]


def test_whoever_touches_it_has_it_made_at_once() -> None:
    error = ValueError("no")
    touches: list[Callable[[Any], Any]] = [
        lambda span: span.set_attribute("theirs", 1),
        lambda span: span.set_attributes({"theirs": 1}),
        lambda span: span.add_event("theirs", {"a": 1}, 3),
        lambda span: span.add_link(SpanContext(1, 2, is_remote=True)),
        lambda span: span.set_status(Status(StatusCode.ERROR, "bad")),
        lambda span: span.record_exception(error, {"a": 1}),
        lambda span: span.attributes,
        lambda span: span.resource,
    ]
    for touch in touches:
        pipeline = Pipeline()
        span: Any = pipeline.make(None, lambda: SAID)
        touch(span)
        assert type(span._made).__name__ == "_Span"
        span.add(lambda: Said({"more": 2}), last=True)
        span.end(NOW + 9)
        pipeline.backlog.add(span, 1)
        pipeline.provider.force_flush()
        (exported,) = pipeline.exported()
        attributes = dict(exported.attributes or {})
        assert (attributes.pop("mine"), attributes.pop("more"), exported.end_time) == (1, 2, NOW + 9)
        assert exported.get_span_context() == span.get_span_context()


def test_a_block_around_it_records_the_exception_that_leaves_it() -> None:
    pipeline = Pipeline()
    with pytest.raises(ZeroDivisionError), pipeline.make():
        _ = 1 / 0
    pipeline.provider.force_flush()
    (exported,) = pipeline.exported()
    assert exported.status.description == "ZeroDivisionError: division by zero"


def test_it_can_be_renamed_and_ends_once() -> None:
    pipeline = Pipeline()
    span = pipeline.make()
    span.update_name("chat other")
    span.end(NOW + 1)
    span.end(NOW + 2)
    assert isinstance(span, PendingSpan)
    assert not span.is_recording()
    span.say()
    pipeline.provider.force_flush()
    assert [(each.name, each.end_time) for each in pipeline.exported()] == [("chat other", NOW + 1)]


def test_shutting_the_provider_down_exports_what_is_pending() -> None:
    pipeline = Pipeline()
    span: Any = pipeline.make()
    span.end(NOW + 1)
    pipeline.backlog.add(span, 1)
    pipeline.shut_down()
    assert len(pipeline.exported()) == 1


class _Own(SpanProcessor):
    def __init__(self, exporter: Any) -> None:
        self.inner = BatchSpanProcessor(exporter)

    def on_end(self, span: ReadableSpan) -> None:
        self.inner.on_end(span)

    def shutdown(self) -> None:
        self.inner.shutdown()  # type: ignore[no-untyped-call]


class _Curious(sampling.Sampler):
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def should_sample(self, *_args: Any, **_kwargs: Any) -> sampling.SamplingResult:
        self.seen.append(_args[4])
        return sampling.SamplingResult(sampling.Decision.RECORD_AND_SAMPLE)

    def get_description(self) -> str:
        return "curious"


def test_a_span_is_made_at_once_where_somebody_may_hear_of_it_before_a_batch_is_exported() -> None:
    curious = _Curious()
    pipelines = [
        Pipeline(SimpleSpanProcessor),
        Pipeline(_Own),
        Pipeline(lambda exporter: BatchSpanProcessor(exporter, max_queue_size=2047)),
        Pipeline(active_span_processor=ConcurrentMultiSpanProcessor()),
        Pipeline(sampler=curious),
    ]
    for pipeline in pipelines:
        assert not isinstance(pipeline.make(), PendingSpan)
        pipeline.shut_down()
    assert curious.seen == [BEGUN.attributes()]


def test_a_processor_that_comes_later_is_noticed() -> None:
    pipeline = Pipeline()
    assert isinstance(pipeline.make(), PendingSpan)
    pipeline.provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
    assert not isinstance(pipeline.make(), PendingSpan)


def test_ours_must_come_before_those_that_export() -> None:
    provider, backlog = TracerProvider(), Backlog()
    provider.add_span_processor(BatchSpanProcessor(InMemorySpanExporter()))
    provider.add_span_processor(RedactingSpanProcessor(Redactor(), None, backlog.say_all))
    maker = Maker(provider.get_tracer("spanglass"), as_they_are)
    assert not isinstance(maker.make(NOW, Context(), None, BEGUN, tuple), PendingSpan)


def test_what_is_not_sampled_is_no_pending_span() -> None:
    never = Pipeline(sampler=sampling.ALWAYS_OFF)
    assert not never.make().is_recording()
    by_parent = Pipeline(sampler=sampling.ParentBased(sampling.ALWAYS_ON))
    for context, kept in [(Context(), True), (around(), True), (around(sampled=False), False)] * 2:
        assert (by_parent.make(context).is_recording(), kept) == (kept, kept)
        assert by_parent.make(context).get_span_context().trace_flags.sampled is kept


def test_a_part_of_all_is_sampled_as_by_the_sdk() -> None:
    pipeline = Pipeline(sampler=sampling.ParentBased(sampling.TraceIdRatioBased(0.5)))
    spans = [pipeline.make() for _ in range(200)]
    pending = [span for span in spans if isinstance(span, PendingSpan)]
    assert 50 < len(pending) < 150
    assert all(not span.is_recording() for span in spans if span not in pending)
    assert all(span.get_span_context().trace_id & ((1 << 64) - 1) < 1 << 63 for span in pending)


def test_a_switched_off_tracer_makes_no_pending_span() -> None:
    pipeline = Pipeline()
    tracer: Any = pipeline.maker.tracer
    tracer._is_enabled = lambda: False
    assert not pipeline.make().is_recording()


def test_a_fault_while_it_is_made_is_counted_and_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "reraise", False)
    pipeline = Pipeline()
    broken, good = (pipeline.make() for _ in range(2))
    for span in (broken, good):
        assert isinstance(span, PendingSpan)
        span.end(NOW + 1)
        pipeline.backlog.add(span, 1)
    monkeypatch.setattr(broken, "_make", lambda: 1 / 0)
    pipeline.provider.force_flush()
    assert len(pipeline.exported()) == 1
    assert guard.faults()["span.make"] == 1


def test_who_flushes_waits_for_the_one_that_is_just_being_made() -> None:
    pipeline = Pipeline()
    inside, go_on = threading.Event(), threading.Event()

    def slow() -> Said:
        inside.set()
        assert go_on.wait(10)
        return SAID

    span: Any = pipeline.make(None, slow)
    span.end(NOW + 1)
    pipeline.backlog.add(span, 1)
    background = threading.Thread(target=pipeline.backlog.say_all)
    background.start()
    assert inside.wait(10)
    flusher = threading.Thread(target=pipeline.provider.force_flush)
    flusher.start()
    flusher.join(0.05)
    assert flusher.is_alive()
    go_on.set()
    flusher.join(10)
    background.join(10)
    assert len(pipeline.exported()) == 1


def test_many_are_made_on_another_thread_and_beyond_the_bound_at_once() -> None:
    asked: list[Callable[[], object]] = []
    woken: list[int] = []
    said: list[int] = []

    class Thread:
        def call_soon(self, work: Callable[[], object]) -> None:
            asked.append(work)

        def start_soon(self) -> None:
            woken.append(len(said))

    class Speaker:
        size = 0

        def __init__(self, number: int) -> None:
            self.number = number

        def say(self) -> None:
            said.append(self.number)

    backlog = Backlog(max_spans=10)
    backlog.helper = Thread()
    for number in range(12):
        backlog.add(Speaker(number), 0)
    assert (len(asked), said) == (1, [0, 1])
    asked[0]()
    assert said == [*range(12)]
    for number in range(7):
        backlog.add(Speaker(number), 0)
    assert (len(asked), woken) == (2, [0, 12])
