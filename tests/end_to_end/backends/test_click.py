"""From a program without a line of our code, over the Collector, to a link in Jaeger, to the very bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from end_to_end.backends import jaeger
from end_to_end.backends.process import BIN, until
from end_to_end.program import INSTRUMENT, run_program

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from end_to_end.backends.stack import Stack
    from fake_provider import Exchange, FakeProvider

pytestmark = pytest.mark.slow

RUN = (str(BIN / "spanglass"), "run", "--", "python")
AGENT = """
import spanglass
with spanglass.workflow("journey"):
    for step in ("plan", "book"):
        with spanglass.step(step):
            ask(f"Please {step} it")
stream = client.chat.completions.create(model="gpt-4o-mini", stream=True, messages=[{"role": "user", "content": "S"}])
say(sum(1 for _ in stream))
"""


def click(stack: Stack, span: jaeger.Span, text: str) -> httpx.Response:
    """What opens when a person follows a link of a span."""
    (link,) = {link for link in jaeger.links(stack, span) if link.text == text}
    return stack.open(link.url, accept="text/html")


def assert_bytes_behind(stack: Stack, span: jaeger.Span, exchange: Exchange) -> None:
    """The record behind a span has the bytes that the provider received and sent, and the page shows them."""
    record = until(lambda: _whole(stack, span.ref), f"the record of {span.ref} is whole\n{stack.said()}")
    (attempt,) = record["attempts"]
    assert attempt["request_body"].encode() == exchange.body
    assert attempt["response_body"].encode() == exchange.said
    page = click(stack, span, "Open the full context window")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    base = str(page.url)
    assert stack.open(f"{base}/attempts/1/request").content == exchange.body
    assert stack.open(f"{base}/attempts/1/response").content == exchange.said


def _whole(stack: Stack, ref: str) -> dict[str, Any] | None:
    record = stack.record(ref)
    return record if record is not None and record["complete"] and record["state"] == "done" else None


@pytest.mark.parametrize(
    ("launcher", "protocol"),
    [(RUN, "http/protobuf"), (INSTRUMENT, "http/protobuf"), (RUN, "grpc")],
    ids=["spanglass run", "opentelemetry-instrument", "over gRPC"],
)
def test_every_link_of_a_call_leads_to_its_bytes(
    stack: Stack, tmp_path: Path, provider: FakeProvider, launcher: tuple[str, ...], protocol: str
) -> None:
    service = f"click-{launcher[0].rpartition('/')[2]}-{protocol}"
    environ = stack.environ(service, OTEL_EXPORTER_OTLP_PROTOCOL=protocol)
    if protocol == "grpc":
        environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://{stack.host}:4317"
    done = run_program(AGENT, tmp_path, provider, launcher, environ)
    assert (done.code, done.err) == (0, "")
    calls = [span for span in jaeger.spans_of(stack, service, 3) if span.is_call]
    assert len(calls) == len(provider.exchanges) == 3
    for span, exchange in zip(calls, provider.exchanges, strict=True):
        assert_bytes_behind(stack, span, exchange)
    trace = click(stack, calls[0], "Context windows of this trace")
    assert trace.status_code == 200
    assert all(span.raw["spanID"] in trace.text for span in calls if span.raw["traceID"] == calls[0].raw["traceID"])
    assert "journey" in click(stack, calls[0], "All calls of this workflow").text


def test_links_of_events_lead_to_their_place_on_the_page(stack: Stack, tmp_path: Path, provider: FakeProvider) -> None:
    done = run_program("ask('Hello')", tmp_path, provider, RUN, stack.environ("click-events"))
    assert done.code == 0, done.err
    (span,) = jaeger.spans_of(stack, "click-events")
    until(lambda: _whole(stack, span.ref), "the record is whole")
    found = sorted(link.url for link in jaeger.links(stack, span) if link.kind == "logs")
    assert [url.partition(span.ref)[2] for url in found] == ["#message-0", "#message-1", "/attempts#attempt-1"]
    for url in found:
        page, _, anchor = url.partition("#")
        assert f'id="{anchor}"' in stack.open(page, accept="text/html").text


def test_a_window_of_five_megabytes_arrives_whole(stack: Stack, tmp_path: Path, provider: FakeProvider) -> None:
    source = "ask(' '.join(f'{number:x}' for number in range(1_000_000)))"
    done = run_program(source, tmp_path, provider, RUN, stack.environ("click-large"))
    assert done.code == 0, done.err
    (exchange,) = provider.exchanges
    assert len(exchange.body) > 5_000_000
    (span,) = jaeger.spans_of(stack, "click-large")
    assert_bytes_behind(stack, span, exchange)
    assert max(len(str(value)) for value in span.tags.values()) <= 8_192
    assert json.loads(span.tags["gen_ai.input.messages"])[0]["role"] == "user"
