"""Message and attempt events, within what a span can hold.

Invariant: a call adds at most about a hundred events, below the SDK's 128 (which drops the oldest silently): the
first and the last messages are kept, and one event says how many are left out.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from spanglass.span.preview import excerpt, text_of
from spanglass.span.sink import add_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.trace import Span

    from spanglass.model.message import ChatMessage

_INPUT_LIMIT = 64
_HEAD = 4
_OUTPUT_LIMIT = 16
_ATTEMPT_LIMIT = 16
#: Characters of all message events of a call together, and the least that each may have.
_TOTAL_CONTENT = 24_000
_LEAST_CONTENT = 200


def emit_input(span: Span, messages: Sequence[ChatMessage], timestamp: int, *, whole: bool = False) -> None:
    """One event a message of the context window; of a long one the first and last."""
    _emit_messages(span, messages, 0, _INPUT_LIMIT, timestamp, whole=whole)


def emit_output(
    span: Span, messages: Sequence[ChatMessage], start: int, timestamp: int, *, whole: bool = False
) -> None:
    """One event a message of the answer; ``start`` is the index that follows the context window's last."""
    _emit_messages(span, messages, start, _OUTPUT_LIMIT, timestamp, whole=whole)


def emit_attempt(span: Span, number: int, attributes: dict[str, Any], timestamp: int) -> None:
    """One event an attempt; beyond the first few the span's ``spanglass.attempts`` still counts them."""
    if number <= _ATTEMPT_LIMIT:
        add_event(span, "spanglass.attempt", attributes, timestamp)


def message_hash(message: ChatMessage) -> str:
    """Sixteen hex digits that are equal for equal messages: of the role and the readable text, SHA-256."""
    text = f"{message.role}\0{text_of(message)}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _emit_messages(
    span: Span, messages: Sequence[ChatMessage], start: int, limit: int, timestamp: int, *, whole: bool
) -> None:
    count = len(messages)
    shown: Sequence[int] = range(count)
    if count > limit:
        head, tail = range(_HEAD), range(count - limit + _HEAD, count)
        shown = [*head, *tail]
    budget = None if whole else max(_LEAST_CONTENT, _TOTAL_CONTENT // max(1, len(shown)))
    for position, index in enumerate(shown):
        if count > limit and position == _HEAD:
            elided = {
                "count": count - limit,
                "first_index": start + _HEAD,
                "last_index": start + count - limit + _HEAD - 1,
            }
            add_event(span, "spanglass.messages.elided", elided, timestamp)
        message = messages[index]
        content = text_of(message)
        attributes = {
            "role": message.role,
            "content": content if budget is None else excerpt(content, budget),
            "index": start + index,
            "hash": message_hash(message),
        }
        add_event(span, "gen_ai.message", attributes, timestamp)
