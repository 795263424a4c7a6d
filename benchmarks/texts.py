"""Text that compresses about as prose does, the same in every run.

Invariant: equal arguments give equal text, and no two numbers give the same.
"""

from __future__ import annotations

import random
from typing import Any

_LETTERS = "etaoinshrdlcumwfgypbvkjxqz"
_WEIGHTS = tuple(1 / (rank + 2) for rank in range(26))


def _vocabulary() -> list[str]:
    rng = random.Random(1)  # noqa: S311 - test data, not a secret
    return ["".join(rng.choices(_LETTERS, _WEIGHTS, k=rng.randint(2, 9))) for _ in range(4000)]


_WORDS = _vocabulary()
_ZIPF = tuple(1 / (rank + 3) for rank in range(len(_WORDS)))


def prose(number: int, size: int) -> str:
    """About ``size`` bytes of text number ``number``."""
    rng = random.Random(number)  # noqa: S311 - test data, not a secret
    words = rng.choices(_WORDS, _ZIPF, k=size // 5 + 8)
    return f"{number}: {' '.join(words)}"[:size]


def conversation(number: int, turns: int, size: int) -> list[dict[str, Any]]:
    """A conversation of ``turns`` messages with ``size`` bytes each, user and assistant in turn."""
    return [
        {"role": "assistant" if turn % 2 else "user", "content": prose(number * 10_000 + turn, size)}
        for turn in range(turns)
    ]
