"""A record: everything that is known of one span, and its JSON form, which is a contract.

Invariant: `Record.to_dict` gives the keys of the table in ``docs/record.md``, all of them, always, in that order.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from spanglass.model.message import ChatMessage
    from spanglass.model.step import Step

#: The life of a call. ``killed``: found ``started`` with its process gone. ``abandoned``: a stream dropped unread.
State: TypeAlias = Literal["started", "done", "error", "cancelled", "abandoned", "killed"]


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """What went wrong: the exception's qualified class, or the provider's error type, and its text, masked."""

    type: str
    message: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the provider reported them; None where it did not say. Input includes cached tokens."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None
    reasoning_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP exchange of a call.

    Args:
        number: 1 for the first.
        method, url: as sent, masked.
        status: the HTTP status, or None if no answer came.
        request_headers, response_headers: masked, in order; a repeated name keeps all its values, joined by ``", "``.
        request_body, response_body: the bytes, content-encoding undone, masked; None where there was none or it is not
            at hand (the record's ``missing`` says which).
        started_at, ended_at: ns since the epoch.
        first_byte_ns: from the start to the first byte of a streamed body, or None.
        complete: the answer arrived whole.
        error: what broke this exchange, or None. An HTTP error status alone is not an error here.
    """

    number: int
    method: str
    url: str
    started_at: int
    status: int | None = None
    request_headers: dict[str, str] = field(default_factory=dict)
    request_body: bytes | None = None
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: bytes | None = None
    first_byte_ns: int | None = None
    ended_at: int | None = None
    complete: bool = False
    error: ErrorInfo | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; bodies that are no UTF-8 text are base64, and ``encoding`` then says so."""
        request, request_is_text = _body_text(self.request_body)
        response, response_is_text = _body_text(self.response_body)
        value: dict[str, Any] = {
            "number": self.number,
            "method": self.method,
            "url": self.url,
            "status": self.status,
            "request_headers": dict(self.request_headers),
            "request_body": request,
            "response_headers": dict(self.response_headers),
            "response_body": response,
            "started_at": isoformat(self.started_at),
            "first_byte_ns": self.first_byte_ns,
            "ended_at": isoformat(self.ended_at),
            "complete": self.complete,
            "error": _error_dict(self.error),
        }
        if not response_is_text:
            value["encoding"] = "base64"
        if not request_is_text:
            value["request_encoding"] = "base64"
        return value


@dataclass(frozen=True, slots=True)
class Summary:
    """One line about a call: what lists, trees and searches need, without any payload. Times are ns since the epoch."""

    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    name: str = ""
    service: str = ""
    state: State = "started"
    started_at: int = 0
    ended_at: int | None = None
    workflow_id: str | None = None
    step_name: str | None = None
    step_attempt: int | None = None
    format: str = "opaque"
    provider: str | None = None
    operation: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    finish_reasons: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    error: ErrorInfo | None = None
    attempt_count: int = 0
    redactions: int = 0
    missing: tuple[str, ...] = ()

    @property
    def duration_ns(self) -> int | None:
        """From start to end in ns, or None while there is no end."""
        return None if self.ended_at is None else self.ended_at - self.started_at

    @property
    def complete(self) -> bool:
        """Nothing of the payload is missing and the call has ended."""
        return not self.missing and self.state not in ("started", "killed")

    @property
    def ref(self) -> str:
        """What fetches this record again: ``trace_id/span_id``."""
        return f"{self.trace_id}/{self.span_id}"

    def to_dict(self) -> dict[str, Any]:
        """The JSON form of the line: the record's own keys, less its payloads, with ``attempt_count``."""
        return {
            **_head(self),
            "error": _error_dict(self.error),
            "attempt_count": self.attempt_count,
            "redactions": self.redactions,
            "complete": self.complete,
            "missing": list(self.missing),
        }


@dataclass(frozen=True, slots=True)
class Record(Summary):
    """Everything that is known of one span.

    A store gives the attempts, steps and upstream context; the reader fills ``messages``, ``tools``, ``options`` and
    ``output`` from the attempts' bytes, because the bytes are the truth and the rest is a reading of them.
    """

    messages: tuple[ChatMessage, ...] = ()
    tools: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    output: tuple[ChatMessage, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    steps: tuple[Step, ...] = ()
    upstream_context: Any = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, the same from Python, ``spanglass show --json`` and the API."""
        return {
            **_head(self),
            "messages": [message.to_dict() for message in self.messages],
            "tools": list(self.tools),
            "options": dict(self.options),
            "output": [message.to_dict() for message in self.output],
            "error": _error_dict(self.error),
            "attempts": [attempt.to_dict() for attempt in self.attempts],
            "steps": [
                {
                    "step_name": step.step_name,
                    "data": step.data,
                    "timestamp": isoformat(step.timestamp),
                    "duration_ns": step.duration_ns,
                }
                for step in self.steps
            ],
            "upstream_context": self.upstream_context,
            "redactions": self.redactions,
            "complete": self.complete,
            "missing": list(self.missing),
        }


def isoformat(ns: int | None) -> str | None:
    """A time in ns since the epoch as ISO 8601 in UTC with microseconds, or None for None.

    Example:
        >>> isoformat(1_700_000_000_123_456_789)
        '2023-11-14T22:13:20.123456+00:00'
    """
    if ns is None:
        return None
    seconds, rest = divmod(ns, 1_000_000_000)
    return (
        datetime.fromtimestamp(seconds, timezone.utc).replace(microsecond=rest // 1000).isoformat("T", "microseconds")
    )


def _head(call: Summary) -> dict[str, Any]:
    usage = call.usage
    return {
        "trace_id": call.trace_id,
        "span_id": call.span_id,
        "parent_span_id": call.parent_span_id,
        "name": call.name,
        "service": call.service,
        "state": call.state,
        "started_at": isoformat(call.started_at),
        "ended_at": isoformat(call.ended_at),
        "duration_ns": call.duration_ns,
        "workflow_id": call.workflow_id,
        "step_name": call.step_name,
        "step_attempt": call.step_attempt,
        "format": call.format,
        "provider": call.provider,
        "operation": call.operation,
        "request_model": call.request_model,
        "response_model": call.response_model,
        "response_id": call.response_id,
        "finish_reasons": list(call.finish_reasons),
        "usage": {name: getattr(usage, name) for name in Usage.__slots__},
    }


def _error_dict(error: ErrorInfo | None) -> dict[str, str] | None:
    return None if error is None else {"type": error.type, "message": error.message}


def _body_text(body: bytes | None) -> tuple[str | None, bool]:
    if body is None:
        return None, True
    try:
        return body.decode("utf-8"), True
    except UnicodeDecodeError:
        return base64.b64encode(body).decode("ascii"), False
