"""What the search form says, as criteria for the store.

Invariant: the form comes back as it was sent, whatever was wrong with it; what cannot be read restricts nothing and is
said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from spanglass.model.record import State
from spanglass.read.when import parse_moment

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

STATES: tuple[str, ...] = get_args(State)
#: ns since the epoch never have more digits than this in the years that matter.
_MOST_DIGITS = 19


@dataclass(frozen=True, slots=True)
class Search:
    """One search: the form's fields as sent, the criteria that they make, and what was wrong with them."""

    fields: dict[str, str]
    criteria: dict[str, Any]
    problems: tuple[str, ...] = ()

    @property
    def restricted(self) -> bool:
        """Whether it asks for anything but the newest."""
        return bool(self.criteria)


def parse(query: QueryParams) -> Search:
    """Reads ``q``, ``model``, ``workflow``, ``step``, ``state``, ``since``, ``until`` and ``before``."""
    names = ("q", "model", "workflow", "step", "state", "since", "until")
    fields = {name: query.get(name, "").strip() for name in names}
    wanted = {"text": "q", "model": "model", "workflow_id": "workflow", "step_name": "step"}
    criteria: dict[str, Any] = {name: fields[field] for name, field in wanted.items() if fields[field]}
    problems = []
    if fields["state"] in STATES:
        criteria["state"] = fields["state"]
    elif fields["state"]:
        problems.append(f"{fields['state']!r} is no state; the states are {', '.join(STATES)}")
    for name in ("since", "until"):
        if fields[name]:
            try:
                criteria[name] = parse_moment(fields[name])
            except ValueError as why:
                problems.append(f"{name}: {why}")
    before = query.get("before", "")
    if before.isascii() and before.isdecimal() and len(before) <= _MOST_DIGITS:
        criteria["until"] = min(int(before), criteria.get("until", int(before)))
    return Search(fields, criteria, tuple(problems))
