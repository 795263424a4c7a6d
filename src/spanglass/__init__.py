"""spanglass: see exactly what your model saw.

Invariant: importing this module imports nothing else of weight; each name is fetched at its first use.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it; importing `typing` alone would cost more than all that is here

if TYPE_CHECKING:
    from typing import Any

    from spanglass.ask import call_llm, call_llm_async, configure_client
    from spanglass.capture.api import enabled, enabled_for, flush
    from spanglass.capture.decorator import llm_call
    from spanglass.capture.instrumentor import install, uninstall
    from spanglass.capture.manual import log_error, log_request, log_response
    from spanglass.errors import Ambiguous, ConfigurationError, GenerationError, NotFound, SpanglassError, StoreError
    from spanglass.generation.column import RunConfig, TextColumn
    from spanglass.generation.drive import generate, generate_async
    from spanglass.generation.row import Row, RowFailure
    from spanglass.generation.rows import RowsReport, generate_file, generate_rows, generate_rows_async
    from spanglass.generation.tool import Tool
    from spanglass.model.message import ChatMessage
    from spanglass.model.record import Attempt, ErrorInfo, Record, Summary, Usage
    from spanglass.model.step import Step
    from spanglass.place import carrier, from_carrier, log_upstream_context, propagate, step, workflow
    from spanglass.read import context_window, fetch, format_context_window, log_for_step, logs_for_workflow, trace
    from spanglass.read.comparison import diff, transit
    from spanglass.read.dataset import DatasetReport, export_dataset
    from spanglass.read.diff import Diff
    from spanglass.read.transit import Transit
    from spanglass.read.upkeep import prune, prune_older_than
    from spanglass.steps import (
        ErrorContext,
        add_trace_step,
        current_context,
        error_context,
        format_trace,
        measure_trace_step,
    )
    from spanglass.store import Pruned

__version__ = "0.1.0"

_HOMES = {
    "Ambiguous": "spanglass.errors",
    "Attempt": "spanglass.model.record",
    "ChatMessage": "spanglass.model.message",
    "ConfigurationError": "spanglass.errors",
    "DatasetReport": "spanglass.read.dataset",
    "Diff": "spanglass.read.diff",
    "ErrorContext": "spanglass.steps",
    "ErrorInfo": "spanglass.model.record",
    "GenerationError": "spanglass.errors",
    "NotFound": "spanglass.errors",
    "Pruned": "spanglass.store",
    "Record": "spanglass.model.record",
    "Row": "spanglass.generation.row",
    "RowFailure": "spanglass.generation.row",
    "RowsReport": "spanglass.generation.rows",
    "RunConfig": "spanglass.generation.column",
    "SpanglassError": "spanglass.errors",
    "Step": "spanglass.model.step",
    "StoreError": "spanglass.errors",
    "Summary": "spanglass.model.record",
    "TextColumn": "spanglass.generation.column",
    "Tool": "spanglass.generation.tool",
    "Transit": "spanglass.read.transit",
    "Usage": "spanglass.model.record",
    "add_trace_step": "spanglass.steps",
    "call_llm": "spanglass.ask",
    "call_llm_async": "spanglass.ask",
    "carrier": "spanglass.place",
    "configure_client": "spanglass.ask",
    "context_window": "spanglass.read",
    "current_context": "spanglass.steps",
    "diff": "spanglass.read.comparison",
    "enabled": "spanglass.capture.api",
    "enabled_for": "spanglass.capture.api",
    "error_context": "spanglass.steps",
    "export_dataset": "spanglass.read.dataset",
    "fetch": "spanglass.read",
    "flush": "spanglass.capture.api",
    "format_context_window": "spanglass.read",
    "format_trace": "spanglass.steps",
    "from_carrier": "spanglass.place",
    "generate": "spanglass.generation.drive",
    "generate_async": "spanglass.generation.drive",
    "generate_file": "spanglass.generation.rows",
    "generate_rows": "spanglass.generation.rows",
    "generate_rows_async": "spanglass.generation.rows",
    "install": "spanglass.capture.instrumentor",
    "llm_call": "spanglass.capture.decorator",
    "log_error": "spanglass.capture.manual",
    "log_for_step": "spanglass.read",
    "log_request": "spanglass.capture.manual",
    "log_response": "spanglass.capture.manual",
    "log_upstream_context": "spanglass.place",
    "logs_for_workflow": "spanglass.read",
    "measure_trace_step": "spanglass.steps",
    "propagate": "spanglass.place",
    "prune": "spanglass.read.upkeep",
    "prune_older_than": "spanglass.read.upkeep",
    "step": "spanglass.place",
    "trace": "spanglass.read",
    "transit": "spanglass.read.comparison",
    "uninstall": "spanglass.capture.instrumentor",
    "workflow": "spanglass.place",
}

__all__ = [
    "Ambiguous",
    "Attempt",
    "ChatMessage",
    "ConfigurationError",
    "DatasetReport",
    "Diff",
    "ErrorContext",
    "ErrorInfo",
    "GenerationError",
    "NotFound",
    "Pruned",
    "Record",
    "Row",
    "RowFailure",
    "RowsReport",
    "RunConfig",
    "SpanglassError",
    "Step",
    "StoreError",
    "Summary",
    "TextColumn",
    "Tool",
    "Transit",
    "Usage",
    "__version__",
    "add_trace_step",
    "call_llm",
    "call_llm_async",
    "carrier",
    "configure_client",
    "context_window",
    "current_context",
    "diff",
    "enabled",
    "enabled_for",
    "error_context",
    "export_dataset",
    "fetch",
    "flush",
    "format_context_window",
    "format_trace",
    "from_carrier",
    "generate",
    "generate_async",
    "generate_file",
    "generate_rows",
    "generate_rows_async",
    "install",
    "llm_call",
    "log_error",
    "log_for_step",
    "log_request",
    "log_response",
    "log_upstream_context",
    "logs_for_workflow",
    "measure_trace_step",
    "propagate",
    "prune",
    "prune_older_than",
    "step",
    "trace",
    "transit",
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
