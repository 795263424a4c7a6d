from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from spanglass.read.plain import plain, plain_line


def test_what_a_terminal_would_obey_is_shown_instead() -> None:
    text = "\x1b[2J\x07\r\x00\x7f\x9b31m\u202egnp.exe\u2066\ud800\ufeff"
    assert plain(text) == "␛[2J␇␍␀␡\\x9b31m\\u202egnp.exe\\u2066\\ud800\\ufeff"


def test_line_breaks_and_tabs_stay_in_a_text_and_are_shown_in_a_line() -> None:
    assert (plain("a\tb\r\nc\n"), plain_line("a\tb\r\nc\n")) == ("a\tb\nc\n", "a␉b␊c␊")


def test_letters_of_all_alphabets_stay_as_they_are() -> None:
    text = "你好, мир, שלום, é, 👩‍💻, ½"
    assert plain(text) == text


@given(st.text(st.characters()))
def test_nothing_that_moves_a_cursor_or_cannot_be_encoded_is_left(text: str) -> None:
    shown = plain_line(text)
    assert {unicodedata.category(char) for char in shown} & {"Cc", "Cs", "Zl", "Zp"} == set()
    shown.encode("utf-8")


def test_what_a_model_reads_and_no_terminal_shows_is_shown() -> None:
    assert plain("a\u200bb\u00adc\U000e0041d") == "a\\u200bb\\xadc\\U000e0041d"
    assert plain("👩\u200d💻") == "👩\u200d💻"  # a joiner that is seen by what it joins
