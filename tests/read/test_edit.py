from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass.read.edit import edits

TEXT = st.lists(st.sampled_from(["one ", "two ", "three\n", "four. ", "\n", "fünf", " "]), max_size=40).map("".join)


def told(before: str, after: str) -> list[tuple[str, str]]:
    return [(edit.kind, edit.text) for edit in edits(before, after)]


@given(TEXT, TEXT)
def test_the_edits_make_both_texts(before: str, after: str) -> None:
    found = told(before, after)
    assert "".join(text for kind, text in found if kind != "added") == before
    assert "".join(text for kind, text in found if kind != "removed") == after
    assert all(text for _, text in found)
    assert all(first[0] != second[0] for first, second in pairwise(found))


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("", "", []),
        ("same", "same", [("same", "same")]),
        ("", "new", [("added", "new")]),
        ("a\nb\nc\n", "a\nc\n", [("same", "a\n"), ("removed", "b\n"), ("same", "c\n")]),
        (
            "Keep.\nIs it 4 mm wide?\nEnd",
            "Keep.\nIs it 5 mm wide?\nEnd",
            [("same", "Keep.\nIs it "), ("removed", "4"), ("added", "5"), ("same", " mm wide?\nEnd")],
        ),
        (
            "What is the weather?",
            "Draft a summary.",
            [("removed", "What is the weather?"), ("added", "Draft a summary.")],
        ),
    ],
)
def test_lines_are_compared_first_and_words_where_lines_are_alike(
    before: str, after: str, found: list[tuple[str, str]]
) -> None:
    assert told(before, after) == found


def test_very_long_texts_keep_what_they_begin_and_end_with() -> None:
    before = "".join(f"{number} " for number in range(3000))
    after = "".join(f"{number * 7} " for number in range(3000))
    begin, end = "begin " * 2000, "end " * 2000
    found = told(f"{begin}{before}{end}", f"{begin}{after}{end}")
    assert [kind for kind, _ in found] == ["same", "removed", "added", "same"]
    assert (found[0][1], found[-1][1]) == (f"{begin}0 ", f" {end}")
