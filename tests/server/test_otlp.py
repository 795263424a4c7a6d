"""OTLP over HTTP: what is taken, what is refused and how, and that nothing depends on order or repetition."""

from __future__ import annotations

import gzip
import json
import select
import socket
import zlib
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from read.made import SPAN, TRACE, Made
from server.made import JSON, PARENT, PROTOBUF, any_value, encoded, event, log_record, logs, span, traces
from spanglass.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.conftest import Sidecar

SECRET = "sk-proj-Zx9Qm4Lr7Tn2Vb8Wk5Hc1Yd6Jf3Gs0Pa"
CALL: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.request.temperature": 0.5,
    "gen_ai.response.model": "gpt-4o-2024",
    "gen_ai.response.id": "r-1",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 40,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]),
    "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "Hello."}]}],
}


def message(role: str, content: str) -> dict[str, Any]:
    return {
        "role": role,
        "content": content,
        "reasoning_content": None,
        "tool_calls": None,
        "tool_call_id": None,
        "name": None,
    }


@pytest.mark.parametrize("headers", [JSON, PROTOBUF], ids=["json", "protobuf"])
@pytest.mark.parametrize("compress", [None, gzip.compress, zlib.compress], ids=["plain", "gzip", "deflate"])
def test_a_span_of_any_vendor_becomes_a_record_under_its_id(
    sidecar: Sidecar, headers: dict[str, str], compress: Callable[[bytes], bytes] | None
) -> None:
    body = encoded(traces(span(CALL)), headers)
    coding = {gzip.compress: "gzip", zlib.compress: "deflate"}.get(compress or bytes)
    answer = sidecar.post(
        "/v1/traces",
        compress(body) if compress else body,
        {**headers, **({"content-encoding": coding} if coding else {})},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, headers["content-type"])
    assert sidecar.record(SPAN) == {
        "trace_id": TRACE,
        "span_id": SPAN,
        "parent_span_id": PARENT,
        "name": "chat gpt-4o",
        "service": "weather",
        "state": "done",
        "started_at": "2026-09-21T14:13:20.000000+00:00",
        "ended_at": "2026-09-21T14:13:21.000000+00:00",
        "duration_ns": 1_000_000_000,
        "workflow_id": None,
        "step_name": None,
        "step_attempt": None,
        "format": "envelope",
        "provider": "openai",
        "operation": "chat",
        "request_model": "gpt-4o",
        "response_model": "gpt-4o-2024",
        "response_id": "r-1",
        "finish_reasons": ["stop"],
        "usage": {
            "input_tokens": 40,
            "output_tokens": 7,
            "cache_read_input_tokens": None,
            "cache_write_input_tokens": None,
            "reasoning_output_tokens": None,
        },
        "messages": [message("user", "Hi")],
        "tools": [],
        "options": {"temperature": 0.5},
        "output": [message("assistant", "Hello.")],
        "error": None,
        "attempts": [],
        "steps": [],
        "upstream_context": None,
        "redactions": 0,
        "complete": True,
        "missing": [],
    }


def test_spans_that_are_not_about_a_model_are_taken_and_not_kept(sidecar: Sidecar) -> None:
    others = [span({"http.request.method": "GET"}), span({"db.system": "sqlite", "genie": "gen_ai.x"})]
    assert sidecar.send(traces(*others)).json() == {"partialSuccess": {}}
    assert sidecar.get(f"/api/spans/{SPAN}").status_code == 404
    assert 'spanglass_otlp_items_total{result="ignored",signal="traces"} 2' in sidecar.get("/metrics").text


def test_the_content_that_a_log_event_holds_joins_the_span_it_names(sidecar: Sidecar) -> None:
    bare = {name: said for name, said in CALL.items() if not name.endswith("messages")}
    said = {**CALL, "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]}
    details = logs(log_record("gen_ai.client.inference.operation.details", said))
    assert sidecar.send(details).status_code == 200
    early = sidecar.record(SPAN)
    assert (early["messages"], early["complete"], early["name"]) == ([message("user", "Hi")], False, "chat gpt-4o")
    assert early["missing"] == ["span: only log events of it have arrived, so its name, parent and times are not known"]
    assert sidecar.send(traces(span(bare))).status_code == 200
    late = sidecar.record(SPAN)
    assert (late["messages"], late["output"]) == ([message("user", "Hi")], [message("assistant", "Hello.")])
    assert (late["complete"], late["parent_span_id"], late["duration_ns"]) == (True, PARENT, 1_000_000_000)


def test_messages_that_are_log_events_each_come_in_their_order_and_once(sidecar: Sidecar) -> None:
    first = log_record("gen_ai.user.message", {"gen_ai.system": "openai"}, {"content": "Hi"}, timeUnixNano="10")
    second = log_record("", {"event.name": "gen_ai.choice"}, {"index": 0, "message": {"content": "Hello."}})
    for request in (logs(second), logs(first), traces(span({"gen_ai.system": "openai"})), logs(first, second)):
        assert sidecar.send(request, PROTOBUF).status_code == 200
    found = sidecar.record(SPAN)
    assert (found["messages"], found["output"]) == ([message("user", "Hi")], [message("assistant", "Hello.")])


def test_log_records_of_other_kinds_and_events_of_no_span_are_taken_and_not_kept(sidecar: Sidecar) -> None:
    plain = log_record("", {}, "a line")
    lost = {**log_record("gen_ai.user.message", {}, {"content": "Hi"}), "traceId": "", "spanId": ""}
    assert sidecar.send(logs(plain, lost)).json() == {"partialSuccess": {}}
    assert 'spanglass_otlp_items_total{result="ignored",signal="logs"} 2' in sidecar.get("/metrics").text


def test_credentials_anywhere_in_a_span_or_an_event_never_reach_the_store(sidecar: Sidecar) -> None:
    leaking = span(
        {**CALL, "gen_ai.input.messages": json.dumps([{"role": "user", "content": SECRET}]), "api_key": "hunter2"},
        name=f"chat {SECRET}",
        events=[event("exception", {"exception.message": f"bad key {SECRET}"})],
        status={"code": 2, "message": f"401: {SECRET}"},
    )
    details = log_record("gen_ai.user.message", {"authorization": "hunter2"}, {"content": f"key {SECRET}"})
    assert sidecar.send(traces(leaking, scope=SECRET, service=SECRET)).status_code == 200
    assert sidecar.send(logs(details, scope=SECRET, service=SECRET)).status_code == 200
    assert sidecar.record(SPAN)["redactions"] >= 6
    files = [path for path in sidecar.settings.state_dir.rglob("*") if path.is_file()]
    assert [
        path.name for path in files if SECRET.encode() in path.read_bytes() or b"hunter2" in path.read_bytes()
    ] == []
    assert SECRET not in sidecar.get(f"/api/spans/{SPAN}").text
    assert "hunter2" not in sidecar.get(f"/api/spans/{SPAN}").text


REF = f"{TRACE}/{SPAN}"
OURS = {
    **CALL,
    "spanglass.ref": REF,
    "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Hi " * 200}]}]),
    "spanglass.workflow": "nightly",
    "spanglass.step": "draft",
}


def test_of_a_span_of_our_own_that_comes_alone_a_record_is_made_that_says_what_is_missing(sidecar: Sidecar) -> None:
    assert sidecar.send(traces(span(OURS))).status_code == 200
    found = sidecar.record(SPAN)
    assert (found["complete"], found["missing"]) == (
        False,
        ["payload: only the span has arrived here, not the call's record"],
    )
    assert (found["messages"], found["workflow_id"], found["step_name"]) == (
        [message("user", "Hi " * 200)],
        "nightly",
        "draft",
    )


@pytest.mark.parametrize("span_first", [True, False])
def test_a_span_of_our_own_adds_nothing_to_its_record_whichever_comes_first(
    sidecar: Sidecar, *, span_first: bool
) -> None:
    made = Made()
    store = open_store(f"otlp+{sidecar.address.otlp}")
    sends: list[Callable[[], object]] = [
        lambda: sidecar.send(traces(span(OURS))),
        lambda: store.put_many(made.entries()),
    ]
    for send in sends if span_first else reversed(sends):
        send()
    store.close()
    alone = open_store("memory://alone-" + str(span_first))
    alone.put_many(made.entries())
    record = alone.get(TRACE, SPAN)
    assert record is not None
    expected = {**record.to_dict(), "parent_span_id": PARENT}
    found = sidecar.record(SPAN)
    read_from_bytes = ("messages", "output", "usage", "response_model", "response_id", "finish_reasons")
    assert {name: found[name] for name in found if name not in read_from_bytes} == {
        name: expected[name] for name in expected if name not in read_from_bytes
    }


def test_what_comes_again_in_any_order_changes_nothing(sidecar: Sidecar) -> None:
    requests = [
        traces(span(CALL)),
        logs(log_record("gen_ai.user.message", {}, {"content": "Hi"})),
        traces(span(CALL, spanId="1" * 16), span({"http.route": "/"}, spanId="2" * 16)),
    ]
    for request in requests:
        sidecar.send(request)
    before = sidecar.record(SPAN), sidecar.get("/api/search").json()
    for request in [*reversed(requests), *requests]:
        assert sidecar.send(request, PROTOBUF).status_code == 200
    assert (sidecar.record(SPAN), sidecar.get("/api/search").json()) == before


def test_bad_items_are_rejected_by_number_and_the_others_are_kept(sidecar: Sidecar) -> None:
    bad = [
        span(CALL, traceId="00" * 16),
        span(CALL, spanId=""),
        span(CALL, spanId="3" * 16, startTimeUnixNano=str(2**64 - 1)),
    ]
    answer = sidecar.send(traces(*bad, span(CALL)))
    assert answer.status_code == 200
    partial = answer.json()["partialSuccess"]
    assert partial["rejectedSpans"] == "3"
    assert "no trace id and span id" in partial["errorMessage"]
    assert "a time is none" in partial["errorMessage"]
    by_protobuf = sidecar.post("/v1/traces", encoded(traces(*bad), PROTOBUF), PROTOBUF)
    parsed = ExportTraceServiceResponse.FromString(by_protobuf.content)
    assert parsed.partial_success.rejected_spans == 3
    assert sidecar.record(SPAN)["complete"]


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"hello", {"content-type": "text/plain"}, 415, "not OTLP's"),
        (b"", {}, 415, "not OTLP's"),
        (b"{}", {**JSON, "content-encoding": "br"}, 415, "'br' is not known"),
        (b"{", JSON, 400, "no OTLP traces request in json"),
        (b"[]", JSON, 400, "Expected `object`"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": 3}]}]}]}', JSON, 400, "Expected `str`"),
        (b"\xff\xff\xff", PROTOBUF, 400, "no OTLP traces request in protobuf"),
        (b"{}", {**JSON, "content-encoding": "gzip"}, 400, "no gzip"),
        (gzip.compress(b"{}", mtime=0)[:-4], {**JSON, "content-encoding": "gzip"}, 400, "cut off"),
    ],
)
def test_what_is_no_otlp_is_refused_with_the_reason(
    sidecar: Sidecar, body: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    answer = sidecar.post("/v1/traces", body, headers)
    assert answer.status_code == status
    if headers.get("content-type") == PROTOBUF["content-type"]:
        told = parse_status(answer.content)
        code, text = told.code, told.message
    else:
        code, text = answer.json()["code"], answer.json()["message"]
    assert (code, words in text) == (3, True), text
    assert b"hello" not in answer.content


def parse_status(content: bytes) -> Any:
    return Status.FromString(content)


def test_values_nested_beyond_reason_are_refused_and_the_sidecar_lives(sidecar: Sidecar) -> None:
    value: Any = "deep"
    for _ in range(120):
        value = [value]
    deep = traces(span({**CALL, "x": value}))
    assert sidecar.send(deep).status_code == 200
    hostile = b'{"resourceSpans": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    assert sidecar.post("/v1/traces", hostile, JSON).status_code == 400
    attribute = b'{"arrayValue":{"values":[' * 5_000 + b"{}" + b"]}}" * 5_000
    spans = json.dumps(traces(span({"gen_ai.system": "x"}))).encode()
    inside = spans.replace(json.dumps(any_value("x")).encode(), attribute, 1)
    answer = sidecar.post("/v1/traces", inside, JSON)
    assert (answer.status_code, "resourceSpans" in answer.text) in {(400, False), (200, False)}
    assert sidecar.get("/healthz").text == "ok\n"


def test_a_request_over_the_bound_is_refused_whether_it_is_said_sent_or_unpacked(start: Callable[..., Sidecar]) -> None:
    sidecar = start(max_request_bytes=10_000)
    large = b" " * 20_000
    bomb = gzip.compress(large)
    answers = [
        sidecar.post("/v1/traces", large, JSON),
        sidecar.http.post(f"{sidecar.address.otlp}/v1/traces", content=iter([large]), headers=JSON),
        sidecar.post("/v1/traces", bomb, {**JSON, "content-encoding": "gzip"}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(413, 8)] * 3
    assert sidecar.send(traces(span(CALL))).status_code == 200


def test_a_client_that_sends_too_slowly_loses_its_place(start: Callable[..., Sidecar]) -> None:
    sidecar = start(request_timeout_s=0.2, max_requests=1)
    with closing(begin_request(sidecar)) as slow:
        answer = slow.recv(4096)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert sidecar.send(traces(span(CALL))).status_code == 200


def test_a_store_that_cannot_be_written_is_a_reason_to_come_again(sidecar: Sidecar) -> None:
    path = sidecar.settings.state_dir / "spanglass.db"
    path.mkdir(parents=True)
    answer = sidecar.send(traces(span(CALL)))
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["code"]) == (503, "2", 14)
    assert "a directory is there" in answer.json()["message"]
    assert sidecar.http.get(f"{sidecar.address.otlp}/readyz").status_code == 503
    path.rmdir()
    assert sidecar.send(traces(span(CALL))).status_code == 200
    assert sidecar.http.get(f"{sidecar.address.otlp}/readyz").status_code == 200
    assert sidecar.record(SPAN)["complete"]


def test_more_requests_than_may_wait_are_told_to_come_again(start: Callable[..., Sidecar]) -> None:
    sidecar = start(max_requests=1)
    with ExitStack() as stack:
        unfinished: list[socket.socket] = []
        while len(unfinished) < 40 and not (answered := select.select(unfinished, [], [], 0.02)[0]):
            unfinished.append(stack.enter_context(closing(begin_request(sidecar))))
        assert [each.recv(4096).split(b"\r\n")[0] for each in answered] == [b"HTTP/1.1 503 Service Unavailable"]
        for each in unfinished:
            if each not in answered:
                each.sendall(b"}")
                assert each.recv(4096).startswith(b"HTTP/1.1 200 ")


def begin_request(sidecar: Sidecar) -> socket.socket:
    """A request whose body lacks its last byte."""
    host, port = sidecar.address.otlp.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    head = "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
    connection.sendall(head.encode() + b"{")
    return connection


def test_the_sdks_own_exporters_are_understood(sidecar: Sidecar) -> None:
    resource = Resource({"service.name": "weather"})
    tracing, logging = TracerProvider(resource=resource), LoggerProvider(resource=resource)
    exporter = OTLPSpanExporter(f"{sidecar.address.otlp}/v1/traces", compression=Compression.Gzip)
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    log_exporter = OTLPLogExporter(f"{sidecar.address.otlp}/v1/logs")
    logging.add_log_record_processor(SimpleLogRecordProcessor(log_exporter))
    try:
        with tracing.get_tracer("vendor").start_as_current_span("chat gpt-4o") as live:
            live.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"})
            logging.get_logger("vendor").emit(
                event_name="gen_ai.client.inference.operation.details",
                attributes={"gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]},
            )
            span_id = f"{live.get_span_context().span_id:016x}"
    finally:
        tracing.shutdown()
        logging.shutdown()
    found = sidecar.record(span_id)
    assert (found["service"], found["messages"], found["complete"]) == ("weather", [message("user", "Hi")], True)


def test_a_window_of_five_megabytes_on_a_span_comes_out_as_it_went_in(sidecar: Sidecar) -> None:
    text = "All work and no play. " * 250_000
    whole = json.dumps([{"role": "user", "parts": [{"type": "text", "content": text}]}])
    assert sidecar.send(traces(span({**CALL, "gen_ai.input.messages": whole})), PROTOBUF).status_code == 200
    assert sidecar.record(SPAN)["messages"] == [message("user", text)]


def test_only_posts_are_taken(sidecar: Sidecar) -> None:
    answers = [sidecar.http.get(f"{sidecar.address.otlp}/v1/{name}") for name in ("traces", "logs")]
    assert [(answer.status_code, answer.headers["allow"]) for answer in answers] == [(405, "POST")] * 2
    assert sidecar.post("/v1/metrics", b"{}").status_code == 404
