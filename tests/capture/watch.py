"""What spanglass told of a call, wherever it told it: spans, records, files, log."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import format_span_id, format_trace_id

import spanglass
from spanglass.read.reader import Reader
from spanglass.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

    from spanglass.model.record import Record


@dataclass
class Watch:
    """An installation of spanglass with a tracer provider and a state directory of its own.

    Its provider exports each span as it ends, or, if it ``batches``, as programs have it: then ours are made late.
    """

    state_dir: Path
    batches: bool = False
    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    provider: TracerProvider = field(default_factory=TracerProvider)

    def __post_init__(self) -> None:
        processor = BatchSpanProcessor if self.batches else SimpleSpanProcessor
        self.provider.add_span_processor(processor(self.exporter))

    def install(self, **settings: Any) -> None:
        """Switches spanglass on."""
        spanglass.install(enabled=True, state_dir=self.state_dir, tracer_provider=self.provider, **settings)

    def gen_ai_spans(self) -> list[ReadableSpan]:
        """The ended spans of calls to models, once all pending work is done."""
        assert spanglass.flush(20)
        assert self.provider.force_flush()
        spans = self.exporter.get_finished_spans()
        return [span for span in spans if "gen_ai.operation.name" in (span.attributes or {})]

    def files(self) -> bytes:
        """All that is on disk, in one."""
        return b"\n".join(map(content, sorted(self.state_dir.rglob("*"))))


def content(path: Path) -> bytes:
    """What a file holds; nothing, if it is none or was drained since it was listed."""
    with suppress(FileNotFoundError):
        return path.read_bytes() if path.is_file() else b""
    return b""


def fetch(span: ReadableSpan) -> Record:
    """The record of a span, by its span id alone."""
    context = span.get_span_context()
    assert context is not None
    record = spanglass.fetch(format_span_id(context.span_id))
    assert (record.trace_id, record.span_id) == (format_trace_id(context.trace_id), format_span_id(context.span_id))
    return record


def records_in(state_dir: Path) -> list[Record]:
    """All records of a state directory, as another process reads them."""
    with Reader(Settings.from_environment({"SPANGLASS_STATE_DIR": str(state_dir)})) as reader:
        return [reader.fetch(found.ref) for found in reader.find(limit=10_000)]


def told(span: ReadableSpan, record: Record) -> str:
    """Span and record as text, to look for what must not be there."""
    text: str = span.to_json()
    return text + json.dumps(record.to_dict(), ensure_ascii=False)
