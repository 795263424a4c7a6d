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
    from spanglass.read.comparison import diff, transit
    from spanglass.read.diff import Diff
    from spanglass.read.transit import Transit
    from spanglass.read.upkeep import prune, prune_older_than
    from spanglass.store import Pruned

__version__ = "0.1.0"

_HOMES = {
    "Ambiguous": "spanglass.errors",
    "Attempt": "spanglass.model.record",
    "ChatMessage": "spanglass.model.message",
    "ConfigurationError": "spanglass.errors",
    "Diff": "spanglass.read.diff",
    "ErrorInfo": "spanglass.model.record",
    "NotFound": "spanglass.errors",
    "Pruned": "spanglass.store",
    "Record": "spanglass.model.record",
    "SpanglassError": "spanglass.errors",
    "Step": "spanglass.model.step",
    "StoreError": "spanglass.errors",
    "Summary": "spanglass.model.record",
    "Transit": "spanglass.read.transit",
    "Usage": "spanglass.model.record",
    "context_window": "spanglass.read",
    "diff": "spanglass.read.comparison",
    "enabled": "spanglass.capture.api",
    "enabled_for": "spanglass.capture.api",
    "fetch": "spanglass.read",
    "flush": "spanglass.capture.api",
    "format_context_window": "spanglass.read",
    "install": "spanglass.capture.instrumentor",
    "log_for_step": "spanglass.read",
    "logs_for_workflow": "spanglass.read",
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
    "Diff",
    "ErrorInfo",
    "NotFound",
    "Pruned",
    "Record",
    "SpanglassError",
    "Step",
    "StoreError",
    "Summary",
    "Transit",
    "Usage",
    "__version__",
    "context_window",
    "diff",
    "enabled",
    "enabled_for",
    "fetch",
    "flush",
    "format_context_window",
    "install",
    "log_for_step",
    "logs_for_workflow",
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
