"""What spanglass adds, beside what other instrumentations add that keep nothing durable: all in one run.

Figures of two machines are not comparable, and neither are a bound in microseconds and a machine that is half as fast.
What another program of the same kind adds in the same run is a measure that goes along with the machine.

Invariant: all sides run in one environment (``make beside``), block by block in turns; the instrumentations put the
messages on their spans, as spanglass does.
"""

from __future__ import annotations

import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from figures import Figure
from pair import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PYTHON = Path(__file__).resolve().parents[1] / ".venv-beside" / "bin" / "python"
#: As `side.py` knows them: OpenTelemetry's own, and OpenInference.
OTHERS = ("genai", "openinference")
_PAIRS = 3


class _Question(NamedTuple):
    """A command, what of its answer counts (in µs), and what the bound and the aim are of what the fastest other adds.

    The bounds are the design's, in shares of the figures that they were set by.
    """

    name: str
    command: str
    arguments: dict[str, Any]
    took: Callable[[dict[str, Any]], float]
    bound: float | None


_STREAM = {"count": 8, "chunks": 500}
_QUESTIONS = (
    _Question("small call", "small", {"count": 60}, lambda took: _median(took["wall"]), 100 / 116),
    _Question("200 KB", "large_growing", {"count": 15}, lambda took: _median(took["wall"]), 1000 / 822),
    _Question("first of 500 chunks", "stream", _STREAM, lambda took: _median(took["first"]), 100 / 73),
    _Question("each chunk", "stream", _STREAM, lambda took: _median(took["rest"]) / 499, 1 / 3.1),
    _Question("one of 200 at once", "concurrent", {"width": 200, "each": 5}, lambda took: took["wall"] / 1e6, None),
)


def _median(values: Sequence[float]) -> float:
    return statistics.median(values) / 1e3


def beside(url: str, rounds: Callable[[int], int]) -> list[Figure]:
    """What the fastest of the others adds, what spanglass adds, and its share; nothing without that environment."""
    if not PYTHON.exists():
        return []
    added = _measure(url, rounds(15))
    figures = []
    for question in _QUESTIONS:
        ours = statistics.median(added[question.name, "spanglass"])
        fastest, theirs = min(
            ((other, statistics.median(added[question.name, other])) for other in OTHERS), key=lambda pair: pair[1]
        )
        figures.append(
            Figure(
                f"{question.name}, of what the fastest other adds",
                "%",
                100 * ours / theirs,
                theirs,
                ours,
                None if question.bound is None else 100 * question.bound,
                50,
                note=f"bare: the µs that {fastest} adds; spanglass: the µs that it adds",
            )
        )
    return figures


def _measure(url: str, rounds: int) -> dict[tuple[str, str], list[float]]:
    """By question and side, how much longer each round took than on the bare side, in µs."""
    added: dict[tuple[str, str], list[float]] = {}
    for _ in range(_PAIRS):
        with ExitStack() as stack:
            sides = {"bare": Process(url, None, python=PYTHON)}
            for name in ("spanglass", *OTHERS):
                directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="spanglass-bench-")))
                instrumentation = None if name == "spanglass" else name
                sides[name] = Process(url, directory, python=PYTHON, instrumentation=instrumentation)
            for side in sides.values():
                stack.callback(side.end)
            for number in range(-1, -(-rounds // _PAIRS)):
                for question in _QUESTIONS:
                    took = {name: _ask(sides[name], question) for name in [*sides][:: 1 if number % 2 else -1]}
                    for name in sides if number >= 0 else ():
                        added.setdefault((question.name, name), []).append(took[name] - took["bare"])
    return added


def _ask(side: Process, question: _Question) -> float:
    side.do("settle")
    took = question.took(side.do(question.command, **question.arguments))
    side.do("settle")
    return took
