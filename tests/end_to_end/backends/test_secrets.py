"""Secrets planted wherever a program can leave one: none in Jaeger, none in the sidecar's store, none in any log."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from capture.watch import content
from end_to_end.backends import jaeger, otlp
from end_to_end.backends.process import BIN, until
from end_to_end.program import API_KEY, run_program
from fake_provider import Answer
from redact.shapes import SHAPES, Shape

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from end_to_end.backends.stack import Stack
    from fake_provider import FakeProvider

pytestmark = pytest.mark.slow

RUN = (str(BIN / "spanglass"), "run", "--", "python")
#: A program that is careless in every way that it can be.
CARELESS = """
import logging
from opentelemetry import trace

tracer = trace.get_tracer("careless")
secret = os.environ["PLANTED"]
with tracer.start_as_current_span(f"work with {secret}") as span:
    span.set_attribute("note", f"the key is {secret}")
    span.set_attribute("api_key", os.environ["PLANTED_WORD"])
    span.add_event(f"got {secret}", {"text": secret, "password": os.environ["PLANTED_WORD"]})
    tool = {"type": "mcp", "server_url": f"https://me:{os.environ['PLANTED_WORD']}@example.com/?token={secret}",
            "server_label": "x", "authorization": os.environ["PLANTED_WORD"], "headers": {"X-Key": secret}}
    client.responses.create(model="gpt-4o-mini", input=f"My key is {secret}, keep it", tools=[tool],
                            extra_headers={"X-Api-Key": secret, "Cookie": f"session={secret}"})
    try:
        ask(f"and again: {secret}")
    except openai.AuthenticationError as error:
        logging.getLogger("careless").exception("no luck")
        span.record_exception(ValueError(f"no luck with {secret}"))
        span.set_status(trace.Status(trace.StatusCode.ERROR, f"no luck with {secret}"))
        say(type(error).__name__)
"""
#: Passwords and the like, which only their names give away.
WORDS = {name: f"hunter-{name}-of-no-shape-7" for name in ("api_key", "password", "db.password", "x-api-key", "cookie")}


def test_every_shape_of_credential_is_masked_on_spans_of_other_programs(stack: Stack) -> None:
    shapes = {f"note.{number}": f"it is {shape.make()} here" for number, shape in enumerate(SHAPES)}
    keys = list(shapes)
    spans = [
        otlp.span(f"part {at}", {"gen_ai.request.model": "m", **{key: shapes[key] for key in keys[at : at + 60]}})
        for at in range(0, len(keys), 60)
    ]
    otlp.send_spans(stack, "all-shapes", spans)
    jaeger.spans_of(stack, "all-shapes", len(spans))
    told = jaeger.raw_traces(stack, "all-shapes")
    assert [shape.rule for shape in SHAPES if shape.make()[-12:] in told] == []
    assert told.count("****") >= len(SHAPES)


def _planted(secret: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A span, and what its resource says, with a secret in each of their parts."""
    messages = json.dumps([{"role": "user", "parts": [{"type": "text", "content": f"My key is\n{secret}"}]}])
    tool = json.dumps({"tool": {"headers": {"X-Api-Key": WORDS["x-api-key"]}, "args": json.dumps(WORDS)}})
    made = otlp.span(
        f"chat {secret}",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.input.messages": messages,
            "gen_ai.tool.definitions": tool,
            "app.url": f"https://me:{WORDS['password']}@example.com/?api_key={WORDS['api_key']}",
            "app.list": ["plain", secret],
            "app.map": {"inner": {"deep": secret}},
            **WORDS,
        },
        events=[
            {"name": f"log {secret}", "attributes": {"text": secret, "authorization": WORDS["cookie"]}},
            {"name": "exception", "attributes": {"exception.stacktrace": f"ValueError: no, {secret}\n  at x"}},
        ],
        status={"code": 2, "message": f"401: bad key {secret}"},
    )
    return made, {"host.note": secret}


def test_a_span_that_no_spanglass_has_seen_is_masked_in_all_of_its_parts(stack: Stack) -> None:
    secret = Shape("openai and alike", ("sk-proj-", ("w", 40))).make()
    made, resource = _planted(secret)
    otlp.send_spans(stack, "foreign-secrets", [made], **resource)
    (found,) = jaeger.spans_of(stack, "foreign-secrets")
    told = jaeger.raw_traces(stack, "foreign-secrets")
    assert [planted for planted in (secret, *WORDS.values()) if planted in told] == []
    assert (found.name, found.tags["otel.status_description"]) == ("chat ****", "401: bad key ****")
    assert [event["event"] for event in found.events] == ["log ****", "exception"]
    assert json.loads(found.tags["gen_ai.input.messages"])[0]["parts"][0]["content"] == "My key is****"
    assert json.loads(found.tags["gen_ai.tool.definitions"])["tool"]["headers"] == {"X-Api-Key": "****"}
    assert not [name for name in found.tags if name.startswith("spanglass.unmasked")]


def test_a_program_that_plants_secrets_everywhere_leaves_none(
    stack: Stack, tmp_path: Path, provider: FakeProvider
) -> None:
    secret = Shape("openai and alike", ("sk-proj-", ("w", 40))).make(seed=1)
    word = "hunter-no-shape-at-all"
    refused = {"error": {"message": f"Incorrect API key provided: {secret}", "type": "invalid_request_error"}}
    provider.otherwise(
        lambda path, _: Answer.json(refused, 401) if path.endswith("completions") else _responded(secret)
    )
    environ = stack.environ("careless", PLANTED=secret, PLANTED_WORD=word)
    done = run_program(CARELESS, tmp_path, provider, RUN, environ)
    assert (done.code, done.said) == (0, ["AuthenticationError"]), done.err
    assert all(planted in str(provider.exchanges) for planted in (secret, word)), "the provider got them unmasked"
    spans = jaeger.spans_of(stack, "careless", 3)
    records = [_record(stack, span.ref) for span in spans if span.is_call]
    assert [(record["state"], len(record["attempts"])) for record in records] == [("done", 1), ("error", 1)]
    assert all(record["redactions"] for record in records)
    told = {"Jaeger": jaeger.raw_traces(stack, "careless"), "API": json.dumps(records), **dict(_written(stack))}
    assert "no luck with" in told["Jaeger"]
    assert "My key is" in told["API"]
    leaks = [(where, planted) for where, text in told.items() for planted in (secret, word, API_KEY) if planted in text]
    assert leaks == []


def test_what_the_sidecar_keeps_of_a_span_that_no_spanglass_has_seen_is_masked(stack: Stack) -> None:
    secret = Shape("openai and alike", ("sk-proj-", ("w", 40))).make(seed=2)
    made, resource = _planted(secret)
    otlp.send_spans(stack, "foreign-kept", [made], **resource)
    record = _record(stack, f"{made['traceId']}/{made['spanId']}")
    told = {"API": json.dumps(record), **dict(_written(stack))}
    leaks = [
        (where, planted) for where, text in told.items() for planted in (secret, *WORDS.values()) if planted in text
    ]
    assert leaks == []


def test_a_log_event_that_another_instrumentation_sends_is_masked_and_kept(stack: Stack) -> None:
    secret = Shape("openai and alike", ("sk-proj-", ("w", 40))).make(seed=3)
    trace_id, span_id = os.urandom(16).hex(), os.urandom(8).hex()
    message = [{"role": "user", "parts": [{"type": "text", "content": f"My key is {secret}"}]}]
    details = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.input.messages": message}
    event = {
        "eventName": "gen_ai.client.inference.operation.details",
        "timeUnixNano": str(time.time_ns()),
        "traceId": trace_id,
        "spanId": span_id,
        "attributes": otlp.attributes({**details, "api_key": WORDS["api_key"]}),
    }
    otlp.send_logs(stack, "foreign-log", [event])
    record = _record(stack, f"{trace_id}/{span_id}")
    assert [message["role"] for message in record["messages"]] == ["user"]
    told = {"API": json.dumps(record), **dict(_written(stack))}
    assert [where for where, text in told.items() if secret in text or WORDS["api_key"] in text] == []


def _record(stack: Stack, ref: str) -> dict[str, Any]:
    return until(lambda: stack.record(ref), f"the record of {ref} is there")


def _responded(secret: str) -> Answer:
    output = [{"type": "message", "id": "m", "role": "assistant", "status": "completed",
               "content": [{"type": "output_text", "text": f"You said {secret}", "annotations": []}]}]  # fmt: skip
    return Answer.json(
        {"id": "resp_1", "object": "response", "model": "gpt-4o-mini", "status": "completed", "created_at": 0,
         "output": output, "parallel_tool_calls": False, "tool_choice": "auto", "tools": []},
        headers=[("set-cookie", f"session={secret}"), ("x-request-id", "req_1")],
    )  # fmt: skip


def _written(stack: Stack) -> Iterator[tuple[str, str]]:
    """What is on the disk: logs, queues, our database; and, because pieces are compressed there, every record.

    Jaeger's own files are gigabytes of holes; what it keeps in them it tells over its API.
    """
    for process in stack.processes:
        yield process.name, process.output()
    for file in stack.directory.rglob("*"):
        if "badger" not in file.parts:
            yield str(file.relative_to(stack.directory)), content(file).decode("latin-1")
    with stack.reader() as reader:
        for call in reader.find(limit=1000):
            yield f"record {call.ref}", json.dumps(reader.fetch(call.ref).to_dict())
