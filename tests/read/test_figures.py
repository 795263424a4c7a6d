from __future__ import annotations

import pytest

from spanglass.model.record import Usage
from spanglass.read.figures import counted, duration, moment, size, usage


@pytest.mark.parametrize(
    ("ns", "shown"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_000, "1 µs"),
        (999_900, "1 ms"),
        (1_234_567, "1.23 ms"),
        (59_990_000_000, "60 s"),
        (60_000_000_000, "1 min 0 s"),
        (3_725_000_000_000, "1 h 2 min"),
        (None, "-"),
    ],
)
def test_durations_have_three_digits_and_a_unit(ns: int | None, shown: str) -> None:
    assert duration(ns) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (64 << 20, "67.1 MB"), (10**18, "1000000 TB"), (None, "-")],
)
def test_sizes_have_three_digits_and_a_unit(count: int | None, shown: str) -> None:
    assert size(count) == shown


def test_counts_times_and_tokens() -> None:
    assert (counted(1, "call"), counted(1234, "call"), counted(2, "entry", "entries")) == (
        "1 call",
        "1,234 calls",
        "2 entries",
    )
    assert moment(1_790_000_000_123_456_789) == "2026-09-21 14:13:20.123Z"
    assert usage(Usage()) == "-"
    assert usage(Usage(None, 5, None, None, 3)) == "- in, 5 out (3 reasoning)"
