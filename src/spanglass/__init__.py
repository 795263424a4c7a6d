"""spanglass: see exactly what your model saw.

Invariant: importing this module imports nothing else of weight; each name is fetched at its first use.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it; importing `typing` alone would cost more than all that is here

if TYPE_CHECKING:
    from typing import Any

    from spanglass.capture.api import enabled, enabled_for, flush
    from spanglass.capture.instrumentor import install, uninstall
    from spanglass.errors import (
        Ambiguous,
        ConfigurationError,
        NotFound,
        SpanglassError,
        StoreError,
    )
    from spanglass.model.message import ChatMessage
    from spanglass.model.record import Attempt, ErrorInfo, Record, Summary, Usage
    from spanglass.model.step import Step
    from spanglass.place import step, workflow
    from spanglass.read import context_window, fetch, format_context_window, log_for_step, logs_for_workflow, trace
    from spanglass.steps import (
        ErrorContext,
        add_trace_step,
        current_context,
        error_context,
        format_trace,
        measure_trace_step,
    )

__version__ = "0.1.0"

_HOMES = {
    "Ambiguous": "spanglass.errors",
    "Attempt": "spanglass.model.record",
    "ChatMessage": "spanglass.model.message",
    "ConfigurationError": "spanglass.errors",
    "ErrorContext": "spanglass.steps",
    "ErrorInfo": "spanglass.model.record",
    "NotFound": "spanglass.errors",
    "Record": "spanglass.model.record",
    "SpanglassError": "spanglass.errors",
    "Step": "spanglass.model.step",
    "StoreError": "spanglass.errors",
    "Summary": "spanglass.model.record",
    "Usage": "spanglass.model.record",
    "add_trace_step": "spanglass.steps",
    "context_window": "spanglass.read",
    "current_context": "spanglass.steps",
    "enabled": "spanglass.capture.api",
    "enabled_for": "spanglass.capture.api",
    "error_context": "spanglass.steps",
    "fetch": "spanglass.read",
    "flush": "spanglass.capture.api",
    "format_context_window": "spanglass.read",
    "format_trace": "spanglass.steps",
    "install": "spanglass.capture.instrumentor",
    "log_for_step": "spanglass.read",
    "logs_for_workflow": "spanglass.read",
    "measure_trace_step": "spanglass.steps",
    "step": "spanglass.place",
    "trace": "spanglass.read",
    "uninstall": "spanglass.capture.instrumentor",
    "workflow": "spanglass.place",
}

__all__ = [
    "Ambiguous",
    "Attempt",
    "ChatMessage",
    "ConfigurationError",
    "ErrorContext",
    "ErrorInfo",
    "NotFound",
    "Record",
    "SpanglassError",
    "Step",
    "StoreError",
    "Summary",
    "Usage",
    "__version__",
    "add_trace_step",
    "context_window",
    "current_context",
    "enabled",
    "enabled_for",
    "error_context",
    "fetch",
    "flush",
    "format_context_window",
    "format_trace",
    "install",
    "log_for_step",
    "logs_for_workflow",
    "measure_trace_step",
    "step",
    "trace",
    "uninstall",
    "workflow",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        message = f"module 'spanglass' has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
