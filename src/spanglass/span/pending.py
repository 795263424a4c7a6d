"""A span of ours before the SDK has made it: the program goes on, and the span is made when it is needed.

Making, ending and handing on a span would be a third of what capturing a call costs its caller. All that others see of
it meanwhile, its ids, is settled when the call begins; the SDK makes the rest of it on our own thread, or at once where
somebody touches it.

Invariant: the span that is made is the one that would have been made at once: the same ids, parent, times and
attributes. A span is pending only where nobody is told of spans before a batch of them is exported
(`spanglass.span.maker`), and it is made before that.
"""

from __future__ import annotations

import time
from copy import copy
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import Span, SpanContext, SpanKind, TraceFlags, TraceState

from spanglass.guard import Boundary
from spanglass.span.sink import late_on, say_now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from opentelemetry.context import Context
    from opentelemetry.trace import Status, StatusCode, Tracer
    from opentelemetry.util.types import Attributes, AttributeValue
    from typing_extensions import Self

    from spanglass.span.late import Backlog, Late, MaskAll, Said

_MAKE = Boundary("span.make")
_SAMPLED = int(TraceFlags.SAMPLED)
_RANDOM = int(getattr(TraceFlags, "RANDOM_TRACE_ID", 0))


class PendingSpan(Span):
    """A span that is made by ``tracer`` when it is needed. What is to be said on it is given as to `Late`.

    Args:
        tracer: the SDK's.
        name, context, started_at: as for `Tracer.start_span`.
        parent: the span context that the tracer will find in ``context``, or None without one.
        ids: trace id and span id.
        mask_all: masks what the span says.
        backlog: where it waits once it has ended; its lock is held while the span is made.
    """

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        context: Context,
        started_at: int,
        parent: SpanContext | None,
        ids: tuple[int, int],
        mask_all: MaskAll,
        backlog: Backlog,
    ) -> None:
        self._tracer: Tracer = tracer
        self._name = name
        self._around: Context = context
        self._started_at = started_at
        self._parent = parent
        #: Trace id and span id.
        self.ids = ids
        self._mask_all = mask_all
        self._backlog = backlog
        self._ended_at: int | None = None
        self._sayings: list[Callable[[], Said]] = []
        self._made: Any = None
        self._late: Late | None = None
        self._own_context: SpanContext | None = None

    def add(self, saying: Callable[[], Said], *, last: bool = False) -> None:
        """Something more to say, as `Late.add`."""
        with self._backlog.lock:
            if self._made is None:
                self._sayings.append(saying)
            elif self._late is not None:
                self._late.add(saying, last=last)
            else:
                say_now(self._made, saying())

    def finish(self, saying: Callable[[], Said], ended_at: int) -> None:
        """Has the last thing to say, and ends."""
        with self._backlog.lock:
            if self._made is None:
                self._sayings.append(saying)
                self._ended_at = self._ended_at or ended_at
            elif self._ended_at is None:
                self.add(saying, last=True)
                self.end(ended_at)

    def say(self) -> None:
        """Makes the span, if nothing has made it yet, ends it if it has ended, and says all that waits."""
        with _MAKE, self._backlog.lock:
            self._span()
            if self._late is not None:
                self._late.say()

    def _span(self) -> Any:
        """The span of the SDK."""
        with self._backlog.lock:
            if self._made is None:
                self._make()
            return self._made

    def _make(self) -> None:
        made: Any = start_span(self._tracer, self._name, self._around, self._started_at, self.ids)
        self._made = made
        self._late = late_on(made, self._mask_all)
        sayings, self._sayings = self._sayings, []
        ended_at = self._ended_at
        for saying in sayings:
            if self._late is not None:
                self._late.add(saying, last=ended_at is not None)
            else:
                say_now(made, saying())
        if ended_at is not None:
            made.end(ended_at)

    def get_span_context(self) -> SpanContext:
        """Its ids, which do not change when it is made."""
        context = self._own_context
        if context is None:
            parent = self._parent
            if parent is not None:
                flags, state = _SAMPLED | (int(parent.trace_flags) & _RANDOM), parent.trace_state
            else:
                is_random: Any = getattr(getattr(self._tracer, "id_generator", None), "is_trace_id_random", None)
                flags, state = _SAMPLED | (_RANDOM if is_random is not None and is_random() else 0), TraceState()
            trace_id, span_id = self.ids
            context = SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(flags), trace_state=state)
            self._own_context = context
        return context

    def is_recording(self) -> bool:
        """It has not ended."""
        return self._ended_at is None

    def end(self, end_time: int | None = None) -> None:
        """Ends it; one that is pending is ended when it is made."""
        with self._backlog.lock:
            if self._ended_at is None:
                self._ended_at = end_time or time.time_ns()
            if self._made is not None:
                self._made.end(end_time)

    def update_name(self, name: str) -> None:
        """See `opentelemetry.trace.Span.update_name`."""
        with self._backlog.lock:
            if self._made is None:
                self._name = name
            else:
                self._made.update_name(name)

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        """See `opentelemetry.trace.Span.set_attributes`."""
        self._span().set_attributes(attributes)

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """See `opentelemetry.trace.Span.set_attribute`."""
        self._span().set_attribute(key, value)

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """See `opentelemetry.trace.Span.add_event`."""
        self._span().add_event(name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """See `opentelemetry.trace.Span.add_link`."""
        self._span().add_link(context, attributes)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """See `opentelemetry.trace.Span.set_status`."""
        self._span().set_status(status, description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: FBT001, FBT002 - OpenTelemetry's signature
    ) -> None:
        """See `opentelemetry.trace.Span.record_exception`."""
        self._span().record_exception(exception, attributes, timestamp, escaped)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._span().__exit__(kind, error, tb)

    def __getattr__(self, name: str) -> Any:
        """What the SDK's spans have beyond the API's: attributes, kind, resource."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._span(), name)


def start_span(tracer: Tracer, name: str, context: Context, started_at: int, ids: tuple[int, int]) -> Span:
    """The span that a tracer of the SDK starts, under ids that are settled already; see `Tracer.start_span`."""
    given: Any = copy(tracer)
    given.id_generator = _Given(given.id_generator, ids)
    span: Span = given.start_span(name, context, SpanKind.CLIENT, start_time=started_at)
    return span


class _Given:
    """An id generator that gives the ids which were settled when the call began."""

    def __init__(self, outer: Any, ids: tuple[int, int]) -> None:
        self._outer = outer
        self._ids = ids

    def generate_trace_id(self) -> int:
        return self._ids[0]

    def generate_span_id(self) -> int:
        return self._ids[1]

    def is_trace_id_random(self) -> bool:
        return bool(self._outer.is_trace_id_random())
