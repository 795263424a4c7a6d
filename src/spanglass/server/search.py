"""From the parameters of a search to a query of the store.

Invariant: a parameter that is unknown, empty or of no use is refused in words, never passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from spanglass.errors import ConfigurationError
from spanglass.model.record import State
from spanglass.read.when import parse_moment

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_LIMIT = 100
MOST = 1000
TEXTS = ("trace_id", "workflow_id", "step_name", "state", "model", "provider", "text")
TIMES = ("since", "until")


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
    try:
        return parse_moment(value)
    except ValueError as why:
        raise _refused(name, value, str(why)) from None


def _refused(name: str, value: str, why: str) -> ConfigurationError:
    shown = value if len(value) <= 80 else f"{value[:80]}…"  # noqa: PLR2004 - one line
    return ConfigurationError(f"the parameter {name}={shown!r} cannot work: {why}")
