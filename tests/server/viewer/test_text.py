from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from server.viewer.markup import Page
from spanglass.server.viewer.text import FOLD, HEAD, LEAST, WHOLE, Folded, Room, shown, tidy

WILD = st.text(st.sampled_from("<>&\"'`=/ ascript[REDACTED]: %5BD\u202e\u200b\x00\x1b\x7f\ud800\U000e0041é中\n\t\r"))


@given(WILD)
def test_text_of_others_makes_no_element_but_our_own_marks(text: str) -> None:
    found = Page(f"<div>{shown(text)}</div>")
    kinds = {(element.tag, element.attributes.get("class")) for element in found.elements[1:]}
    assert kinds <= {("mark", "masked"), ("span", "unseen")}
    assert [set(element.attributes) for element in found.elements[1:]] == [{"class"}] * (len(found.elements) - 1)


@given(WILD)
def test_every_character_that_can_be_seen_is_shown_as_it_is(text: str) -> None:
    read = Page(f"<i>{shown(text)}</i>").text.strip("\n")
    unseen = "[\x00-\x08\x0b-\x1f\x7f\u202e\u200b\ud800\U000e0041]"
    plain = re.sub(unseen, lambda found: f"\\u{{{ord(found[0]):x}}}", text.replace("\r\n", "\n"))
    assert read == plain.strip("\n")


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("a [REDACTED: too deep] b", 'a <mark class="masked">[REDACTED: too deep]</mark> b'),
        ("https://%5BREDACTED%5D@host", 'https://<mark class="masked">%5BREDACTED%5D</mark>@host'),
        ("[REDACTED <b>", "[REDACTED &lt;b&gt;"),
        ("\u200b\u200b", '<span class="unseen">\\u{200b}\\u{200b}</span>'),
        ("\x00" * 42, '<span class="unseen">' + r"\u{0}" * 40 + " and 2 more</span>"),
    ],
)
def test_masked_and_unseen_are_marked(text: str, markup: str) -> None:
    assert str(shown(text)) == markup


def test_a_short_text_is_shown_whole() -> None:
    assert Room().fold("x" * WHOLE) == Folded(escape("x" * WHOLE))


def test_a_long_text_is_folded_at_a_border_and_nothing_of_it_is_lost() -> None:
    text = "word " * 2000
    folded = Room().fold(text)
    assert folded.rest is not None
    assert folded.head + folded.rest == text
    assert folded.head.endswith(" ")
    assert (len(folded.head), folded.more) == (HEAD, len(text) - HEAD)


def test_a_text_too_long_for_a_page_says_how_much_is_elsewhere() -> None:
    folded = Room().fold("x" * (FOLD + HEAD + 1))
    assert (folded.rest, folded.more) == (None, FOLD + 1)


def test_on_a_page_without_room_only_the_beginning_is_shown() -> None:
    room = Room(10)
    assert room.fold("x" * LEAST) == Folded(escape("x" * LEAST))
    assert room.fold("y" * 300) == Folded(escape("y" * LEAST), None, 100)
    assert room.fold("") == Folded(escape(""))


@pytest.mark.parametrize(
    ("text", "laid"),
    [('{"a":[1]}', '{\n  "a": [\n    1\n  ]\n}'), ("{broken", "{broken"), ("12", "12"), ("[" * 5000, "[" * 5000)],
)
def test_json_is_laid_out_and_nothing_else_is(text: str, laid: str) -> None:
    assert tidy(text) == laid
