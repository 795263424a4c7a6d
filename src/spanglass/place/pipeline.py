"""The workflow and the step that calls belong to, and what the steps before handed to them.

Invariant: a workflow begins anew, with no step and no upstream context; a step is in the workflow around it. What is
said here is kept by reference and costs next to nothing; it is encoded, once, when a call is recorded.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spanglass.place.entrance import Entrance
from spanglass.place.place import Handed, Place, Run, Upstream, context_at, current_place

if TYPE_CHECKING:
    from opentelemetry.context import Context

_LOG = logging.getLogger("spanglass")


class workflow(Entrance):  # noqa: N801 - used as a verb, like contextlib's
    """Says that the calls inside belong to a workflow.

    A context manager (``with`` and ``async with``) and a decorator of functions, coroutine functions and generators.
    Inside another workflow the calls belong to the inner one; what switches the outer one on for capture switches the
    inner one on with it.

    Args:
        name: the workflow's name; `SPANGLASS_DEBUG_WORKFLOWS` patterns match it and the id.
        id: its id, under which records are found; a new one if None, at each call of a decorated function too.
        debug: True captures its calls although the rest is off, False does not capture them, None follows the workflow
            around it, and then the settings.

    Example:
        >>> with workflow("patents", id="p-17") as place:
        ...     place.workflow_id
        'p-17'
    """

    def __init__(self, name: str, *, id: str | None = None, debug: bool | None = None) -> None:  # noqa: A002 - the record's word
        self._name, self._id, self._debug = name, id, debug

    def context(self) -> Context:
        """The context to be in, made from the current one."""
        around = current_place()
        debug = around.debug if self._debug is None and around is not None else self._debug
        return context_at(
            Place(
                self._name,
                self._id or f"{self._name}-{uuid.uuid4().hex[:12]}",
                debug,
                outer=around if around is not None and around.workflow is not None else None,
                upstream=Upstream(),
                run=Run(),
                witness=around.witness if around is not None else None,
                claim=around.claim if around is not None else None,
            )
        )


class step(Entrance):  # noqa: N801 - used as a verb, like contextlib's
    """Says that the calls inside belong to a step of the current workflow.

    A context manager (``with`` and ``async with``) and a decorator of functions, coroutine functions and generators.
    Inside another step the calls belong to the inner one, which has the outer one's upstream context unless it is given
    its own.

    Args:
        name: the step's name, under which its calls are found.
        upstream: what the steps before handed on, any value; it is in the record of each call inside, masked, and is
            read at the first of them. What JSON cannot hold is put into words.
        attempt: which attempt at the step this is, 1 for the first. None counts how often this run of the workflow
            entered a step of this name; outside any workflow nothing is counted.

    Example:
        >>> with workflow("patents", id="p-17"), step("claims", upstream={"title": "A lamp"}) as place:
        ...     place.workflow_id, place.step_name, place.step_attempt
        ('p-17', 'claims', 1)
    """

    def __init__(self, name: str, *, upstream: Any = None, attempt: int | None = None) -> None:
        self._name, self._upstream, self._attempt = name, upstream, attempt

    def context(self) -> Context:
        """The context to be in, made from the current one."""
        around = current_place() or Place()
        attempt = self._attempt
        if attempt is None and around.run is not None:
            attempt = around.run.attempt(self._name)
        upstream = Upstream(Handed.of(self._upstream), around.upstream)
        return context_at(replace(around, step_name=self._name, step_attempt=attempt, upstream=upstream))


def log_upstream_context(context: Any) -> None:
    """Says what the steps before handed to the step (or else the workflow) that the program is in.

    It is in the record of each call that the step makes from now on. Said again, the latest counts. Outside any step
    and workflow there is nothing that it could belong to; then a warning is logged.

    Args:
        context: any value, as `step` takes it for ``upstream``.

    Example:
        >>> with workflow("patents", id="p-17"), step("claims"):
        ...     log_upstream_context({"title": "A lamp"})
    """
    place = current_place()
    if place is None or place.upstream is None:
        _LOG.warning(
            "spanglass: log_upstream_context() was called outside any workflow and step, so it belongs to no call; "
            "open a 'with spanglass.step(name)' around it, or give the call itself upstream_context="
        )
        return
    place.upstream.handed = Handed(context)
