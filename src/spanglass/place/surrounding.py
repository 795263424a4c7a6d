"""What those who make a call on the program's behalf put around it: what was handed to it, who hears of it.

Invariant: the names of the place stay as they are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spanglass.place.entrance import Entrance
from spanglass.place.place import Handed, Place, Upstream, context_at, current_place

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context


class handing(Entrance):  # noqa: N801 - used as a verb, like contextlib's
    """Says what was handed to the calls inside, wherever they are made; None leaves it as it is."""

    def __init__(self, upstream: Any) -> None:
        self._upstream = upstream

    def context(self) -> Context:
        """The context to be in, made from the current one."""
        around = current_place() or Place()
        return context_at(replace(around, upstream=Upstream(Handed.of(self._upstream), around.upstream)))


class listening(Entrance):  # noqa: N801 - used as a verb, like contextlib's
    """Tells ``heard`` the reference of each call for an answer that begins inside; as are listeners around it."""

    def __init__(self, heard: Callable[[str], None]) -> None:
        self._heard = heard

    def context(self) -> Context:
        """The context to be in, made from the current one."""
        around = current_place() or Place()
        outer, heard = around.witness, self._heard

        def both(ref: str) -> None:
            heard(ref)
            if outer is not None:
                outer(ref)

        return context_at(replace(around, witness=both))


class offering(Entrance):  # noqa: N801 - used as a verb, like contextlib's
    """Lets the first call over a wire that begins inside take over what ``claim`` gives."""

    def __init__(self, claim: Callable[[], object]) -> None:
        self._claim = claim

    def context(self) -> Context:
        """The context to be in, made from the current one."""
        return context_at(replace(current_place() or Place(), claim=self._claim))
