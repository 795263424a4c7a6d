"""Spans that the SDK makes after their call: they come out whole, whatever ends first."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace

import spanglass
from capture.endpoint import open_endpoint, run
from capture.shapes import SHAPES
from spanglass.capture.session import active
from spanglass.span.pending import PendingSpan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from capture.watch import Watch
    from fake_provider import FakeProvider

batching = pytest.mark.parametrize("watch", [True], ids=["in batches"], indirect=True)


def call(watch: Watch, provider: FakeProvider) -> None:
    endpoint = open_endpoint("openai", "sync", provider, watch.provider)
    shape = SHAPES["create"]
    provider.script(*shape.answers(endpoint))
    run(endpoint, shape.drive)


@batching
def test_flushing_the_provider_is_enough(watch: Watch, provider: FakeProvider) -> None:
    watch.install()
    call(watch, provider)
    assert watch.exporter.get_finished_spans() == ()
    assert watch.provider.force_flush()
    (span,) = watch.exporter.get_finished_spans()
    assert (span.attributes or {})["spanglass.state"] == "done"


@batching
def test_it_comes_by_itself(watch: Watch, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    made = threading.Event()
    say = PendingSpan.say

    def said(self: PendingSpan) -> None:
        say(self)
        made.set()

    monkeypatch.setattr(PendingSpan, "say", said)
    watch.install()
    call(watch, provider)
    assert made.wait(20)


@batching
def test_uninstalling_makes_it_also_where_no_thread_can_be_started(
    watch: Watch, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.install()
    session = active()
    assert session is not None
    monkeypatch.setattr(session.drain, "call_soon", lambda _work: None)
    monkeypatch.setattr(session.drain, "start_soon", lambda: None)
    session.drain.awake = True
    call(watch, provider)
    monkeypatch.setattr(session.drain, "close", lambda _timeout: None)
    spanglass.uninstall()
    watch.provider.force_flush()
    assert len(watch.exporter.get_finished_spans()) == 1


@batching
def test_what_is_current_while_the_request_is_sent_is_the_call(watch: Watch, provider: FakeProvider) -> None:
    seen: list[Any] = []

    def hook(_request: Any) -> None:
        span = trace.get_current_span()
        seen.append((span.get_span_context().span_id, span.is_recording()))
        span.set_attribute("app.note", "from a hook")

    watch.install()
    endpoint = open_endpoint("openai", "sync", provider, watch.provider)
    endpoint.client._client.event_hooks = {"request": [hook]}
    shape = SHAPES["create"]
    provider.script(*shape.answers(endpoint))
    run(endpoint, shape.drive)
    (span,) = watch.gen_ai_spans()
    assert seen == [(span.context.span_id, True)]
    assert (span.attributes or {})["app.note"] == "from a hook"
    assert (span.attributes or {})["gen_ai.operation.name"] == "chat"


PROGRAM = """
import sys
import openai
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
import spanglass
if sys.argv[3] == "installed first":
    spanglass.install(enabled="true", state_dir=sys.argv[2])
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(formatter=lambda span: span.name + "\\n")))
trace.set_tracer_provider(provider)
spanglass.install(enabled="true", state_dir=sys.argv[2])
client = openai.OpenAI(api_key="none", base_url=sys.argv[1], max_retries=0)
client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hi"}])
if sys.argv[3] == "shut down":
    provider.shutdown()
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["installed first", "installed last", "shut down"])
def test_a_program_that_ends_right_after_its_call_exports_it(tmp_path: Any, provider: FakeProvider, how: str) -> None:
    command = [sys.executable, "-c", PROGRAM, f"{provider.url}/v1", str(tmp_path / "state"), how]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout.split("\n")[0], ended.stderr) == (0, "chat gpt-4o-mini", "")


@pytest.fixture(autouse=True)
def _uninstalled() -> Iterator[None]:
    yield
    spanglass.uninstall()
