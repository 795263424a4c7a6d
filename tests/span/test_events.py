from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import SpanLimits, TracerProvider

from spanglass.model.message import ChatMessage
from spanglass.span.events import AttemptFacts, attempt_events, input_events, message_hash, output_events
from spanglass.span.late import Said
from spanglass.span.sink import late_on, say_now

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.sdk.trace import ReadableSpan

    from spanglass.span.late import Event

NOW = 1_700_000_000_000_000_000


def events_of(span: ReadableSpan) -> list[tuple[str, dict[str, Any]]]:
    return [(event.name, dict(event.attributes or {})) for event in span.events]


def put(span: Any, events: Iterable[Event]) -> None:
    """As a call does: late where that is possible, at once where it is not."""
    said, late = Said({}, list(events)), late_on(span, lambda several: several)
    if late is None:
        say_now(span, said)
    else:
        late.add(lambda: said)


def started(**limits: int) -> Any:
    return TracerProvider(span_limits=SpanLimits(**limits)).get_tracer("test").start_span("chat")


def test_each_message_of_a_short_conversation_is_an_event() -> None:
    span = started()
    messages = [ChatMessage.as_system("Be brief."), ChatMessage.as_user("Hi")]

    put(span, input_events(messages, NOW))
    put(span, output_events([ChatMessage.as_assistant("Hello")], 2, NOW))

    assert events_of(span) == [
        (
            "gen_ai.message",
            {"role": role, "content": content, "index": index, "hash": message_hash(ChatMessage(role, content))},
        )
        for index, (role, content) in enumerate([("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello")])
    ]


@pytest.mark.parametrize("count", [65, 100, 200, 1000])
def test_of_a_long_conversation_the_first_and_last_are_kept_and_one_event_counts_the_rest(count: int) -> None:
    span = started()

    put(span, input_events([ChatMessage.as_user(f"message {index}") for index in range(count)], NOW))
    put(span, output_events([ChatMessage.as_assistant("answer")], count, NOW))
    put(span, attempt_events([AttemptFacts(number, NOW, NOW, 200, "", "") for number in range(1, 40)]))

    events = events_of(span)
    shown = [attributes["index"] for name, attributes in events if name == "gen_ai.message"]
    elided = [attributes for name, attributes in events if name == "spanglass.messages.elided"]
    assert len(events) < 128
    assert span.dropped_events == 0
    assert shown[0] == 0
    assert shown[-2:] == [count - 1, count]
    assert elided == [{"count": count - 64, "first_index": 4, "last_index": 4 + count - 64 - 1}]
    assert set(shown) | set(range(4, 4 + count - 64)) == set(range(count + 1))


def test_the_content_of_all_events_together_is_bounded() -> None:
    span = started()

    put(span, input_events([ChatMessage.as_user("x" * 100_000)] * 64, NOW))

    assert sum(len(attributes["content"]) for _, attributes in events_of(span)) < 40_000


def test_the_limits_that_a_user_set_for_spans_are_kept() -> None:
    span = started(max_attribute_length=10)

    put(span, input_events([ChatMessage.as_user("x" * 100)], NOW))

    assert events_of(span)[0][1]["content"] == "x" * 10


def test_equal_messages_have_equal_hashes_and_others_do_not() -> None:
    assert message_hash(ChatMessage.as_user("a")) == message_hash(ChatMessage.as_user("a"))
    assert message_hash(ChatMessage.as_user("a")) != message_hash(ChatMessage.as_user("b"))
    assert message_hash(ChatMessage.as_user("a")) != message_hash(ChatMessage.as_system("a"))


def test_text_that_is_no_unicode_is_mended_so_that_it_can_be_exported() -> None:
    span = started()

    put(span, input_events([ChatMessage.as_user("half a pair: \ud83d")], NOW))

    assert events_of(span)[0][1]["content"] == "half a pair: ?"
