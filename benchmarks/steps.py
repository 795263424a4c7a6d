"""Adds steps to contexts, and prints what one costs in ns after 1,000 and after 10,000 others, as JSON.

Invariant: both lengths are measured in turns, in one process, so that a slow moment of the machine falls on both; each
figure is the median over many blocks of a hundred steps.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import spanglass

LENGTHS = (1_000, 10_000)
_BLOCK = 100


def long_context(length: int) -> spanglass.ErrorContext:
    """A context with so many steps."""
    context = spanglass.error_context("bench")
    context.__enter__()
    for number in range(length):
        context.add_step("step", number=number, thought="I need the trains.")
    return context


def measure(rounds: int) -> dict[str, float]:
    """The cost of one step for each length, and of one that is measured."""
    contexts = {length: long_context(length) for length in LENGTHS}
    took: dict[str, list[float]] = {}
    for number in range(rounds):
        for length in LENGTHS if number % 2 else LENGTHS[::-1]:
            took.setdefault(str(length), []).append(block(contexts[length]))
        took.setdefault("measured", []).append(measured_block(contexts[LENGTHS[0]]))
    for context in reversed(contexts.values()):
        context.__exit__(None, None, None)
    return {name: statistics.median(values) for name, values in took.items()}


def block(context: spanglass.ErrorContext) -> float:
    """What one of a hundred steps takes; nothing of the blocks before is still under way."""
    spanglass.flush()
    started = time.perf_counter_ns()
    for number in range(_BLOCK):
        context.add_step("step", number=number, thought="I need the trains.")
    return (time.perf_counter_ns() - started) / _BLOCK


def measured_block(context: spanglass.ErrorContext) -> float:
    """The same of steps that are measured."""
    spanglass.flush()
    started = time.perf_counter_ns()
    for number in range(_BLOCK):
        with context.measure("measured", number=number) as step:
            step.result = number
    return (time.perf_counter_ns() - started) / _BLOCK


def main() -> None:
    """In memory alone, and then recorded."""
    directory, rounds = Path(sys.argv[1]), int(sys.argv[2])
    found = {"in memory": measure(rounds)}
    trace.set_tracer_provider(TracerProvider())
    spanglass.install(enabled="true", state_dir=directory)
    found["recorded"] = measure(rounds)
    spanglass.uninstall()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
