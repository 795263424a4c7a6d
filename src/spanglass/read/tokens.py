"""How many tokens a text has, about.

Invariant: nothing is ever downloaded. The ``tiktoken`` package is used where it is installed *and* its table is on this
disk already (it would otherwise fetch it at first use); else an estimate by kind of character. Either way the figure is
an estimate, for providers count with tokenizers of their own: `share` scales figures to the sum that was reported.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: What the markers around one message cost with the providers that say so.
MESSAGE_OVERHEAD = 4
#: An image, sound or file part: providers bill by size or length, which are not at hand; an image of middling size.
MEDIA_TOKENS = 765

_TABLE_URL = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
_TABLE_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
#: BPE is superlinear in a text without spaces; cutting costs at most one token a cut.
_SLICE = 10_000

# One alternative a kind of character, in the order of how often they come; the group's number is the kind.
_PIECE = re.compile(
    r"( ?[A-Za-z]+)"  # 1: a word
    r"|([0-9]+)"  # 2: digits go in threes
    r"|(\s+)"  # 3: white space beyond the one before a word
    r"|([!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u2027\u3001-\u303f\uff01-\uff0f]+)"  # 4: punctuation
    r"|([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+)"  # 5: Chinese, Japanese, Korean
    r"|([\u00c0-\u200f]+)"  # 6: other alphabets
    r"|([^\x00-\u200f])",  # 7: emoji, symbols
    re.ASCII,
)
_WORD, _DIGITS, _SPACE, _PUNCTUATION, _CJK, _LETTERS = range(1, 7)
_SYMBOL_TOKENS = 2


def count(text: str) -> int:
    """The tokens of ``text``, about; 0 for an empty text."""
    encode = _tiktoken()
    if encode is None:
        return estimate(text)
    return sum(encode(text[start : start + _SLICE]) for start in range(0, len(text), _SLICE))


def estimate(text: str) -> int:
    """The estimate by kind of character: words by length, digits in threes, ideographs one by one.

    Example:
        >>> estimate("The quick brown fox"), estimate("你好"), estimate("1234567")
        (4, 2, 3)
    """
    total = 0
    for match in _PIECE.finditer(text):
        kind, length = match.lastindex, match.end() - match.start()
        if kind == _WORD:
            total += 1 + (length - 1) // 8
        elif kind in (_DIGITS, _LETTERS):
            total += (length + 2) // 3
        elif kind == _SPACE:
            total += 1 + (length - 1) // 16
        elif kind == _PUNCTUATION:
            total += (length + 1) // 2
        elif kind == _CJK:
            total += length
        else:
            total += _SYMBOL_TOKENS
    return total


def share(weights: Sequence[int], total: int) -> list[int]:
    """``total`` shared out in proportion to ``weights``, in whole tokens that sum to it (largest remainders first).

    Example:
        >>> share([1, 1, 2], 9)
        [2, 2, 5]
    """
    whole = sum(weights)
    if not weights or whole == 0:
        return [0] * len(weights)
    shares = [weight * total // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: (-(weights[index] * total % whole), index))
    for index in by_remainder[: total - sum(shares)]:
        shares[index] += 1
    return shares


@cache
def _tiktoken() -> Callable[[str], int] | None:
    """The exact count for OpenAI's present models, if it can be had without the network."""
    try:
        import tiktoken  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    registry = sys.modules.get("tiktoken.registry")
    if "o200k_base" not in getattr(registry, "ENCODINGS", {}) and not _table_is_here():
        return None
    encoding = tiktoken.get_encoding("o200k_base")
    return lambda text: len(encoding.encode_ordinary(text))


def _table_is_here() -> bool:
    """Whether tiktoken would find its table, whole, where it looks for it before it downloads."""
    named = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    directory = Path(named) if named else Path(tempfile.gettempdir()) / "data-gym-cache"
    try:
        table = (directory / hashlib.sha1(_TABLE_URL.encode()).hexdigest()).read_bytes()  # noqa: S324 - tiktoken's name for it
    except OSError:
        return False
    return hashlib.sha256(table).hexdigest() == _TABLE_SHA256
