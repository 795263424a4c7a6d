"""Sizes and lengths of time, as people write them in a setting or an option.

Invariant: a text is either a quantity above zero or an error that says what it should look like.
"""

from __future__ import annotations

import re

GiB = 1 << 30
MiB = 1 << 20

_SIZE_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 1 << 10,
    "mib": MiB,
    "gib": GiB,
    "tib": 1 << 40,
}
_AGE_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_LONGEST_S = 10_000 * 7 * 86_400
_SIZE = r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)"
_AGE = r"(\d+(?:\.\d+)?)\s*([smhdw])"


def is_size(text: str) -> bool:
    """Whether a text has the shape of a size, whatever its unit."""
    return re.fullmatch(_SIZE, text) is not None


def is_age(text: str) -> bool:
    """Whether a text has the shape of a length of time."""
    return re.fullmatch(_AGE, text) is not None


def parse_size(text: str) -> int:
    """A number of bytes: ``67108864``, ``64MiB``, ``10GB``.

    Raises:
        ValueError: it is no size above zero.
    """
    match = re.fullmatch(_SIZE, text)
    if match is None or match[2].lower() not in _SIZE_UNITS:
        message = "it takes a number of bytes, such as 67108864, 64MiB or 10GB"
        raise ValueError(message)
    size = int(float(match[1]) * _SIZE_UNITS[match[2].lower()])
    if size < 1:
        message = "it must be above zero"
        raise ValueError(message)
    return size


def parse_age(text: str) -> float:
    """A length of time in seconds: ``90s``, ``12h``, ``7d``.

    Raises:
        ValueError: it is no length of time above zero.
    """
    match = re.fullmatch(_AGE, text)
    if match is None or float(match[1]) == 0:
        message = "it takes a length of time, such as 90s, 12h or 7d"
        raise ValueError(message)
    age = float(match[1]) * _AGE_UNITS[match[2]]
    if age > _LONGEST_S:
        message = "it takes no more than ten thousand weeks"
        raise ValueError(message)
    return age
