"""The span of one call: begun or adopted, described within bounds, and ended once.

Invariant: a span that was adopted keeps its name, status and end; only what is ours is added to it, and only while it
is recording. Without a recording span the call still has ids, its own, under which its record is found. Nothing is read
here: what bodies say is read when the span says it (`spanglass.span.late`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

import msgspec
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

from spanglass.span import events
from spanglass.span.adopt import adopt_span
from spanglass.span.attributes import request_attributes, response_attributes
from spanglass.span.identity import SPAN_KEY, own_ids, service_name
from spanglass.span.late import Said
from spanglass.span.pending import PendingSpan
from spanglass.span.preview import excerpt, instructions_preview, messages_preview
from spanglass.span.sink import late_on, say_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanContext

    from spanglass.model.message import ChatMessage
    from spanglass.model.record import ErrorInfo, State, Usage
    from spanglass.settings import Spans
    from spanglass.span.attributes import Attributes, Begun
    from spanglass.span.events import AttemptFacts
    from spanglass.span.late import Late
    from spanglass.span.maker import Maker

_STATUS_TEXT_LIMIT = 1_000
_SYSTEM_ROLES = frozenset({"system", "developer"})


class Asked(Protocol):
    """What a span says of a request, once it is read; `spanglass.wire.base.RequestView` is one."""

    @property
    def messages(self) -> Sequence[ChatMessage]:
        """What the model was given."""

    @property
    def options(self) -> dict[str, Any]:
        """The other keys of the body."""


class Question(Protocol):
    """A request that is read when the span says what it asks."""

    def read(self) -> Asked:
        """What it says."""


class Answered(Protocol):
    """What a span says of an answer, once it is read; `spanglass.wire.base.ResponseView` is one."""

    @property
    def output(self) -> Sequence[ChatMessage]:
        """One message a choice."""

    @property
    def response_model(self) -> str | None:
        """The model that answered."""

    @property
    def response_id(self) -> str | None:
        """The provider's id of the answer."""

    @property
    def finish_reasons(self) -> Sequence[str]:
        """Why each choice ended."""

    @property
    def usage(self) -> Usage:
        """The token counts that the provider reported."""


class Answer(Protocol):
    """An answer that is read when the span says it."""

    def read(self) -> Answered:
        """What it says."""


class SpanPolicy(NamedTuple):
    """How much of the messages goes on spans: bytes of a preview (None: all of it), or nothing at all."""

    content: bool
    limit: int | None


class Ending(msgspec.Struct, frozen=True, gc=False):
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
        maker: makes the span, if no other instrumentation has made one for this call already.
        begun: what is known before the call leaves.
        started_at: ns since the epoch.
        context: OpenTelemetry's, in which the call begins.
        policy: how much of the messages goes on the span.
        spans: whether another's span is adopted, or the call always has its own, or adopts one or has none.
    """

    def __init__(
        self,
        maker: Maker,
        begun: Begun,
        started_at: int,
        context: Context,
        policy: SpanPolicy,
        spans: Spans = "adopt",
    ) -> None:
        self.name, self.started_at = begun.name, started_at
        self._policy = policy
        self._begun: Begun | None = begun
        self._message_count = 0
        self._question: Question | None = None
        self._described = False
        self._ending: tuple[Ending, Answer | None] | None = None
        self._attempts: tuple[AttemptFacts, ...] = ()
        current = cast("Span", context.get(SPAN_KEY, trace.INVALID_SPAN))
        around = current.get_span_context()
        parent = None if current is trace.INVALID_SPAN or not around.is_valid else around
        found = None if spans == "own" else adopt_span(current, begun.model)
        self.adopted = found is not None
        if found is not None:
            span = found
        elif spans == "none":
            span = trace.NonRecordingSpan(around)
        else:
            span = maker.make(started_at, context, parent, begun, self.sayings)
        self.span: Span = span
        #: What says things on the span when it is needed; None where they have to be said at once.
        self.late: Late | PendingSpan | None
        if type(span) is PendingSpan:
            self.late = span
            self.service = service_name(maker.tracer.resource)
            self.trace_id, self.span_id = f"{span.trace_id:032x}", f"{span.span_id:016x}"
            self.parent_span_id = None if parent is None else f"{parent.span_id:016x}"
        else:
            self._is_there(span, maker, around)

    def _is_there(self, span: Any, maker: Maker, around: SpanContext) -> None:
        """The span has been made, perhaps by somebody else."""
        recording = span.is_recording()
        self.trace_id, self.span_id = own_ids(span, recording=recording, parent=around)
        self.late = late_on(span, maker.mask_all) if recording else None
        self.service = service_name(getattr(span, "resource", None))
        parent: SpanContext | None = around
        if self.adopted:
            self._begun = None
            self.name = str(getattr(span, "name", self.name))
            self.started_at = int(getattr(span, "start_time", None) or self.started_at)
            parent = getattr(span, "parent", None)
        self.parent_span_id = None if parent is None or not parent.is_valid else trace.format_span_id(parent.span_id)

    @property
    def ref(self) -> str:
        """What finds the record: ``trace_id/span_id``."""
        return f"{self.trace_id}/{self.span_id}"

    def describe_request(self, question: Question) -> None:
        """Says what the model was given."""
        if self._described:  # a span that was taken over
            if self._question is not None:  # and nobody has looked at it
                self._question = question
        elif self.span.is_recording():
            self._question = question
            self._described = True
            self._say(self._of_request)

    def rename(self, begun: Begun) -> None:
        """Another call has taken the span over, and knows better what it is."""
        if self.span.is_recording() and not self.adopted:
            self.name = begun.name
            self._begun = begun
            self.span.update_name(begun.name)
            self._say(self._of_beginning)

    def add_attempt(self, attempt: AttemptFacts) -> None:
        """Says how one HTTP exchange went: when the call ends, or at once on a span that may end before."""
        self._attempts += (attempt,)
        if self.adopted and self.span.is_recording():
            self._say(self._of_attempts)

    def finish(self, ending: Ending, error: BaseException | None, answer: Answer | None) -> None:
        """Says how the call ended and what was answered; ends the span unless it is another's."""
        span = self.span
        self._ending = ending, answer
        if span.is_recording():
            self._say(self._of_answer, last=True)
            if ending.error is not None and not self.adopted:
                self._fail(ending.error, error)
        if not self.adopted:
            span.end(ending.ended_at)

    def sayings(self) -> Iterator[Callable[[], Said]]:
        """What a pending span has to say when it is made."""
        yield self._of_request if self._described else self._of_beginning
        if self._ending is not None:
            yield self._of_answer

    def _say(self, saying: Callable[[], Said], *, last: bool = False) -> None:
        if self.late is not None:
            self.late.add(saying, last=last)
        else:
            say_now(self.span, saying())

    def _first(self) -> Attributes:
        """What was known when the call began; nothing for a span that is another's."""
        return {} if self._begun is None else self._begun.attributes()

    def _of_beginning(self) -> Said:
        return Said(cast("dict[str, Any]", self._first()))

    def _of_attempts(self) -> Said:
        attempts, self._attempts = self._attempts, ()
        return Said({}, events.attempt_events(attempts))

    def _of_request(self) -> Said:
        attributes: Attributes = {**self._first(), "spanglass.ref": self.ref}
        question, self._question = self._question, None  # it holds the body, and the host may hold the call for long
        if question is None:
            return Said(cast("dict[str, Any]", attributes))
        request = question.read()
        messages = request.messages
        self._message_count = len(messages)
        if not self.adopted:
            attributes.update(request_attributes(request.options))
        content, limit = self._policy
        if not content:
            return Said(cast("dict[str, Any]", attributes))
        system = [message for message in messages if message.role in _SYSTEM_ROLES]
        others = [message for message in messages if message.role not in _SYSTEM_ROLES] if system else messages
        place = f"spanglass://{self.ref}#"
        if others:
            attributes["gen_ai.input.messages"] = messages_preview(others, limit)
            attributes["gen_ai.input.messages_ref"] = f"{place}messages"
        if system:
            attributes["gen_ai.system_instructions"] = instructions_preview(system, limit)
            attributes["gen_ai.system_instructions_ref"] = f"{place}messages"
        told = events.input_events(messages, self.started_at, whole=limit is None)
        return Said(cast("dict[str, Any]", attributes), told)

    def _of_answer(self) -> Said:
        end, self._ending = self._ending, None
        if end is None:
            return Said({})
        ending, unread = end
        attributes: Attributes = {
            **self._first(),
            "spanglass.state": ending.state,
            "spanglass.attempts": ending.attempts,
            "spanglass.complete": ending.complete,
        }
        if ending.redactions:
            attributes["spanglass.redactions"] = ending.redactions
        if ending.first_byte_ns is not None and not self.adopted:
            attributes["gen_ai.response.time_to_first_chunk"] = ending.first_byte_ns / 1e9
        told = [*self._of_attempts().events]
        if unread is not None:
            answer = unread.read()
            if not self.adopted:
                attributes.update(response_attributes(answer))
            if self._policy.content and answer.output:
                limit = self._policy.limit
                preview = messages_preview(answer.output, limit, answer.finish_reasons)
                attributes["gen_ai.output.messages"] = preview
                attributes["gen_ai.output.messages_ref"] = f"spanglass://{self.ref}#output"
                whole = limit is None
                told += events.output_events(answer.output, self._message_count, ending.ended_at, whole=whole)
        return Said(cast("dict[str, Any]", attributes), told)

    def _fail(self, info: ErrorInfo, error: BaseException | None) -> None:
        self.span.set_attribute("error.type", info.type)
        self.span.set_status(Status(StatusCode.ERROR, excerpt(info.message, _STATUS_TEXT_LIMIT)))
        if error is not None:
            self.span.record_exception(error)
