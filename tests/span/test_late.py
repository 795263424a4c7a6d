from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spanglass import guard
from spanglass.redact import Redactor
from spanglass.redact.attribute import AttributeMasker
from spanglass.redact.processor import RedactingSpanProcessor
from spanglass.span.late import Backlog, Event, Late, Said
from spanglass.span.sink import late_on

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

KEY = "sk-proj-" + "a1B2c3D4" * 6
SAID = Said({"mine": 1}, [Event("gen_ai.message", {"content": "x"}, 5)])


def as_they_are(several: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    return several


def span_of(provider: TracerProvider | None = None) -> Any:
    return (provider or TracerProvider()).get_tracer("test").start_span("chat", attributes={"theirs": 0})


def late_span(mask_all: Any = as_they_are) -> tuple[Any, Late]:
    span = span_of()
    late = late_on(span, mask_all)
    assert late is not None
    return span, late


def counted(said: Said = SAID) -> tuple[Callable[[], Said], list[int]]:
    calls: list[int] = []

    def saying() -> Said:
        calls.append(1)
        return said

    return saying, calls


def test_nothing_is_made_before_somebody_looks_and_then_once() -> None:
    span, late = late_span()
    saying, calls = counted()
    late.add(saying, last=True)
    span.end()
    assert calls == []
    assert dict(span.attributes) == {"theirs": 0, "mine": 1}
    assert [(event.name, dict(event.attributes), event.timestamp) for event in span.events] == [
        ("gen_ai.message", {"content": "x"}, 5)
    ]
    assert calls == [1]


@pytest.mark.parametrize(
    "look",
    [
        lambda span: span.attributes["mine"],
        lambda span: len(span.attributes),
        lambda span: list(span.attributes),
        lambda span: span.events,
        lambda span: span.to_json(),
        lambda span: span._attributes.copy(),
    ],
)
def test_every_way_to_look_is_one(look: Callable[[Any], object]) -> None:
    span, late = late_span()
    saying, calls = counted()
    late.add(saying)
    look(span)
    assert (calls, span.attributes["mine"], len(span.events)) == ([1], 1, 1)


def test_what_others_put_on_the_span_meanwhile_stays_and_is_no_look() -> None:
    span, late = late_span()
    saying, calls = counted()
    late.add(saying)
    span.set_attribute("theirs", 2)
    span.set_attributes({"more": 3})
    span.add_event("earlier", {"a": 1}, timestamp=1)
    span.add_event("later", {"a": 1}, timestamp=9)
    assert calls == []
    assert dict(span.attributes) == {"theirs": 2, "more": 3, "mine": 1}
    assert [event.name for event in span.events] == ["earlier", "gen_ai.message", "later"]


def test_an_exporter_gets_the_same_as_if_all_had_been_said_at_once() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    span = span_of(provider)
    late = late_on(span, as_they_are)
    assert late is not None
    late.add(lambda: SAID, last=True)
    span.end()
    (exported,) = exporter.get_finished_spans()
    assert (dict(exported.attributes or {}), len(exported.events)) == ({"theirs": 0, "mine": 1}, 1)


def test_what_is_said_late_is_masked_like_everything_else() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.add_span_processor(RedactingSpanProcessor(Redactor()))
    span = span_of(provider)
    late = late_on(span, AttributeMasker(Redactor()).mask_all)
    assert late is not None
    late.add(lambda: Said({"note": f"key {KEY}", "api_key": "hunter2"}, [Event("gen_ai.message", {"content": KEY}, 5)]))
    span.end()
    (exported,) = exporter.get_finished_spans()
    assert dict(exported.attributes or {}) == {"theirs": 0, "note": "key [REDACTED]", "api_key": "[REDACTED]"}
    assert [dict(event.attributes or {}) for event in exported.events] == [{"content": "[REDACTED]"}]


def test_a_credential_that_was_on_the_span_before_is_masked_though_the_rest_is_late() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.add_span_processor(RedactingSpanProcessor(Redactor()))
    span = span_of(provider)
    late = late_on(span, as_they_are)
    assert late is not None
    late.add(lambda: SAID)
    span.set_attribute("theirs", KEY)
    span.add_event(f"event {KEY}")
    span.end()
    (exported,) = exporter.get_finished_spans()
    assert KEY not in exported.to_json()
    assert (exported.attributes or {})["mine"] == 1


def test_what_cannot_be_masked_is_not_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_several: object) -> Any:
        raise RuntimeError

    monkeypatch.setattr(guard, "reraise", False)
    span, late = late_span(fails)
    late.add(lambda: SAID)
    before = guard.faults().get("span.say", 0)
    assert (dict(span.attributes), span.events, guard.faults()["span.say"]) == ({"theirs": 0}, (), before + 1)


def test_a_span_that_has_said_all_goes_when_it_is_let_go_of() -> None:
    import gc
    import weakref

    span, late = late_span()
    late.add(lambda: SAID, last=True)
    span.end()
    late.say()
    gone = weakref.ref(span._attributes)
    gc.disable()
    try:
        del span, late
        assert gone() is None
    finally:
        gc.enable()


def test_two_that_look_at_once_both_see_all() -> None:
    span, late = late_span()
    inside, go_on = threading.Event(), threading.Event()

    def slow() -> Said:
        inside.set()
        assert go_on.wait(10)
        return SAID

    late.add(slow)
    seen: list[object] = []
    first = threading.Thread(target=lambda: seen.append(dict(span.attributes)))
    first.start()
    assert inside.wait(10)
    second = threading.Thread(target=lambda: seen.append(dict(span.attributes)))
    second.start()
    go_on.set()
    first.join(10)
    second.join(10)
    assert seen == [{"theirs": 0, "mine": 1}] * 2


@pytest.mark.parametrize(
    "limits", [{"max_attribute_length": 10}, {"max_span_attributes": 20}, {"max_event_attributes": 2}]
)
def test_where_a_limit_may_cut_everything_is_said_through_the_public_methods(limits: dict[str, int]) -> None:
    span = span_of(TracerProvider(span_limits=SpanLimits(**limits)))
    assert late_on(span, as_they_are) is None


def test_an_sdk_that_keeps_them_in_another_way_is_told_through_the_public_methods(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Slotted:
        __slots__ = ()

    monkeypatch.setattr("spanglass.span.late._events_class", Slotted)
    span = span_of()
    assert late_on(span, as_they_are) is None
    assert (dict(span.attributes), span.events) == ({"theirs": 0}, ())


def test_the_backlog_speaks_when_asked_and_at_once_above_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanglass.span.late._PAUSE_EVERY", 1)
    backlog = Backlog(max_bytes=100)
    spans = [late_span() for _ in range(3)]
    calls: list[int] = []
    for number, (_, late) in enumerate(spans):

        def saying(number: int = number) -> Said:
            calls.append(number)
            return SAID

        late.add(saying)
        backlog.add(late, 60)
    assert calls == [0, 1]
    pauses: list[int] = []
    backlog.say_all(lambda: pauses.append(1))
    assert (calls, pauses) == ([0, 1, 2], [1])


def test_a_forked_child_forgets_the_backlog_of_its_parent() -> None:
    backlog = Backlog()
    _, late = late_span()
    saying, calls = counted()
    late.add(saying)
    backlog.add(late, 1)
    backlog.forget()
    backlog.say_all(lambda: None)
    assert calls == []
