from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass.read.tokens import count, estimate, share

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("Hello, world!", 4),
        ("The quick brown fox jumps over the lazy dog.", 10),
        ("1234567890", 4),
        ("今日は天気がいい", 8),
        ("Привет", 2),
        ("😀", 2),
        ("    return x", 3),
        ("supercalifragilisticexpialidocious", 5),
    ],
)
def test_an_estimate_goes_by_kind_of_character(text: str, tokens: int) -> None:
    assert estimate(text) == tokens


@given(st.text(), st.text())
def test_more_text_is_never_fewer_tokens_by_more_than_the_joint(one: str, other: str) -> None:
    assert estimate(one + other) >= max(estimate(one), estimate(other)) - 1
    assert estimate(one + other) <= estimate(one) + estimate(other)


@given(st.lists(st.integers(0, 10**6), min_size=1).filter(any), st.integers(0, 10**9))
def test_a_total_is_shared_out_whole_and_in_proportion(weights: list[int], total: int) -> None:
    shares = share(weights, total)
    exact = [weight * total / sum(weights) for weight in weights]
    assert sum(shares) == total
    assert all(abs(got - wanted) <= 1 for got, wanted in zip(shares, exact, strict=True))


def test_nothing_is_shared_out_among_none_or_among_weightless() -> None:
    assert (share([], 9), share([0, 0], 9)) == ([], [0, 0])


PACKAGE = """
ENCODINGS = {}
class Encoding:
    def encode_ordinary(self, text):
        return list(text)
def get_encoding(name):
    raise SystemExit("tiktoken would have gone to the network")
"""
PROGRAM = """
from spanglass.read.tokens import count
print(count("Hello, world!"))
"""


def test_a_tiktoken_without_its_table_on_this_disk_is_not_asked(tmp_path: Path) -> None:
    package = tmp_path / "tiktoken"
    package.mkdir()
    (package / "__init__.py").write_text(PACKAGE)
    (package / "registry.py").write_text("ENCODINGS = {}")
    assert _counted(tmp_path) == "4"


def test_a_tiktoken_that_has_its_table_loaded_counts(tmp_path: Path) -> None:
    package = tmp_path / "tiktoken"
    package.mkdir()
    fake = PACKAGE.replace('raise SystemExit("tiktoken would have gone to the network")', "return Encoding()")
    (package / "__init__.py").write_text(f"import tiktoken.registry\n{fake}")
    (package / "registry.py").write_text('ENCODINGS = {"o200k_base": None}')
    assert _counted(tmp_path) == "13"


def _counted(path: Path) -> str:
    environ = {**os.environ, "PYTHONPATH": str(path), "TIKTOKEN_CACHE_DIR": str(path / "empty")}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def test_counting_without_a_tokenizer_is_the_estimate() -> None:
    assert count("Hello, world!") == estimate("Hello, world!")
