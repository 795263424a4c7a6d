"""The span of an operation of the program's own: the current one or a new one, with its steps as events.

Invariant: a span that is not ours keeps its name, status and end. At most about a hundred events are added: the first
steps as they happen, the last ones when the operation ends, and one event that says how many are left out.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from spanglass.span.identity import own_ids, service_name
from spanglass.span.preview import excerpt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span, Tracer

    from spanglass.span.attributes import AttributeName, Attributes, EventName

#: Events of the first and of the last steps: on a span of our own, and on one that may have others' events too.
_OWN_HEAD, _OWN_TAIL = 32, 64
_SHARED_HEAD, _SHARED_TAIL = 8, 16
_STATUS_TEXT_LIMIT = 1_000
_TAKEN: AttributeName = "spanglass.operation"
_STEP: EventName = "spanglass.step"
_ELIDED: EventName = "spanglass.steps.elided"
#: What makes a span one of generative AI: the exporter keeps its envelope, unless it finds a reference of ours on it.
_GEN_AI = "gen_ai.operation.name"
_CLAIMING = threading.Lock()


class _Event(NamedTuple):
    attributes: dict[str, Any]
    timestamp: int


class OperationSpan:
    """The span of one operation.

    Args:
        span: the current one, which `claim` has given to it; None makes a new one.
        tracer: makes it.
        name: the operation's.
        started_at: ns since the epoch.
        attributes: what is known when it begins.
        ends: `finish` will be called.
    """

    def __init__(
        self, span: Span | None, tracer: Tracer, name: str, started_at: int, attributes: Attributes, *, ends: bool
    ) -> None:
        outer = trace.get_current_span().get_span_context()
        self.shared = span is not None
        self.span: Span = span or tracer.start_span(name, kind=SpanKind.INTERNAL, start_time=started_at)
        self.name = str(getattr(self.span, "name", name)) if self.shared else name
        self.started_at = int(getattr(self.span, "start_time", None) or started_at) if self.shared else started_at
        recording = self.span.is_recording()
        self.trace_id, self.span_id = own_ids(self.span, recording=recording, parent=outer)
        parent = getattr(self.span, "parent", None) if recording else (outer if outer.is_valid else None)
        self.parent_span_id = None if parent is None else trace.format_span_id(parent.span_id)
        self.service = service_name(getattr(self.span, "resource", None))
        self.is_gen_ai = self.shared and _GEN_AI in self.attributes
        head, tail = (_SHARED_HEAD, _SHARED_TAIL) if self.shared else (_OWN_HEAD, _OWN_TAIL)
        self._ends = ends
        self._head = head if ends else head + tail
        self._tail: deque[_Event] = deque(maxlen=tail)
        self._count = self._said = 0
        if not self.is_gen_ai:
            attributes = {**attributes, "spanglass.ref": f"{self.trace_id}/{self.span_id}"}
        self.describe(attributes)

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What the span says by now, as far as it can be read."""
        return getattr(self.span, "attributes", None) or {}

    def describe(self, attributes: Attributes) -> None:
        """Says more."""
        self.span.set_attributes(cast("dict[str, Any]", attributes))

    def add_step(self, attributes: dict[str, Any], timestamp: int) -> None:
        """Says that a step happened; the last of many are held back until `finish`."""
        self._count += 1
        if self._count <= self._head:
            self.span.add_event(_STEP, attributes, timestamp)
            self._said = self._count
        elif self._ends:
            self._tail.append(_Event(attributes, timestamp))
        if not self._ends:
            self.describe({"spanglass.steps": self._count})

    def finish(self, ended_at: int, status: str | None, error: BaseException | None) -> None:
        """Says what was held back, and how the operation ended; ends the span if it is ours.

        Args:
            ended_at: ns since the epoch.
            status: what went wrong, or None.
            error: the exception, unless the span has it already.
        """
        if not self.span.is_recording():  # it is not sampled, or has ended before: the operation went on after that
            return
        self._say_last()
        if self.shared:
            return
        if status is not None:
            self.span.set_status(Status(StatusCode.ERROR, excerpt(status, _STATUS_TEXT_LIMIT)))
        if error is not None:
            self.span.record_exception(error)
        self.span.end(ended_at)

    def _say_last(self) -> None:
        left_out = self._count - self._said - len(self._tail)
        if left_out:
            elided = {"count": left_out, "first_index": self._said, "last_index": self._said + left_out - 1}
            self.span.add_event(_ELIDED, elided, self._tail[0].timestamp)
        for event in self._tail:
            self.span.add_event(_STEP, event.attributes, event.timestamp)
        self._tail.clear()
        self._said = self._count


def claim(operation: str) -> Span | None:
    """The current span for an operation, if it is recording and no other operation has it; then none else gets it."""
    span = trace.get_current_span()
    if not span.is_recording():
        return None
    with _CLAIMING:
        if _TAKEN in (getattr(span, "attributes", None) or {}):
            return None
        span.set_attribute(_TAKEN, operation)
        return span if _TAKEN in (getattr(span, "attributes", None) or {}) else None
