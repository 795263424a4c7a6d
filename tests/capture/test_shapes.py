"""The table of call shapes, one test a cell: each call is made without spanglass and with it, and compared."""

from __future__ import annotations

import json
import logging
import socket
import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

import spanglass
from capture.endpoint import API_KEY, PROMPT, open_endpoint, run
from capture.shapes import SECRETS, SHAPES
from capture.watch import fetch, told
from spanglass import guard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan

    from capture.endpoint import Mode, Sdk
    from capture.shapes import Shape
    from capture.watch import Watch
    from fake_provider import Exchange, FakeProvider
    from spanglass.model.record import Attempt, Record

PREVIEW_LIMIT = 8_000
EVENT_LIMIT = 128


class Cell(NamedTuple):
    """One cell of the table."""

    name: str
    sdk: Sdk
    mode: Mode

    @property
    def shape(self) -> Shape:
        """Its row."""
        return SHAPES[self.name]

    def __str__(self) -> str:
        return f"{self.name}-{self.sdk}-{self.mode}"


CELLS = [Cell(name, sdk, mode) for name, shape in SHAPES.items() for sdk in shape.sdks for mode in shape.modes]


class Seen(NamedTuple):
    """What the program saw of a call, and what the provider saw."""

    values: list[Any]
    error: list[Any]
    frames: list[str]
    exchanges: list[Exchange]


@pytest.fixture
def nowhere() -> Iterator[str]:
    """A url that refuses connections: its port is taken, but nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("watch", [False, True], ids=["at once", "in batches"], indirect=True)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_call(cell: Cell, provider: FakeProvider, watch: Watch, nowhere: str, caplog: pytest.LogCaptureFixture) -> None:
    url = nowhere if cell.shape.refused else ""
    without = play(cell, provider, watch, url)
    watch.provider.force_flush()
    watch.exporter.clear()
    watch.install()
    seen = play(cell, provider, watch, url)
    on_disk = watch.files()
    spans = watch.gen_ai_spans()

    assert_untouched(seen, without)
    assert len(spans) == 1, [span.name for span in watch.exporter.get_finished_spans()]
    record = fetch(spans[0])
    assert_recorded(cell, record, seen.exchanges)
    assert_span(cell, spans[0], record)
    assert_no_secret(spans[0], record, on_disk + watch.files(), caplog.text)
    warnings = [entry for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert [entry for entry in warnings if entry.name not in cell.shape.noisy] == []
    assert guard.faults() == {}


def play(cell: Cell, provider: FakeProvider, watch: Watch, url: str) -> Seen:
    """Makes the call of a cell."""
    provider.reset()
    endpoint = open_endpoint(cell.sdk, cell.mode, provider, watch.provider, url)
    provider.script(*cell.shape.answers(endpoint))
    values: list[Any] = []
    error: list[Any] = []
    frames: list[str] = []
    try:
        values = run(endpoint, cell.shape.drive)
    except Exception as raised:  # noqa: BLE001 - whatever the client raises is what the program sees
        error = described(raised)
        frames = [frame.name for frame in traceback.extract_tb(raised.__traceback__) if not is_ours(frame.filename)]
    assert not trace.get_current_span().get_span_context().is_valid
    return Seen(values, error, frames, list(provider.exchanges))


def described(error: BaseException) -> list[Any]:
    """All that a program can tell of an exception."""
    cause, context = type(error.__cause__), type(error.__context__)
    public = {name: getattr(error, name, None) for name in ("status_code", "body", "code", "type", "completion")}
    return [type(error), str(error), [str(argument) for argument in error.args], cause, context, public]


def is_ours(filename: str) -> bool:
    """Whether a frame belongs to spanglass or to what it wraps functions with."""
    return "/spanglass/" in filename.replace("\\", "/").replace("/tests/", "/") or "/wrapt/" in filename


def assert_untouched(seen: Seen, without: Seen) -> None:
    """The program saw the very same, and so did the provider."""
    assert seen.error == without.error
    assert seen.frames == without.frames
    assert_same(seen.values, without.values)
    assert [exchange.body for exchange in seen.exchanges] == [exchange.body for exchange in without.exchanges]


def assert_same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    else:
        assert one == other


def assert_recorded(cell: Cell, record: Record, exchanges: list[Exchange]) -> None:
    shape = cell.shape
    assert record.state == shape.state
    assert tuple(attempt.status for attempt in record.attempts) == shape.statuses
    assert [attempt.number for attempt in record.attempts] == list(range(1, len(shape.statuses) + 1))
    for attempt, exchange in zip(record.attempts, exchanges, strict=not shape.refused):
        assert_exact(attempt, exchange)
    if record.attempts:
        assert record.attempts[-1].complete is shape.complete
        assert PROMPT in str(record.messages[-1].content) or shape.operation == "embeddings"
    assert (record.error is not None) is (shape.state in ("error", "cancelled") and record.error is not None)
    if shape.state == "error":
        assert record.error is not None
        assert record.error.type
    if shape.state == "done":
        assert record.missing == ()
        assert record.complete
        assert record.output or shape.operation == "embeddings"


def assert_exact(attempt: Attempt, exchange: Exchange) -> None:
    """The very bytes, but for what is masked."""
    assert attempt.request_body == masked(exchange.body)
    if attempt.status is None:
        assert attempt.response_body is None
        return
    assert attempt.response_body is not None
    if attempt.complete:
        assert attempt.response_body == masked(exchange.said)
    else:
        assert exchange.said.startswith(attempt.response_body)


def masked(body: bytes) -> bytes:
    for secret in (*SECRETS, API_KEY):
        body = body.replace(secret.encode(), b"[REDACTED]")
    return body


def assert_span(cell: Cell, span: ReadableSpan, record: Record) -> None:
    attributes = dict(span.attributes or {})
    assert span.kind is SpanKind.CLIENT
    assert attributes["gen_ai.operation.name"] == cell.shape.operation
    assert attributes["gen_ai.request.model"] == "gpt-4o-mini"
    assert attributes["gen_ai.provider.name"] == cell.sdk.partition("-")[0]
    assert_previews(span)
    attempts = [dict(event.attributes or {}) for event in span.events if event.name == "spanglass.attempt"]
    if cell.sdk == "anthropic":  # its own span: the name, the status and the end are its business
        assert span.instrumentation_scope is not None
        assert span.instrumentation_scope.name == "com.anthropic.sdk.python"
    else:
        assert span.name == f"{cell.shape.operation} gpt-4o-mini" == record.name
        assert attributes["spanglass.state"] == cell.shape.state
        assert_status(cell, span, record)
    if record.attempts:
        assert attributes["spanglass.ref"] == record.ref
        assert [(event["number"], event.get("status")) for event in attempts] == [
            (attempt.number, attempt.status) for attempt in record.attempts
        ]


def assert_status(cell: Cell, span: ReadableSpan, record: Record) -> None:
    attributes = dict(span.attributes or {})
    if cell.shape.state == "error":
        assert span.status.status_code is StatusCode.ERROR
        assert record.error is not None
        assert attributes["error.type"] == record.error.type
    elif cell.shape.state == "done":
        assert span.status.status_code is StatusCode.UNSET
        assert "error.type" not in attributes


def assert_previews(span: ReadableSpan) -> None:
    """What is on the span is valid and bounded, whatever the size of the payload."""
    for name in ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"):
        text = str((span.attributes or {}).get(name, "[]"))
        assert isinstance(json.loads(text), list)
        assert len(text.encode()) <= PREVIEW_LIMIT
    assert len(span.events) < EVENT_LIMIT
    assert span.dropped_events == span.dropped_attributes == 0


def assert_no_secret(span: ReadableSpan, record: Record, on_disk: bytes, log: str) -> None:
    text = told(span, record) + log
    for secret in (*SECRETS, API_KEY):
        assert secret not in text
        assert secret.encode() not in on_disk


def test_the_ends_of_a_long_conversation_are_on_the_span(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    endpoint = open_endpoint("openai", "sync", provider, watch.provider)
    run(endpoint, SHAPES["200 messages"].drive)
    (span,) = watch.gen_ai_spans()
    messages = [dict(event.attributes or {}) for event in span.events if event.name == "gen_ai.message"]
    assert [messages[0]["content"], messages[-2]["content"]] == ["message 0", PROMPT]
    assert [event.name for event in span.events].count("spanglass.messages.elided") == 1


def test_without_an_installation_nothing_is_recorded(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    spanglass.uninstall()
    run(open_endpoint("openai", "sync", provider, None), SHAPES["create"].drive)
    assert watch.exporter.get_finished_spans() == ()
