"""How a person names a call: a span id, the start of one, or ``trace_id/span_id``.

Invariant: a reference is lower-case hex and long enough not to be a slip of the finger; what is not is refused here,
before any store is asked.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from spanglass.errors import ConfigurationError

MIN_DIGITS = 4
SPAN_DIGITS = 16
TRACE_DIGITS = 32
_HEX = re.compile(r"[0-9a-f]+")


class Reference(NamedTuple):
    """The starts of a trace id and of a span id; None where the reference does not say."""

    trace_prefix: str | None
    span_prefix: str | None


def parse_reference(text: str) -> Reference:
    """Reads ``span``, ``trace/span`` or a trace id; each may be cut to its first digits (4 at least), as with git.

    More than 16 digits can only be a trace id: it names the call if the trace has one.

    Raises:
        ConfigurationError: it is none of these.

    Example:
        >>> parse_reference("00F067AA")
        Reference(trace_prefix=None, span_prefix='00f067aa')
        >>> parse_reference("4bf92f35/00f067aa")
        Reference(trace_prefix='4bf92f35', span_prefix='00f067aa')
    """
    trace, slash, span = text.strip().lower().rpartition("/")
    if slash:
        return Reference(_digits(trace, TRACE_DIGITS, text), _digits(span, SPAN_DIGITS, text))
    if len(span) > SPAN_DIGITS:
        return Reference(_digits(span, TRACE_DIGITS, text), None)
    return Reference(None, _digits(span, SPAN_DIGITS, text))


def _digits(part: str, longest: int, text: str) -> str:
    if MIN_DIGITS <= len(part) <= longest and _HEX.fullmatch(part):
        return part
    shown = text if len(text) <= 80 else f"{text[:80]}…"  # noqa: PLR2004 - one line of a terminal
    message = (
        f"{shown!r} is no reference to a call: give a span id (16 hex digits), its first {MIN_DIGITS} digits or more, "
        "or trace_id/span_id; 'spanglass ls' lists the calls"
    )
    raise ConfigurationError(message)
