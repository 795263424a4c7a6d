"""Counters of a sidecar, and their text for Prometheus.

Invariant: a counter only grows, and its labels are from closed sets, so what is kept is bounded.

Source: the text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/).
"""

from __future__ import annotations

import threading
from typing import Literal, TypeAlias

from spanglass import guard

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Counter: TypeAlias = Literal[
    "spanglass_otlp_requests_total",
    "spanglass_otlp_bytes_total",
    "spanglass_otlp_items_total",
    "spanglass_entries_total",
    "spanglass_parcels_lost_total",
]
_HELP: dict[Counter, str] = {
    "spanglass_otlp_requests_total": "OTLP requests, by signal and HTTP status.",
    "spanglass_otlp_bytes_total": "Bytes of OTLP requests, their compression undone, by signal.",
    "spanglass_otlp_items_total": "Spans and log records, by signal: stored, ignored (not about a model) or rejected.",
    "spanglass_entries_total": "Entries that the store has taken, by kind; one that comes again counts again.",
    "spanglass_parcels_lost_total": "Large entries given up because some of their chunks never came.",
}
_FAULTS = "spanglass_faults_total"
_WAITING = "spanglass_parcels_waiting"


class Metrics:
    """Counts, from any thread."""

    def __init__(self) -> None:
        self._counts: dict[tuple[Counter, tuple[tuple[str, str], ...]], int] = {}
        self._lock = threading.Lock()
        self.parcels_waiting = 0

    def count(self, name: Counter, number: int = 1, **labels: str) -> None:
        """Adds to a counter."""
        if number:
            key = (name, tuple(sorted(labels.items())))
            with self._lock:
                self._counts[key] = self._counts.get(key, 0) + number

    def render(self) -> str:
        """All counters as text."""
        with self._lock:
            counts = sorted(self._counts.items())
        lines: list[str] = []
        for name, meaning in _HELP.items():
            lines += _head(name, meaning, "counter")
            lines += (_sample(name, dict(labels), number) for (of, labels), number in counts if of == name)
        lines += _head(_FAULTS, "Faults of spanglass itself that were kept from whoever asked, by place.", "counter")
        lines += (_sample(_FAULTS, {"place": place}, number) for place, number in sorted(guard.faults().items()))
        lines += _head(_WAITING, "Large entries that wait for further chunks.", "gauge")
        lines.append(_sample(_WAITING, {}, self.parcels_waiting))
        return "\n".join(lines) + "\n"


def _head(name: str, meaning: str, kind: str) -> list[str]:
    return [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]


def _sample(name: str, labels: dict[str, str], number: int) -> str:
    inside = ",".join(f'{key}="{_escape(value)}"' for key, value in labels.items())
    return f"{name}{{{inside}}} {number}" if inside else f"{name} {number}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
