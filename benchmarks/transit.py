"""Measures how fast and how well `spanglass.transit` tells what was lost, and prints both.

Invariant: both sides are about a megabyte of texts of one kind, which are siblings of one another. Nothing is recorded;
what is measured is the processor time of the comparison alone.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

from texts import prose

from spanglass.model.message import ChatMessage
from spanglass.model.record import Record
from spanglass.read.transit import transit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from read.planted import PLANTED, figures, plant

_BYTES = 1_000_000
_SEEDS = range(1000, 1200)


def _scenarios() -> dict[str, tuple[list[str], list[str]]]:
    """Upstream texts and what the prompt is made of, a megabyte each."""
    rng = random.Random(4)  # noqa: S311 - test data, not a secret
    many = [prose(number, 500) for number in range(_BYTES // 500)]
    few = [prose(number, 100_000) for number in range(_BYTES // 100_000)]
    other = [prose(number + 10_000, 500) for number in range(_BYTES // 500)]
    return {
        "2,000 leaves, all whole": (many, many),
        "2,000 leaves, all whole, dressed": (many, [text.upper().replace(" ", "  ") for text in many]),
        "10 leaves, all whole": (few, few),
        "2,000 leaves, all cut": (many, [text[: len(text) // 2] + "…" for text in many]),
        "2,000 leaves, all altered": (many, [_altered(rng, text) for text in many]),
        "10 leaves, all altered": (few, [_altered(rng, text) for text in few]),
        "2,000 leaves, all missing": (many, other),
        "one leaf, missing": (["".join(many)], other),
        "20,000 numbers": ([], many),
    }


def _altered(rng: random.Random, text: str) -> str:
    words = text.split(" ")
    for at in rng.sample(range(len(words)), len(words) // 12):
        words[at] = "altered"
    return " ".join(words)


def main() -> int:
    """Prints a line for each scenario, and the figures of the plants."""
    print(f"{'about 1 MB of upstream context in about 1 MB of prompt':<56}{'best of 3':>10}  fates")
    for name, (upstream, shown) in _scenarios().items():
        handed = {"items": upstream} if upstream else {"items": [number * 37 for number in range(20_000)]}
        record = Record(
            "0" * 32, "0" * 16, upstream_context=handed, messages=(ChatMessage.as_user("\n\n".join(shown)),)
        )
        times = []
        for _ in range(3):
            started = time.process_time()
            found = transit(record)
            times.append(time.process_time() - started)
        fates = ", ".join(f"{count:,} {fate}" for fate, count in found.counts.items() if count)
        print(f"{name:<56}{min(times):>8.2f} s  {fates}")
    told = [(planted := plant(seed), transit(planted.record)) for seed in _SEEDS]
    measured = figures(told)
    print(f"\n{len(told)} plants of {sum(len(found.leaves) for _, found in told):,} leaves")
    for fate in PLANTED:
        print(f"{fate:<10} recall {measured.recall[fate]:.3f}  precision {measured.precision[fate]:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
