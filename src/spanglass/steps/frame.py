"""Which context, and which measured step of it, the program is in here.

Invariant: entering and leaving never disturbs what another thread or task is in. Where a frame is left is not always
where it was entered (an async generator may do that), and not always in the order of entering: what others put into the
context since then stays. No token is held across a yield of the host's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry import trace

from spanglass.guard import Boundary
from spanglass.listener import LISTENER, current_listener

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from spanglass.listener import Listener
    from spanglass.steps.context import ErrorContext
    from spanglass.steps.measured import Measured

_CALL = Boundary("steps.call")


class Frame:
    """The program is in ``context``, and in its step ``measured`` if that is not None.

    Args:
        context: which context.
        measured: which of its steps.
        span: the current one from here on; None leaves the one that is.
        outside: OpenTelemetry's context, in which it is entered.
    """

    __slots__ = ("_outside", "_span", "context", "inside", "measured", "outer")

    def __init__(self, context: ErrorContext, measured: Measured | None, span: Span | None, outside: Context) -> None:
        self.context = context
        self.measured = measured
        self.outer: Listener | None = current_listener(outside)
        self._span = span
        self._outside = outside
        within = outside if span is None else trace.set_span_in_context(span, outside)
        self.inside = otel_context.set_value(LISTENER, self, within)

    def call_began(self, span_id: str, name: str) -> None:
        """A call to a model began here: the step that it is in names it, or else the context."""
        with _CALL:
            self.context.note_call(self.measured, span_id, name)

    def leave(self) -> None:
        """The program goes on outside of it."""
        current = otel_context.get_current()
        after = self._outside
        if current is not self.inside:  # others entered something since, and have not left it yet
            after = otel_context.set_value(LISTENER, self.outer, current)
            if self._span is not None and trace.get_current_span(current) is self._span:
                after = trace.set_span_in_context(trace.get_current_span(self._outside), after)
        otel_context.attach(after)


def enter(context: ErrorContext, measured: Measured | None = None, span: Span | None = None) -> None:
    """From here on the program is in the context, with ``span`` as the current one if it is not None."""
    otel_context.attach(Frame(context, measured, span, otel_context.get_current()).inside)


def leave(context: ErrorContext, measured: Measured | None = None) -> None:
    """The program leaves the context or the step, and with it all that was entered inside and not left."""
    for frame in frames():
        if frame.context is context and frame.measured is measured:
            frame.leave()
            return


def frames() -> list[Frame]:
    """All that the program is in, the innermost first."""
    found: list[Frame] = []
    frame = current_listener(otel_context.get_current())
    while isinstance(frame, Frame):
        found.append(frame)
        frame = frame.outer
    return found


def current_context() -> ErrorContext | None:
    """The context that the program is in here, or None.

    Example:
        >>> from spanglass import error_context
        >>> with error_context("answer") as context:
        ...     current_context() is context
        True
    """
    frame = current_listener(otel_context.get_current())
    return frame.context if isinstance(frame, Frame) else None
