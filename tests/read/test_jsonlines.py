"""Rows in a file: the kinds of values first, then in order; whole or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass.read.jsonlines import kinds, write_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
rows = st.lists(st.dictionaries(st.sampled_from("xyz"), values, min_size=1), max_size=12)


def written(path: Path, made: list[Any]) -> list[Any]:
    write_lines(path, [json.dumps(row, ensure_ascii=False) for row in made])
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def test_a_row_that_has_something_new_comes_first(tmp_path: Path) -> None:
    plain = [{"m": [{"role": "user"}], "n": number} for number in range(3)]
    more = {"m": [{"role": "user", "calls": [{"a": 1}]}], "n": 3}
    same = {"m": [{"role": "user", "calls": [{"a": 2}]}], "n": 4}
    other = {"m": [{"role": "user", "calls": [{"a": "x"}]}], "n": 5}
    made = [*plain, more, same, other]
    assert written(tmp_path / "rows.jsonl", made) == [plain[0], more, other, plain[1], plain[2], same]


@given(made=rows)
def test_the_first_rows_show_every_kind_and_all_rows_are_there(
    tmp_path_factory: pytest.TempPathFactory, made: list[Any]
) -> None:
    found = written(tmp_path_factory.mktemp("rows") / "rows.jsonl", made)
    assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, made))
    known: set[str] = set()
    over = False
    for row in found:
        fresh = set(kinds(row)) - known
        assert not (fresh and over)
        over = over or not fresh
        known |= fresh


def test_nothing_is_left_of_a_file_that_could_not_be_finished(tmp_path: Path) -> None:
    def lines() -> Iterator[str]:
        yield "{}"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_lines(tmp_path / "rows.jsonl", lines())
    assert list(tmp_path.iterdir()) == []
