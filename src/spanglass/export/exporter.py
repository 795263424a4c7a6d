"""The span exporter ``spanglass``: keeps the envelope of every gen_ai span that another instrumentation made.

Invariant: it never raises and never blocks on a store; what it is given goes through the journal like everything
else. A span of a call that we recorded carries ``spanglass.ref`` and is known already; of the others the envelope is
all there is.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import format_span_id, format_trace_id

from spanglass.export.station import Station
from spanglass.guard import Boundary
from spanglass.model.entry import EnvelopeEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

_LOG = logging.getLogger("spanglass")
_EXPORT = Boundary("exporter.export")
_SHUTDOWN = Boundary("exporter.shutdown")
_GEN_AI_MARKS = ("gen_ai.operation.name", "gen_ai.system", "gen_ai.request.model", "llm.model_name")
_encode = msgspec.json.Encoder(enc_hook=repr).encode


class SpanglassSpanExporter(SpanExporter):
    """Entry point ``opentelemetry_traces_exporter``; made without arguments by OpenTelemetry's configurator."""

    def __init__(self) -> None:
        self._station = Station()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keeps the gen_ai spans among ``spans``; FAILURE when the journal took none of them."""
        with _EXPORT:
            for span in spans:
                attributes = span.attributes or {}
                if "spanglass.ref" not in attributes and any(mark in attributes for mark in _GEN_AI_MARKS):
                    self._station.append(self._envelope(span))
            return SpanExportResult.SUCCESS
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Moves to the store what was exported after spanglass itself had closed."""
        with _SHUTDOWN:
            self._station.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is held back here: `spanglass.flush` moves the journal on."""
        return timeout_millis >= 0

    def _envelope(self, span: ReadableSpan) -> EnvelopeEntry:
        context = span.context
        body = {
            "attributes": dict(span.attributes or {}),
            "events": [{"name": event.name, "attributes": dict(event.attributes or {})} for event in span.events],
            "status": {"code": span.status.status_code.name, "description": span.status.description},
        }
        return EnvelopeEntry(
            trace_id=format_trace_id(context.trace_id),
            span_id=format_span_id(context.span_id),
            parent_span_id=format_span_id(span.parent.span_id) if span.parent is not None else None,
            name=span.name,
            service=str(_service(span)),
            scope=span.instrumentation_scope.name if span.instrumentation_scope is not None else "",
            started_at=span.start_time or 0,
            ended_at=span.end_time or 0,
            body=self._station.mask(_encode(body)),
        )


def _service(span: ReadableSpan) -> Any:
    return span.resource.attributes.get("service.name", "")
