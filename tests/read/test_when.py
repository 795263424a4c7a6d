from __future__ import annotations

import time

import pytest

from spanglass.read.when import parse_moment


def test_an_age_is_counted_back_from_now() -> None:
    before = time.time_ns()
    assert before - 3600 * 10**9 <= parse_moment("1h") <= time.time_ns() - 3600 * 10**9


@pytest.mark.parametrize("text", ["2023-11-14T22:13:20", "2023-11-14 22:13:20+00:00", "2023-11-15T00:13:20+02:00"])
def test_a_time_is_of_utc_unless_it_says_otherwise(text: str) -> None:
    assert parse_moment(text) == 1_700_000_000 * 10**9


@pytest.mark.parametrize("text", ["", "yesterday", "2023-13-01", "10x", "-1h"])
def test_anything_else_is_refused_with_what_can_be_written(text: str) -> None:
    with pytest.raises(ValueError, match="is neither an age such as 90s, 10m, 12h or 7d nor a time such as"):
        parse_moment(text)


@pytest.mark.parametrize("text", ["9999-12-31", "999999999999999999999d"])
def test_what_no_store_can_compare_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is out of reach|is neither"):
        parse_moment(text)
