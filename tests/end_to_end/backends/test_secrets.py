"""Secrets planted wherever a program can leave one: none is in Jaeger, in the sidecar's store, in a queue or in a log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from end_to_end.backends import jaeger, otlp
from end_to_end.backends.process import until
from redact.shapes import SHAPES, Shape

if TYPE_CHECKING:
    from pathlib import Path

    from end_to_end.backends.stack import Stack

pytestmark = pytest.mark.slow

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
