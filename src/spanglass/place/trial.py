"""Which try of a generation a call is.

Invariant: a try says nothing of where in which workflow it is; that stays what it was.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from spanglass.place.entrance import Entrance
from spanglass.place.place import Place, context_at, current_place

if TYPE_CHECKING:
    from opentelemetry.context import Context


class one_try(Entrance):  # noqa: N801 - used as a verb, like contextlib's
    """Says that the calls inside are one try of a generation.

    Args:
        number: which try this is, 1 for the first; it is the step's attempt, where no step has counted its own.
        correction: how often the model has been corrected in this conversation.
        restart: how often the conversation was begun anew.
    """

    def __init__(self, number: int, *, correction: int, restart: int) -> None:
        self._number, self._correction, self._restart = number, correction, restart

    def context(self) -> Context:
        """The context to be in, made from the current one."""
        around = current_place() or Place()
        attempt = self._number if around.step_attempt is None else around.step_attempt
        return context_at(replace(around, step_attempt=attempt, correction=self._correction, restart=self._restart))
