"""Durations, sizes, times and token counts as a person reads them.

Invariant: at most three significant digits and a unit, and a dash for what is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanglass.model.record import isoformat

if TYPE_CHECKING:
    from spanglass.model.record import Usage

UNKNOWN = "-"
_STEP = 1000.0


def duration(ns: int | None) -> str:
    """A length of time.

    Example:
        >>> duration(1_240_000_000), duration(73_000), duration(95 * 10**9), duration(None)
        ('1.24 s', '73 µs', '1 min 35 s', '-')
    """
    if ns is None:
        return UNKNOWN
    if ns >= 60 * 10**9:
        minutes, seconds = divmod(round(ns / 1e9), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
    return _scaled(ns, ("ns", "µs", "ms", "s"))


def size(count: int | None) -> str:
    """A number of bytes.

    Example:
        >>> size(512), size(219_000), size(1_048_576)
        ('512 B', '219 kB', '1.05 MB')
    """
    return UNKNOWN if count is None else _scaled(count, ("B", "kB", "MB", "GB", "TB"))


def number(count: int | None) -> str:
    """A count with its thousands apart."""
    return UNKNOWN if count is None else f"{count:,}"


def counted(count: int, noun: str, several: str = "") -> str:
    """``1 call``, ``2 calls``; ``several`` is the plural where it is not the noun and an s."""
    return f"{count:,} {noun if count == 1 else several or f'{noun}s'}"


def moment(ns: int) -> str:
    """A time to the millisecond, in UTC."""
    text = isoformat(ns) or ""
    return f"{text[:10]} {text[11:23]}Z"


def usage(counts: Usage) -> str:
    """Tokens in and out, with what was cached and what was reasoning; a dash if nothing was reported.

    Example:
        >>> from spanglass.model.record import Usage
        >>> usage(Usage(1234, 56, cache_read_input_tokens=1000))
        '1,234 in (1,000 cached), 56 out'
    """
    if counts.input_tokens is None and counts.output_tokens is None:
        return UNKNOWN
    cached = f" ({counts.cache_read_input_tokens:,} cached)" if counts.cache_read_input_tokens else ""
    reasoning = f" ({counts.reasoning_output_tokens:,} reasoning)" if counts.reasoning_output_tokens else ""
    return f"{number(counts.input_tokens)} in{cached}, {number(counts.output_tokens)} out{reasoning}"


def _scaled(value: float, units: tuple[str, ...]) -> str:
    scaled, unit = float(value), units[0]
    for larger in units[1:]:
        if round(scaled, 1 if scaled < 100 else 0) < _STEP:  # noqa: PLR2004 - as it would be printed
            break
        scaled, unit = scaled / _STEP, larger
    if unit == units[0] or scaled >= 100:  # noqa: PLR2004 - three significant digits
        return f"{scaled:.0f} {unit}"
    digits = f"{scaled:.2f}" if scaled < 10 else f"{scaled:.1f}"  # noqa: PLR2004
    return f"{digits.rstrip('0').rstrip('.')} {unit}"
