from __future__ import annotations

import pytest

from read.made import TRACE
from spanglass.model.record import Summary
from spanglass.read.tree import lines


def tree(*calls: tuple[str, str | None]) -> list[tuple[str, int]]:
    summaries = [Summary(TRACE, span, parent) for span, parent in calls]
    return [(line.span_id, len(line.last)) for line in lines(summaries)]


@pytest.mark.parametrize(
    ("calls", "shown"),
    [
        ([("a", None), ("b", "a"), ("c", "b")], [("a", 1), ("b", 2), ("c", 3)]),
        ([("a", "x"), ("b", "y"), ("c", "x")], [("x", 1), ("a", 2), ("c", 2), ("y", 1), ("b", 2)]),
        ([("a", "b"), ("b", "a")], [("a", 1), ("b", 2)]),
        ([("a", "a"), ("b", None)], [("b", 1), ("a", 1)]),
        ([("b", "a"), ("a", None)], [("a", 1), ("b", 2)]),
    ],
)
def test_every_call_has_one_line_whatever_its_parent(
    calls: list[tuple[str, str | None]], shown: list[tuple[str, int]]
) -> None:
    assert tree(*calls) == shown


def test_a_chain_deeper_than_pythons_stack_is_shown() -> None:
    deep = [(f"{number:016x}", f"{number - 1:016x}" if number else None) for number in range(3000)]
    assert len(tree(*deep)) == 3000
