"""Times as a person writes them.

Invariant: what is read fits a signed 64-bit number of nanoseconds, so that every store can compare it.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone

from spanglass.settings import parse_age

_MOMENTS = 2**63


def parse_moment(text: str) -> int:
    """A time in ns since the epoch: an age such as ``10m``, or a date, with or without a time (UTC unless said).

    Raises:
        ValueError: it is neither, or out of reach.

    Example:
        >>> parse_moment("2023-11-14 22:13:20")
        1700000000000000000
    """
    try:
        when = time.time_ns() - int(parse_age(text) * 1e9)
    except (ValueError, OverflowError):
        when = _date(text)
    if -_MOMENTS <= when < _MOMENTS:
        return when
    message = f"{text!r} is out of reach"
    raise ValueError(message)


def _date(text: str) -> int:
    try:
        when = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return int(when.replace(tzinfo=when.tzinfo or timezone.utc).timestamp() * 1e6) * 1000
    except (ValueError, OverflowError):
        message = f"{text!r} is neither an age such as 90s, 10m, 12h or 7d nor a time such as 2026-11-21T04:30"
        raise ValueError(message) from None
