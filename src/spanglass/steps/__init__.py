"""Steps and error context: what a program did between its calls, kept for when it goes wrong.

Invariant: an exception that leaves a context is the host's own, with the trace of what had happened as a note. Nothing
here raises into the host, and nothing unmasked leaves it.
"""

from __future__ import annotations

from spanglass.steps.context import ErrorContext
from spanglass.steps.format import format_trace
from spanglass.steps.frame import current_context
from spanglass.steps.functional import add_trace_step, error_context, measure_trace_step

__all__ = [
    "ErrorContext",
    "add_trace_step",
    "current_context",
    "error_context",
    "format_trace",
    "measure_trace_step",
]
