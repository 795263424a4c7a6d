"""A span of ours before the SDK has made it: the program goes on, and the span is made when it is needed.

Making, ending and handing on a span would be a third of what capturing a call costs its caller. All that others see of
it meanwhile, its ids, is settled when the call begins; the SDK makes the rest of it on our own thread, or at once where
somebody touches it.

Invariant: the span that is made is the one that would have been made at once: the same ids, parent, times and
attributes. A span is pending only where nobody is told of spans before a batch of them is exported
(`spanglass.span.maker`), and it is made before that.
"""

from __future__ import annotations

import os
import threading
import time
from copy import copy
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from opentelemetry.trace import Span, SpanContext, SpanKind, TraceFlags, TraceState

from spanglass.guard import Boundary
from spanglass.span.sink import late_on, say_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType

    from opentelemetry.context import Context
    from opentelemetry.trace import Status, StatusCode, Tracer
    from opentelemetry.util.types import Attributes, AttributeValue
    from typing_extensions import Self

    from spanglass.span.late import Late, MaskAll, Said

#: Gives what a span has to say when it is made.
Sayings: TypeAlias = "Callable[[], Iterable[Callable[[], Said]]]"

_MAKE = Boundary("span.make")
_SAMPLED = int(TraceFlags.SAMPLED)
_RANDOM = int(getattr(TraceFlags, "RANDOM_TRACE_ID", 0))


class Settled(msgspec.Struct, frozen=True):
    """What is settled of a span when its call begins.

    Args:
        name, context, started_at: as for `Tracer.start_span`.
        parent: the span context that the tracer will find in ``context``, or None without one.
        trace_id, span_id: its ids.
    """

    name: str
    context: Context
    started_at: int
    parent: SpanContext | None
    trace_id: int
    span_id: int

    def start(self, tracer: Tracer, name: str | None = None) -> Span:
        """The span, as a tracer of the SDK starts it."""
        given: Any = copy(tracer)
        given.id_generator = _Given(given.id_generator, self)
        span: Span = given.start_span(name or self.name, self.context, SpanKind.CLIENT, start_time=self.started_at)
        return span


class PendingSpan(Span):
    """A span that is made when it is needed.

    Args:
        tracer: the SDK's, which makes it.
        settled: what is settled of it.
        sayings: gives what it has to say by then; what there is to say later is given as to `Late`.
        mask_all: masks what the span says.
    """

    #: How many bytes it holds on to until it speaks.
    size = 0

    def __init__(self, tracer: Tracer, settled: Settled, sayings: Sayings, mask_all: MaskAll) -> None:
        self.trace_id, self.span_id = settled.trace_id, settled.span_id
        self._tracer = tracer
        self._settled = settled
        self._sayings: Sayings | None = sayings
        self._mask_all = mask_all
        self._name: str | None = None
        self._ended_at: int | None = None
        self._made: Any = None
        self._late: Late | None = None
        self._own_context: SpanContext | None = None

    @property
    def _lock(self) -> AbstractContextManager[Any]:
        return _locks[self.span_id % len(_locks)]

    def add(self, saying: Callable[[], Said], *, last: bool = False) -> None:
        """Something more to say, as `Late.add`; one that is pending asks for it when it is made."""
        with self._lock:
            if self._late is not None:
                self._late.add(saying, last=last)
            elif self._made is not None:
                say_now(self._made, saying())

    def say(self) -> None:
        """Makes the span, if nothing has made it yet, ends it if it has ended, and says all that waits."""
        with _MAKE, self._lock:
            self._span()
            if self._late is not None:
                self._late.say()

    def _span(self) -> Any:
        """The span of the SDK."""
        with self._lock:
            if self._made is None:
                self._make()
            return self._made

    def _make(self) -> None:
        self._made = made = self._settled.start(self._tracer, self._name)
        self._late = late_on(made, self._mask_all)
        sayings, self._sayings = self._sayings, None  # it knows us: a cycle
        for saying in () if sayings is None else sayings():
            self.add(saying, last=self._ended_at is not None)
        if self._ended_at is not None:
            made.end(self._ended_at)

    def get_span_context(self) -> SpanContext:
        """Its ids, which do not change when it is made."""
        context = self._own_context
        if context is None:
            parent = self._settled.parent
            if parent is not None:
                flags, state = _SAMPLED | (int(parent.trace_flags) & _RANDOM), parent.trace_state
            else:
                is_random: Any = getattr(getattr(self._tracer, "id_generator", None), "is_trace_id_random", None)
                flags, state = _SAMPLED | (_RANDOM if is_random is not None and is_random() else 0), TraceState()
            context = SpanContext(
                self.trace_id, self.span_id, is_remote=False, trace_flags=TraceFlags(flags), trace_state=state
            )
            self._own_context = context
        return context

    def is_recording(self) -> bool:
        """It has not ended."""
        return self._ended_at is None

    def end(self, end_time: int | None = None) -> None:
        """Ends it; one that is pending is ended when it is made."""
        with self._lock:
            if self._ended_at is None:
                self._ended_at = end_time or time.time_ns()
            if self._late is not None:
                self._late.end()
            if self._made is not None:
                self._made.end(end_time)

    def update_name(self, name: str) -> None:
        """See `opentelemetry.trace.Span.update_name`."""
        with self._lock:
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


class _Given:
    """An id generator that gives the ids which were settled when the call began."""

    def __init__(self, outer: Any, settled: Settled) -> None:
        self._outer = outer
        self._settled = settled

    def generate_trace_id(self) -> int:
        return self._settled.trace_id

    def generate_span_id(self) -> int:
        return self._settled.span_id

    def is_trace_id_random(self) -> bool:
        return bool(self._outer.is_trace_id_random())


def _begin_locks() -> None:
    global _locks  # noqa: PLW0603 - a forked child has its own
    _locks = tuple(threading.RLock() for _ in range(64))


#: Held while a span is made. One of its own for each would be one more object that the garbage collector looks at.
_locks: tuple[AbstractContextManager[Any], ...]
_begin_locks()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_locks)
