"""The span of one call: begun or adopted, described within bounds, and ended once.

Invariant: a span that was adopted keeps its name, status and end; only what is ours is added to it, and only while it
is recording. Without a recording span the call still has ids, its own, under which its record is found. Nothing is read
here: what bodies say is read when the span says it (`spanglass.span.late`).
"""

from __future__ import annotations

import os
import random
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from spanglass.span import events
from spanglass.span.adopt import adopt_span
from spanglass.span.attributes import request_attributes, response_attributes
from spanglass.span.late import Said
from spanglass.span.preview import excerpt, instructions_preview, messages_preview
from spanglass.span.sink import late_on, say_now

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.trace import Span, Tracer

    from spanglass.model.message import ChatMessage
    from spanglass.model.record import ErrorInfo, State, Usage
    from spanglass.settings import Spans
    from spanglass.span.attributes import Attributes
    from spanglass.span.late import Event, Late, MaskAll

_STATUS_TEXT_LIMIT = 1_000
_SYSTEM_ROLES = frozenset({"system", "developer"})
#: Ids are no secrets and must not disturb the host's seeded random numbers.
_random = random.Random()  # noqa: S311 - as the OpenTelemetry SDK's own id generator
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)  # else all children give their calls the same ids


class Question(Protocol):
    """What a span says of a request, once it is read; `spanglass.wire.base.RequestView` is one."""

    @property
    def messages(self) -> Sequence[ChatMessage]: ...
    @property
    def options(self) -> dict[str, Any]: ...


class Answer(Protocol):
    """What a span says of an answer, once it is read; `spanglass.wire.base.ResponseView` is one."""

    @property
    def output(self) -> Sequence[ChatMessage]: ...
    @property
    def response_model(self) -> str | None: ...
    @property
    def response_id(self) -> str | None: ...
    @property
    def finish_reasons(self) -> Sequence[str]: ...
    @property
    def usage(self) -> Usage: ...


class Ending(NamedTuple):
    """How a call ended, as far as its span says so. Times are ns since the epoch, or ns from the attempt's start."""

    state: State
    error: ErrorInfo | None
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
        mask_all: masks what the span says late.
        spans: whether another's span is adopted, or the call always has its own, or adopts one or has none.
    """

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        started_at: int,
        attributes: Attributes,
        *,
        content: bool,
        limit: int | None,
        mask_all: MaskAll,
        spans: Spans = "adopt",
    ) -> None:
        self._content = content
        self._limit = limit
        self._message_count = 0
        found = adopt_span(attributes.get("gen_ai.request.model")) if spans != "own" else None
        self.adopted = found is not None
        current = trace.get_current_span().get_span_context()
        self.span: Span = found or (
            trace.NonRecordingSpan(current)
            if spans == "none"
            else tracer.start_span(
                name, kind=SpanKind.CLIENT, attributes=cast("dict[str, Any]", attributes), start_time=started_at
            )
        )
        self.late: Late | None = late_on(self.span, mask_all) if self.span.is_recording() else None
        self.name = str(getattr(self.span, "name", name)) if self.adopted else name
        self.started_at = int(getattr(self.span, "start_time", None) or started_at) if self.adopted else started_at
        self.trace_id, self.span_id = _own_ids(self.span, current)
        parent = (
            getattr(self.span, "parent", None) if self.span.is_recording() else (current if current.is_valid else None)
        )
        self.parent_span_id = None if parent is None else trace.format_span_id(parent.span_id)
        self.service = _service_name(self.span)

    @property
    def ref(self) -> str:
        """What finds the record: ``trace_id/span_id``."""
        return f"{self.trace_id}/{self.span_id}"

    def describe_request(self, read: Callable[[], Question]) -> None:
        """Says what the model was given, which ``read`` gives."""
        if self.span.is_recording():
            self._say(partial(self._of_request, read))

    def add_attempt(self, number: int, started_at: int, attributes: dict[str, Any]) -> None:
        """Says how one HTTP exchange went."""
        if self.span.is_recording():
            said = Said({}, events.attempt_events(number, {"number": number, **attributes}, started_at))
            self._say(lambda: said)

    def finish(self, ending: Ending, error: BaseException | None, read: Callable[[], Answer] | None) -> None:
        """Says how the call ended and what was answered, which ``read`` gives; ends the span unless it is another's."""
        span = self.span
        if span.is_recording():
            self._say(partial(self._of_answer, ending, read), last=True)
            if ending.error is not None and not self.adopted:
                self._fail(ending.error, error)
        if not self.adopted:
            span.end(ending.ended_at)

    def _say(self, saying: Callable[[], Said], *, last: bool = False) -> None:
        if self.late is not None:
            self.late.add(saying, last=last)
        else:
            say_now(self.span, saying())

    def _of_request(self, read: Callable[[], Question]) -> Said:
        attributes: Attributes = {"spanglass.ref": self.ref}
        request = read()
        messages = request.messages
        self._message_count = len(messages)
        if not self.adopted:
            attributes.update(request_attributes(request.options))
        if not self._content:
            return Said(cast("dict[str, Any]", attributes))
        system = [message for message in messages if message.role in _SYSTEM_ROLES]
        others = [message for message in messages if message.role not in _SYSTEM_ROLES] if system else messages
        place = f"spanglass://{self.ref}#"
        if others:
            attributes["gen_ai.input.messages"] = messages_preview(others, self._limit)
            attributes["gen_ai.input.messages_ref"] = f"{place}messages"
        if system:
            attributes["gen_ai.system_instructions"] = instructions_preview(system, self._limit)
            attributes["gen_ai.system_instructions_ref"] = f"{place}messages"
        told = events.input_events(messages, self.started_at, whole=self._limit is None)
        return Said(cast("dict[str, Any]", attributes), told)

    def _of_answer(self, ending: Ending, read: Callable[[], Answer] | None) -> Said:
        attributes: Attributes = {
            "spanglass.state": ending.state,
            "spanglass.attempts": ending.attempts,
            "spanglass.complete": ending.complete,
        }
        if ending.redactions:
            attributes["spanglass.redactions"] = ending.redactions
        if ending.first_byte_ns is not None and not self.adopted:
            attributes["gen_ai.response.time_to_first_chunk"] = ending.first_byte_ns / 1e9
        told: list[Event] = []
        if read is not None:
            answer = read()
            if not self.adopted:
                attributes.update(response_attributes(answer))
            if self._content and answer.output:
                preview = messages_preview(answer.output, self._limit, answer.finish_reasons)
                attributes["gen_ai.output.messages"] = preview
                attributes["gen_ai.output.messages_ref"] = f"spanglass://{self.ref}#output"
                whole = self._limit is None
                told = events.output_events(answer.output, self._message_count, ending.ended_at, whole=whole)
        return Said(cast("dict[str, Any]", attributes), told)

    def _fail(self, info: ErrorInfo, error: BaseException | None) -> None:
        self.span.set_attribute("error.type", info.type)
        self.span.set_status(Status(StatusCode.ERROR, excerpt(info.message, _STATUS_TEXT_LIMIT)))
        if error is not None:
            self.span.record_exception(error)


def _own_ids(span: Span, parent: trace.SpanContext) -> tuple[str, str]:
    """The span's ids; where there is no span of its own (no SDK, or one that only passes its parent on), new ones."""
    context = span.get_span_context()
    own = context.is_valid and (span.is_recording() or context.span_id != parent.span_id)
    trace_id = context.trace_id if context.is_valid else _random.getrandbits(128) or 1
    span_id = context.span_id if own else _random.getrandbits(64) or 1
    return trace.format_trace_id(trace_id), trace.format_span_id(span_id)


def _service_name(span: Span) -> str:
    resource = getattr(span, "resource", None)
    return str(resource.attributes.get("service.name", "")) if resource is not None else ""
