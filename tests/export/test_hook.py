"""The completion hook beside the exporter: both tell of one span, and the record has what each of them knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import spanglass
from capture.watch import fetch
from spanglass.export.exporter import SpanglassSpanExporter
from spanglass.export.hook import completion_hook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from capture.watch import Watch

LIMIT = 20
QUESTION = "What is said in full " * 4
INPUTS = [{"role": "user", "parts": [{"type": "text", "content": QUESTION}]}]
OUTPUTS = [{"role": "assistant", "parts": [{"type": "text", "content": "Yes."}]}]


class Vendor(NamedTuple):
    """Another instrumentation, with the exporter behind it; its spans' attributes are cut."""

    provider: TracerProvider

    def span(self) -> ReadableSpan:
        """A span of a call that has ended, of which the hook was told."""
        given = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m-1", "gen_ai.input.messages": QUESTION}
        with self.provider.get_tracer("vendor.lib").start_as_current_span("chat m-1", attributes=given) as span:
            completion_hook().on_completion(inputs=INPUTS, outputs=OUTPUTS, span=span)
            span.set_attribute("gen_ai.usage.input_tokens", 7)
        assert spanglass.flush(20)
        assert isinstance(span, ReadableSpan)
        return span


@pytest.fixture
def vendor(watch: Watch) -> Iterator[Vendor]:
    watch.install()
    limits = SpanLimits(max_attribute_length=LIMIT)
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), span_limits=limits)
    provider.add_span_processor(SimpleSpanProcessor(SpanglassSpanExporter()))
    yield Vendor(provider)
    provider.shutdown()


def test_the_record_has_the_hooks_messages_whole_and_the_rest_of_the_span(vendor: Vendor) -> None:
    span = vendor.span()
    record = fetch(span)
    assert [(message.role, message.content) for message in record.messages] == [("user", QUESTION)]
    assert [(message.role, message.content) for message in record.output] == [("assistant", "Yes.")]
    assert (record.name, record.service, record.request_model) == ("chat m-1", "shop", "m-1")
    assert (record.started_at, record.ended_at, record.missing) == (span.start_time, span.end_time, ())
    assert record.usage.input_tokens == 7


def test_a_span_that_only_the_hook_was_told_of_is_known_by_its_name(watch: Watch) -> None:
    watch.install()
    span = Vendor(watch.provider).span()
    record = fetch(span)
    assert (record.name, record.started_at, record.missing) == ("chat m-1", span.start_time, ())
    assert [message.content for message in (*record.messages, *record.output)] == [QUESTION, "Yes."]
