from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass.read.alignment import Claims, Index, Piece, Rarity, matched
from spanglass.read.words import Lexicon

WORDS = st.lists(st.sampled_from("abcdefgh"), max_size=40).map(" ".join)


def pieces(text: str, *others: str, claimed: tuple[int, int] = (0, 0)) -> list[Piece]:
    lexicon = Lexicon()
    index, letters = Index(others, lexicon), lexicon.read(text).letters
    claims = Claims(len(index.letters))
    claims.add(*claimed)
    found = index.pieces(letters, claims, Rarity([letters]))
    for piece in found:
        own, there = slice(piece.own, piece.own + piece.length), slice(piece.there, piece.there + piece.length)
        assert letters[own] == index.letters[there]
    for before, after in pairwise(found):
        assert before.own + before.length <= after.own
        assert before.there + before.length <= after.there
    return found


def test_a_text_is_found_whole_wherever_it_stands() -> None:
    lexicon = Lexicon()
    index = Index(["one two", "two three two three", ""], lexicon)
    assert index.whole(lexicon.read("Two three").letters, 10) == [3, 5]
    assert index.whole(lexicon.read("two").letters, 2) == [1, 3]
    assert index.whole(lexicon.read("one two two").letters, 10) == []
    assert index.whole("", 10) == []
    assert index.stretch(5, 2) == (1, 10, 19)


def test_what_was_left_out_and_what_was_put_in_parts_a_text_into_pieces() -> None:
    assert pieces("a b c d e f g h i j", "x a b c d z e f h i j y") == [Piece(0, 1, 4), Piece(4, 6, 2), Piece(7, 8, 3)]


def test_words_of_others_part_a_text_from_what_is_only_like_it() -> None:
    assert pieces("a b c d e f", "a b c d, m n o p q r s t, e f") == [Piece(0, 0, 4)]


def test_what_is_spoken_for_is_no_trace_but_goes_with_what_stands_beside_it() -> None:
    assert pieces("a b c d e f", "a b c d e f", claimed=(0, 6)) == []
    assert pieces("a b c d e f", "a b c d e f", claimed=(0, 2)) == [Piece(0, 0, 6)]


@given(WORDS, st.lists(WORDS, max_size=4))
def test_pieces_are_the_same_words_in_the_same_order(text: str, others: list[str]) -> None:
    assert matched(pieces(text, *others)) <= len(text.split())


@pytest.mark.parametrize("seed", range(3))
def test_a_long_text_is_found_run_by_run(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - test data, not a secret
    words = [f"w{rng.randrange(5000)}" for _ in range(3000)]
    changed = [word if number % 50 else "other" for number, word in enumerate(words)]
    found = pieces(" ".join(words), f"before {' '.join(changed)} after")
    assert matched(found) == 3000 - 60
    assert len(found) == 60


def test_rare_runs_weigh_more_than_common_ones() -> None:
    rarity = Rarity(["abcd", "abcx", "abc"])
    assert rarity.weigh("abcd") == pytest.approx(1 / 3 + 1 + 1 + 1)
    assert rarity.weigh("ab") == pytest.approx(2 / 3)
    assert rarity.weigh("") == 0
