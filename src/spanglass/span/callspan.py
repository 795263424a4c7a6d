"""The span of one call: begun or adopted, described within bounds, and ended once.

Invariant: a span that was adopted keeps its name, status and end; only what is ours is added to it, and only while it
is recording. Without a recording span the call still has ids, its own, under which its record is found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from spanglass.span import events
from spanglass.span.adopt import adoptable_span
from spanglass.span.attributes import request_attributes, usage_attributes
from spanglass.span.identity import own_ids, service_name
from spanglass.span.preview import excerpt, instructions_preview, messages_preview
from spanglass.span.sink import set_attributes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.trace import Span, Tracer

    from spanglass.model.message import ChatMessage
    from spanglass.model.record import ErrorInfo, State, Usage
    from spanglass.span.attributes import Attributes

_STATUS_TEXT_LIMIT = 1_000
_SYSTEM_ROLES = frozenset({"system", "developer"})


class Answer(NamedTuple):
    """What the span says of how a call ended."""

    state: State
    error: ErrorInfo | None
    output: Sequence[ChatMessage]
    response_model: str | None
    response_id: str | None
    finish_reasons: Sequence[str]
    usage: Usage
    attempts: int
    redactions: int
    complete: bool
    first_byte_ns: int | None
    ended_at: int


class CallSpan:
    """The span of one call, with the ids under which the record of the call is kept.

    Args:
        tracer: makes the span, if no other instrumentation has made one for this call already.
        name: ``{operation} {model}``.
        started_at: ns since the epoch.
        attributes: what is known before the call leaves (a sampler sees it).
        content: whether messages may go on the span.
        limit: bytes of a preview, or None for whole messages.
    """

    def __init__(
        self, tracer: Tracer, name: str, started_at: int, attributes: Attributes, *, content: bool, limit: int | None
    ) -> None:
        self._content = content
        self._limit = limit
        self._message_count = 0
        found = adoptable_span()
        self.adopted = found is not None
        current = trace.get_current_span().get_span_context()
        self.span: Span = found or tracer.start_span(
            name, kind=SpanKind.CLIENT, attributes=cast("dict[str, Any]", attributes), start_time=started_at
        )
        self.name = str(getattr(self.span, "name", name)) if self.adopted else name
        self.started_at = int(getattr(self.span, "start_time", None) or started_at) if self.adopted else started_at
        self.trace_id, self.span_id = own_ids(self.span, current)
        parent = (
            getattr(self.span, "parent", None) if self.span.is_recording() else (current if current.is_valid else None)
        )
        self.parent_span_id = None if parent is None else trace.format_span_id(parent.span_id)
        self.service = service_name(self.span)

    @property
    def ref(self) -> str:
        """What finds the record: ``trace_id/span_id``."""
        return f"{self.trace_id}/{self.span_id}"

    def describe_request(self, messages: Sequence[ChatMessage], options: dict[str, Any]) -> None:
        """Says what the model was given."""
        span = self.span
        if not span.is_recording():
            return
        self._message_count = len(messages)
        attributes: Attributes = {"spanglass.ref": self.ref}
        if not self.adopted:
            attributes.update(request_attributes(options))
        if self._content:
            system = [message for message in messages if message.role in _SYSTEM_ROLES]
            others = [message for message in messages if message.role not in _SYSTEM_ROLES] if system else messages
            place = f"spanglass://{self.ref}#"
            if others:
                attributes["gen_ai.input.messages"] = messages_preview(others, self._limit)
                attributes["gen_ai.input.messages_ref"] = f"{place}messages"
            if system:
                attributes["gen_ai.system_instructions"] = instructions_preview(system, self._limit)
                attributes["gen_ai.system_instructions_ref"] = f"{place}messages"
        set_attributes(span, attributes)
        if self._content:
            events.emit_input(span, messages, self.started_at, whole=self._limit is None)

    def add_attempt(self, number: int, started_at: int, attributes: dict[str, Any]) -> None:
        """Says how one HTTP exchange went."""
        if self.span.is_recording():
            events.emit_attempt(self.span, number, {"number": number, **attributes}, started_at)

    def finish(self, answer: Answer, error: BaseException | None) -> None:
        """Says how the call ended, and ends the span unless it is another's."""
        span = self.span
        if span.is_recording():
            set_attributes(span, self._answer_attributes(answer))
            if self._content and answer.output:
                events.emit_output(span, answer.output, self._message_count, answer.ended_at, whole=self._limit is None)
            if answer.error is not None and not self.adopted:
                self._fail(answer.error, error)
        if not self.adopted:
            span.end(answer.ended_at)

    def _answer_attributes(self, answer: Answer) -> Attributes:
        attributes: Attributes = {
            "spanglass.state": answer.state,
            "spanglass.attempts": answer.attempts,
            "spanglass.complete": answer.complete,
        }
        if answer.redactions:
            attributes["spanglass.redactions"] = answer.redactions
        if self._content and answer.output:
            preview = messages_preview(answer.output, self._limit, answer.finish_reasons)
            attributes["gen_ai.output.messages"] = preview
            attributes["gen_ai.output.messages_ref"] = f"spanglass://{self.ref}#output"
        if self.adopted:
            return attributes
        attributes.update(usage_attributes(answer.usage))
        if answer.response_model:
            attributes["gen_ai.response.model"] = answer.response_model
        if answer.response_id:
            attributes["gen_ai.response.id"] = answer.response_id
        if answer.finish_reasons:
            attributes["gen_ai.response.finish_reasons"] = tuple(answer.finish_reasons)
        if answer.first_byte_ns is not None:
            attributes["gen_ai.response.time_to_first_chunk"] = answer.first_byte_ns / 1e9
        return attributes

    def _fail(self, info: ErrorInfo, error: BaseException | None) -> None:
        self.span.set_attribute("error.type", info.type)
        self.span.set_status(Status(StatusCode.ERROR, excerpt(info.message, _STATUS_TEXT_LIMIT)))
        if error is not None:
            self.span.record_exception(error)
