"""From the parameters of a search to a query of the store.

Invariant: a parameter that is unknown, empty or of no use is refused in words, never passed over.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, get_args

from spanglass.errors import ConfigurationError
from spanglass.model.record import State
from spanglass.settings import parse_age

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_LIMIT = 100
MOST = 1000
TEXTS = ("trace_id", "workflow_id", "step_name", "state", "model", "provider", "text")
TIMES = ("since", "until")
_MOMENTS = 2**63


def parse_search(parameters: Mapping[str, str]) -> tuple[dict[str, Any], int]:
    """The criteria for `Reader.find`, and the limit.

    Raises:
        ConfigurationError: a parameter that is not known or cannot work.
    """
    criteria: dict[str, Any] = {}
    limit = DEFAULT_LIMIT
    for name, value in parameters.items():
        if not value:
            raise _refused(name, value, "it is empty")
        if name in TEXTS:
            criteria[name] = value
        elif name in TIMES:
            criteria[name] = _moment(name, value)
        elif name == "limit":
            limit = _limit(value)
        else:
            raise _refused(name, value, f"the parameters are {', '.join((*TEXTS, *TIMES, 'limit'))}")
    if criteria.get("state", "done") not in get_args(State):
        raise _refused(name="state", value=criteria["state"], why=f"the states are {', '.join(get_args(State))}")
    return criteria, limit


def _limit(value: str) -> int:
    if value.isascii() and value.isdecimal() and len(value) <= len(str(MOST)) and 0 < int(value) <= MOST:
        return int(value)
    raise _refused(name="limit", value=value, why=f"it takes 1 to {MOST}")


def _moment(name: str, value: str) -> int:
    """A time in ns since the epoch: an age such as ``10m``, or a date, with or without a time (UTC unless said)."""
    try:
        when = time.time_ns() - int(parse_age(value) * 1e9)
    except (ValueError, OverflowError):
        try:
            date = datetime.fromisoformat(value.replace("Z", "+00:00"))
            when = int(date.replace(tzinfo=date.tzinfo or timezone.utc).timestamp() * 1e6) * 1000
        except (ValueError, OverflowError):
            raise _refused(
                name, value, "it takes an age such as 10m or 7d, or a time such as 2026-11-21T04:30"
            ) from None
    if not -_MOMENTS <= when < _MOMENTS:
        raise _refused(name, value, "it is out of reach")
    return when


def _refused(name: str, value: str, why: str) -> ConfigurationError:
    shown = value if len(value) <= 80 else f"{value[:80]}…"  # noqa: PLR2004 - one line
    return ConfigurationError(f"the parameter {name}={shown!r} cannot work: {why}")
