"""Which spans stand for the call that is about to be made, in each dialect, and which only contain such calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import SpanKind

from spanglass.span.adopt import adopt_span, adoptable_span, note_begun, stands_for_request

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span
    from opentelemetry.trace import Tracer


class Noting(SpanProcessor):
    """Tells of each span as it begins, as the redacting processor does."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        note_begun(span)


@pytest.fixture
def tracer() -> Tracer:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Noting())
    return provider.get_tracer("vendor")


REQUESTS = {
    "today's conventions": (SpanKind.CLIENT, {"gen_ai.operation.name": "chat"}),
    "a model in this process": (SpanKind.INTERNAL, {"gen_ai.operation.name": "text_completion"}),
    "embeddings": (SpanKind.CLIENT, {"gen_ai.operation.name": "embeddings"}),
    "OpenInference": (SpanKind.INTERNAL, {"openinference.span.kind": "LLM"}),
    "OpenInference's embeddings": (SpanKind.INTERNAL, {"openinference.span.kind": "EMBEDDING"}),
    "OpenLLMetry, formerly": (SpanKind.CLIENT, {"gen_ai.system": "openai", "llm.request.type": "chat"}),
}
CONTAINERS = {
    "an agent": (SpanKind.INTERNAL, {"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m"}),
    "a tool": (SpanKind.INTERNAL, {"gen_ai.operation.name": "execute_tool"}),
    "a workflow": (SpanKind.INTERNAL, {"gen_ai.operation.name": "invoke_workflow"}),
    "OpenInference's chain": (SpanKind.INTERNAL, {"openinference.span.kind": "CHAIN"}),
    "OpenInference's agent": (SpanKind.INTERNAL, {"openinference.span.kind": "AGENT"}),
    "OpenLLMetry's task": (SpanKind.INTERNAL, {"traceloop.span.kind": "task"}),
    "a served request": (SpanKind.SERVER, {"gen_ai.operation.name": "chat"}),
    "an HTTP request": (SpanKind.CLIENT, {"http.request.method": "POST"}),
}


@pytest.mark.parametrize(("kind", "attributes"), REQUESTS.values(), ids=REQUESTS)
def test_a_span_for_a_request_is_adopted(tracer: Tracer, kind: SpanKind, attributes: dict[str, str]) -> None:
    with tracer.start_as_current_span("theirs", kind=kind, attributes=attributes) as span:
        assert adoptable_span(trace.get_current_span()) is span
    assert adoptable_span(trace.get_current_span()) is None


@pytest.mark.parametrize(("kind", "attributes"), CONTAINERS.values(), ids=CONTAINERS)
def test_a_span_that_only_contains_requests_is_not(tracer: Tracer, kind: SpanKind, attributes: dict[str, str]) -> None:
    with tracer.start_as_current_span("theirs", kind=kind, attributes=attributes) as span:
        assert not stands_for_request(span)
        assert adoptable_span(trace.get_current_span()) is None


def test_a_span_is_adopted_once(tracer: Tracer) -> None:
    kind, attributes = REQUESTS["today's conventions"]
    with tracer.start_as_current_span("theirs", kind=kind, attributes=attributes) as span:
        assert [adopt_span(span), adopt_span(span)] == [span, None]


def test_a_span_that_is_never_current_is_found_where_ours_would_be(tracer: Tracer) -> None:
    kind, attributes = REQUESTS["today's conventions"]
    with tracer.start_as_current_span("the program's"):
        theirs = tracer.start_span("theirs", kind=kind, attributes=attributes)
        with tracer.start_as_current_span("further in"):
            assert adoptable_span(trace.get_current_span()) is None
        assert adoptable_span(trace.get_current_span()) is theirs
        theirs.end()
        assert adoptable_span(trace.get_current_span()) is None


def test_a_span_nearby_for_another_model_is_not_adopted(tracer: Tracer) -> None:
    kind, attributes = REQUESTS["today's conventions"]
    theirs = tracer.start_span("theirs", kind=kind, attributes={**attributes, "gen_ai.request.model": "gemini"})
    assert adoptable_span(trace.get_current_span(), "gpt-4o-mini") is None
    assert adoptable_span(trace.get_current_span(), "gemini") is theirs
    theirs.end()


def test_our_own_span_of_another_call_is_not_adopted(tracer: Tracer) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Noting())
    kind, attributes = REQUESTS["today's conventions"]
    ours = provider.get_tracer("spanglass").start_span("ours", kind=kind, attributes=attributes)
    assert adoptable_span(trace.get_current_span()) is None
    ours.end()


def test_without_any_span_there_is_none() -> None:
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert adoptable_span(trace.get_current_span()) is None
