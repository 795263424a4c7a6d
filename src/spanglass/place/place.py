"""Where in which workflow the program is, as a value in the OpenTelemetry context.

Invariant: the ids travel under a key of our own in that context, never in baggage, which goes out in headers to the
provider. What is compared of a place is its names; the rest is how a running workflow keeps its books.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from opentelemetry import context as otel_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.context import Context

_KEY = otel_context.create_key("spanglass-workflow")


class Handed:
    """One upstream context: what the steps before handed on. Whoever records it keeps it ready in ``kept``."""

    __slots__ = ("kept", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.kept: Any = None

    @classmethod
    def of(cls, value: Any) -> Handed | None:
        """A value as an upstream context; None is none."""
        return None if value is None else cls(value)


class Upstream:
    """Where a place keeps its upstream context; a step that was given none has that of the step around it."""

    __slots__ = ("handed", "outer")

    def __init__(self, handed: Handed | None = None, outer: Upstream | None = None) -> None:
        self.handed = handed
        self.outer = outer

    def latest(self) -> Handed | None:
        """What was handed to this place or, if nothing was, to the nearest one around it."""
        cell: Upstream | None = self
        while cell is not None:
            if cell.handed is not None:
                return cell.handed
            cell = cell.outer
        return None


class Run:
    """One run of a workflow: counts how often each of its steps was entered."""

    __slots__ = ("_attempts",)

    def __init__(self) -> None:
        self._attempts: defaultdict[str, Iterator[int]] = defaultdict(lambda: count(1))

    def attempt(self, step_name: str) -> int:
        """1 when the step is entered for the first time, 2 for the second."""
        return next(self._attempts[step_name])


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which workflow the program is.

    Args:
        workflow, workflow_id: the name and the id of the workflow.
        debug: what the workflow, or the one around it, says about capturing.
        step_name, step_attempt: the step, and how often it was entered in this run of the workflow, this time included.
        correction, restart: in a generation, how often the model was corrected, and the conversation begun anew.
        outer: the place in which the workflow was entered, if that was in a workflow too.
        upstream: where its upstream context is kept.
        run: the run of the workflow.
        witness: is told the reference of each call for an answer that begins here.
        claim: gives up, once, what the program began to log by hand, to the call over a wire that it turns out to be.
    """

    workflow: str | None = None
    workflow_id: str | None = None
    debug: bool | None = None
    step_name: str | None = None
    step_attempt: int | None = None
    correction: int | None = None
    restart: int | None = None
    outer: Place | None = field(default=None, compare=False, repr=False)
    upstream: Upstream | None = field(default=None, compare=False, repr=False)
    run: Run | None = field(default=None, compare=False, repr=False)
    witness: Callable[[str], None] | None = field(default=None, compare=False, repr=False)
    claim: Callable[[], object] | None = field(default=None, compare=False, repr=False)

    def workflows(self) -> Iterator[Place]:
        """This place, and those around its workflow, from the inside out."""
        place: Place | None = self
        while place is not None:
            yield place
            place = place.outer

    def handed(self) -> Handed | None:
        """The upstream context of the calls that are made here."""
        return None if self.upstream is None else self.upstream.latest()


def current_place(context: Context | None = None) -> Place | None:
    """Where the program is in this context (unset: the current one), or None outside any workflow and step."""
    return cast("Place | None", (otel_context.get_current() if context is None else context).get(_KEY))


def context_at(place: Place, context: Context | None = None) -> Context:
    """``context`` (the current one if None), with the program at ``place``."""
    return otel_context.set_value(_KEY, place, context)
