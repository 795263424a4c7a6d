from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass.read.words import BORDER, Lexicon


def letters(*texts: str) -> list[str]:
    lexicon = Lexicon()
    return [lexicon.read(text).letters for text in texts]


@pytest.mark.parametrize(
    ("text", "dressed"),
    [
        ("The pump is old", "THE PUMP\n   is  old"),
        ("The pump is old", "- **The** _pump_ is `old`"),
        ("It\u2019s “fine” — really", 'It\'s "fine" - really'),
        ("café ﬁn", "cafe\u0301 fin"),
        ("café 😀 and \u2019twas", r"caf\u00e9 \ud83d\ude00 and \u2019twas"),
        ("first\nsecond 1,234", r"first\nsecond 1234"),
        ("first\nsecond", r"first\\nsecond"),
        ("a < b & c", "a &lt; b &amp; c"),
        ("it's -5 °C", "it&#39;s -5 °C"),
        ("soft\u00adware zero\u200bwidth", "software zerowidth"),
        ("你好\uff0c世界", "你 好 世 界"),
        ("snake_case name", "snake case name"),
        ("Straße", "STRASSE"),
    ],
)
def test_dress_changes_no_letters(text: str, dressed: str) -> None:
    plain, other = letters(text, dressed)
    assert plain == other


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("x < 5", "x > 5"),
        ("at -5", "at 5"),
        ("0.5 mg", "5 mg"),
        ("12 €", "12 $"),
        ("1,234", "1,235"),
        ("naïve", "naive"),
        ("5 %", "5"),
    ],
)
def test_what_changes_a_meaning_changes_letters(text: str, other: str) -> None:
    plain, changed = letters(text, other)
    assert plain != changed


@given(st.text(max_size=80))
def test_every_word_stands_for_characters_of_its_text_in_order(text: str) -> None:
    words = Lexicon().read(text)
    assert len(words.letters) == len(words.starts) == len(words.ends)
    assert words.starts == sorted(words.starts)
    assert all(0 <= start < end <= len(text) for start, end in zip(words.starts, words.ends, strict=True))
    assert BORDER not in words.letters


@given(st.lists(st.text("abcdefg0123456789äöé ", min_size=1, max_size=8), max_size=12))
def test_json_changes_no_letters_of_words(words: list[str]) -> None:
    text = " ".join(words)
    plain, escaped, twice = letters(text, json.dumps(text), json.dumps(json.dumps({"a": text})))
    assert plain == escaped
    assert twice.endswith(plain)
