"""One entry of a step-by-step trace: what a program did between its calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: The step of a call in which a generation says which try it was, and what became of its answer: ``generation`` (the
#: span above), ``correction``, ``restart``, ``accepted``, ``error``.
GENERATION_STEP = "generation"
#: The format of a record that is no call's, but an operation's of the program's own, which has steps.
FORMAT = "steps"


@dataclass(frozen=True, slots=True)
class Step:
    """A thought, a tool call, an observation.

    Args:
        step_name: what was done, such as ``generate_thought``.
        data: JSON values that say more.
        timestamp: when it began, in ns since the epoch.
        duration_ns: how long it took, or None for a point in time.
    """

    step_name: str
    data: dict[str, Any] = field(default_factory=dict)
    timestamp: int = 0
    duration_ns: int | None = None


def calls_of(step: Step) -> list[tuple[str, str]]:
    """The calls to a model that were made in a step: the ids of their spans, and their names."""
    calls = step.data.get("llm_calls")
    if not isinstance(calls, list) or not all(isinstance(call, dict) and "span_id" in call for call in calls):
        return []
    return [(str(call["span_id"]), str(call.get("name", ""))) for call in calls]


def error_of(step: Step) -> tuple[str, str] | None:
    """The type and text of the error that a step failed with, or None."""
    error = step.data.get("error")
    if not isinstance(error, dict) or set(error) != {"type", "message"}:
        return None
    return str(error["type"]), str(error["message"])
