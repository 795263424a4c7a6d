"""Which context, and which measured step of it, the program is in here.

Invariant: entering and leaving never disturbs what another thread or task is in; a frame that is left elsewhere than it
was entered (an async generator may do that) leaves that place as it is. No token is held across a yield of the host's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry import trace

from spanglass.guard import Boundary
from spanglass.listener import LISTENER

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from spanglass.listener import Listener
    from spanglass.steps.context import ErrorContext
    from spanglass.steps.measured import Measured

_CALL = Boundary("steps.call")


class Frame:
    """The program is in ``context``, and in its step ``measured`` if that is not None."""

    __slots__ = ("_spans", "context", "measured", "outer")

    def __init__(self, context: ErrorContext, measured: Measured | None, span: Span | None) -> None:
        self.context = context
        self.measured = measured
        self.outer: Listener | None = LISTENER.get()
        self._spans: tuple[Context, Context] | None = None
        if span is not None:
            outside = otel_context.get_current()
            self._spans = (trace.set_span_in_context(span, outside), outside)
            otel_context.attach(self._spans[0])

    def call_began(self, span_id: str, name: str) -> None:
        """A call to a model began here: the step that it is in names it, or else the context."""
        with _CALL:
            self.context.note_call(self.measured, span_id, name)

    def leave(self) -> None:
        """The program goes on outside of it."""
        LISTENER.set(self.outer)
        if self._spans is not None and otel_context.get_current() is self._spans[0]:
            otel_context.attach(self._spans[1])  # not detached: a token is of no use in another task than its own


def enter(context: ErrorContext, measured: Measured | None = None, span: Span | None = None) -> Frame:
    """From here on the program is in the context, with ``span`` as the current one if it is not None."""
    frame = Frame(context, measured, span)
    LISTENER.set(frame)
    return frame


def leave(context: ErrorContext, measured: Measured | None = None) -> None:
    """The program leaves the context or the step, and with it all that was entered inside and not left."""
    for frame in frames():
        if frame.context is context and frame.measured is measured:
            frame.leave()
            return


def frames() -> list[Frame]:
    """All that the program is in, the innermost first."""
    found: list[Frame] = []
    frame = LISTENER.get()
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
    frame = LISTENER.get()
    return frame.context if isinstance(frame, Frame) else None
