"""What Jaeger has of a program's calls is what its page needs to look right, whatever their size and their end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from inline_snapshot import snapshot

from end_to_end.backends import jaeger, otlp
from end_to_end.backends.process import BIN, until
from end_to_end.program import run_program
from fake_provider import Answer, Pause

if TYPE_CHECKING:
    from pathlib import Path

    from end_to_end.backends.stack import Stack
    from fake_provider import FakeProvider

pytestmark = pytest.mark.slow

RUN = (str(BIN / "spanglass"), "run", "--", "python")
#: What Jaeger's GenAI tab reads.
TAB = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions")
#: Bytes of a value; its page gets slow far above this.
READABLE = 8_192
WORKFLOW = """
import spanglass
from opentelemetry import trace
with spanglass.workflow("journey"), trace.get_tracer("app").start_as_current_span("invoke_workflow journey"):
    with spanglass.step("plan"):
        ask("Where to?")
    with spanglass.step("book"):
        client.with_options(max_retries=2).chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Book it"}],
        )
        try:
            ask("And now?")
        except openai.APIStatusError:
            pass
"""
THOUSAND = """
messages = [{"role": "user" if number % 2 == 0 else "assistant", "content": f"{number}: " + "words " * 500}
            for number in range(1000)]
client.chat.completions.create(model="gpt-4o-mini", messages=messages)
"""


def _tree(spans: list[jaeger.Span]) -> list[str]:
    """The spans by name, each below its parent."""
    names = {span.raw["spanID"]: span for span in spans}

    def depth(span: jaeger.Span) -> int:
        return 0 if span.parent not in names else 1 + depth(names[span.parent or ""])

    return ["  " * depth(span) + span.name for span in spans]


def test_the_tree_the_statuses_and_the_durations_are_right(
    stack: Stack, tmp_path: Path, provider: FakeProvider
) -> None:
    busy = Answer.json({"error": {"message": "busy"}}, 503, [("retry-after-ms", "1")])
    broken = Answer.json({"error": {"message": "it broke", "type": "server_error"}}, 500)
    plausible = provider._answer
    slow = plausible("/v1/chat/completions", b'{"model": "m"}').interrupted(0, Pause(0.3))
    provider.script(slow, busy, plausible("/v1/chat/completions", b'{"model": "m"}'), broken)
    done = run_program(WORKFLOW, tmp_path, provider, RUN, stack.environ("look-tree"))
    assert done.code == 0, done.err
    spans = jaeger.spans_of(stack, "look-tree", 4)
    calls = [span for span in spans if span.is_call]
    assert _tree(spans) == snapshot(
        ["invoke_workflow journey", "  chat gpt-4o-mini", "  chat gpt-4o-mini", "  chat gpt-4o-mini"]
    )
    assert [span.tags["spanglass.attempts"] for span in calls] == [1, 2, 1]
    assert [span.tags.get("otel.status_code") for span in calls] == [None, None, "ERROR"]
    assert [span.tags.get("error") for span in calls] == [None, None, True]
    assert "it broke" in calls[2].tags["otel.status_description"]
    assert calls[0].raw["duration"] >= 300_000  # microseconds; the provider itself took as long


def test_the_genai_tab_gets_json_and_the_events_can_be_read(
    stack: Stack, tmp_path: Path, provider: FakeProvider
) -> None:
    done = run_program(WORKFLOW, tmp_path, provider, RUN, stack.environ("look-tab"))
    assert done.code == 0, done.err
    call = [span for span in jaeger.spans_of(stack, "look-tab", 4) if span.is_call][1]
    assert {name: json.loads(call.tags[name]) for name in TAB} == snapshot(
        {
            "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Book it"}]}],
            "gen_ai.output.messages": [
                {
                    "role": "assistant",
                    "parts": [{"type": "text", "content": "word0 word1 word2 word3 word4"}],
                    "finish_reason": "stop",
                }
            ],
            "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
        }
    )
    assert [
        {key: event.get(key) for key in ("event", "role", "content", "number")} for event in call.events
    ] == snapshot(
        [
            {"event": "gen_ai.message", "role": "system", "content": "Be brief.", "number": None},
            {"event": "gen_ai.message", "role": "user", "content": "Book it", "number": None},
            {"event": "spanglass.attempt", "role": None, "content": None, "number": 1},
            {
                "event": "gen_ai.message",
                "role": "assistant",
                "content": "word0 word1 word2 word3 word4",
                "number": None,
            },
        ]
    )


def test_a_thousand_messages_freeze_no_page(stack: Stack, tmp_path: Path, provider: FakeProvider) -> None:
    done = run_program(THOUSAND, tmp_path, provider, RUN, stack.environ("look-thousand"))
    assert done.code == 0, done.err
    (span,) = jaeger.spans_of(stack, "look-thousand")
    values = [*span.tags.values(), *(value for event in span.events for value in event.values())]
    assert max(len(str(value).encode()) for value in values) <= READABLE
    assert len(json.dumps(span.raw)) < 128_000
    shown = json.loads(span.tags["gen_ai.input.messages"])
    assert [message["role"] for message in (shown[0], shown[-1])] == ["user", "assistant"]
    assert [event["count"] for event in span.events if event["event"] == "spanglass.messages.elided"] == [936]
    assert span.events[0]["content"].startswith("0: words")


def test_what_other_programs_say_at_length_is_cut_for_jaeger_and_whole_in_the_sidecar(stack: Stack) -> None:
    words = " ".join(f"word{number}" for number in range(100_000))
    messages = [{"role": "user", "parts": [{"type": "text", "content": words}]}]
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.input.messages": messages}
    made = otlp.span("chat m", attributes, events=[{"name": "note", "attributes": {"text": words}}])
    otlp.send_spans(stack, "look-long", [made])
    (span,) = jaeger.spans_of(stack, "look-long")
    values = [*span.tags.values(), *(value for event in span.events for value in event.values())]
    assert READABLE - 8 <= max(len(str(value).encode()) for value in values) <= READABLE
    record = until(lambda: stack.record(span.ref), "the record is there")
    assert [(message["role"], message["content"]) for message in record["messages"]] == [("user", words)]
