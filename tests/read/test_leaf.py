from __future__ import annotations

from typing import Any

import pytest

from spanglass.read.leaf import Found, leaves


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("text", [Found("", "", "text")]),
        (None, [Found("", "", None)]),
        ({}, []),
        ({"a": [], "b": {}}, []),
        (
            {"claims": [{"text": "A", "n": 1}, {"text": "B"}], "ok": True},
            [
                Found("claims[0].text", "text", "A"),
                Found("claims[0].n", "n", 1),
                Found("claims[1].text", "text", "B"),
                Found("ok", "ok", value=True),
            ],
        ),
        ([[1.5], "x"], [Found("[0][0]", "", 1.5), Found("[1]", "", "x")]),
        ({"a b": {"c.d": 1, 'e"f': 2}}, [Found('["a b"]["c.d"]', "c.d", 1), Found('["a b"]["e\\"f"]', 'e"f', 2)]),
    ],
)
def test_each_value_that_holds_no_other_is_a_leaf_with_its_path(value: Any, found: list[Found]) -> None:
    assert list(leaves(value)) == found


def test_nesting_of_any_depth_is_walked() -> None:
    value: Any = "deep"
    for _ in range(5000):
        value = [value]
    assert [leaf.value for leaf in leaves(value)] == ["deep"]
