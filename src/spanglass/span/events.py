"""Message and attempt events, within what a span can hold.

Invariant: a call adds at most about a hundred events, below the SDK's 128 (which drops the oldest silently): the
first and the last messages are kept, and one event says how many are left out.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from spanglass.span.late import Event
from spanglass.span.preview import excerpt, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.model.message import ChatMessage

_INPUT_LIMIT = 64
_HEAD = 4
_OUTPUT_LIMIT = 16
_ATTEMPT_LIMIT = 16
#: Characters of all message events of a call together, and the least that each may have.
_TOTAL_CONTENT = 24_000
_LEAST_CONTENT = 200


def input_events(messages: Sequence[ChatMessage], timestamp: int, *, whole: bool = False) -> list[Event]:
    """One event a message of the context window; of a long one the first and last."""
    return _message_events(messages, 0, _INPUT_LIMIT, timestamp, whole=whole)


def output_events(messages: Sequence[ChatMessage], start: int, timestamp: int, *, whole: bool = False) -> list[Event]:
    """One event a message of the answer; ``start`` is the index that follows the context window's last."""
    return _message_events(messages, start, _OUTPUT_LIMIT, timestamp, whole=whole)


class AttemptFacts(msgspec.Struct, frozen=True, gc=False):
    """What the event of an HTTP exchange says. Times are ns since the epoch; ``ended_at`` is 0 before its end."""

    number: int
    started_at: int
    ended_at: int
    status: int | None
    error_type: str
    retry_after: str


def attempt_events(attempts: Sequence[AttemptFacts]) -> list[Event]:
    """One event an attempt; beyond the first few the span's ``spanglass.attempts`` still counts them."""
    return [
        Event("spanglass.attempt", _of_attempt(attempt), attempt.started_at)
        for attempt in attempts
        if attempt.number <= _ATTEMPT_LIMIT
    ]


def _of_attempt(attempt: AttemptFacts) -> dict[str, Any]:
    attributes: dict[str, Any] = {"number": attempt.number}
    if attempt.ended_at:
        attributes["duration_ms"] = (attempt.ended_at - attempt.started_at) / 1e6
    if attempt.status is not None:
        attributes["status"] = attempt.status
    if attempt.error_type:
        attributes["error.type"] = attempt.error_type
    if attempt.retry_after:
        attributes["retry_after"] = attempt.retry_after
    return attributes


def message_hash(message: ChatMessage) -> str:
    """Sixteen hex digits that are equal for equal messages: of the role and the readable text, SHA-256."""
    text = f"{message.role}\0{text_of(message)}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _message_events(
    messages: Sequence[ChatMessage], start: int, limit: int, timestamp: int, *, whole: bool
) -> list[Event]:
    count = len(messages)
    shown: Sequence[int] = range(count)
    if count > limit:
        shown = [*range(_HEAD), *range(count - limit + _HEAD, count)]
    budget = None if whole else max(_LEAST_CONTENT, _TOTAL_CONTENT // max(1, len(shown)))
    events: list[Event] = []
    for position, index in enumerate(shown):
        if count > limit and position == _HEAD:
            elided = {
                "count": count - limit,
                "first_index": start + _HEAD,
                "last_index": start + count - limit + _HEAD - 1,
            }
            events.append(Event("spanglass.messages.elided", elided, timestamp))
        message = messages[index]
        content = text_of(message)
        attributes = {
            "role": message.role,
            "content": content if budget is None else excerpt(content, budget),
            "index": start + index,
            "hash": message_hash(message),
        }
        events.append(Event("gen_ai.message", attributes, timestamp))
    return events
