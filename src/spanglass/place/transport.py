"""Takes the place, and the trace, to where the context does not follow by itself: threads, processes, queues.

Invariant: a carrier is a flat dictionary of ASCII texts, so that it fits in JSON and in the headers of a queue alike.
What a carrier says is never trusted to be well-formed: what cannot be read is as if it were not there. Baggage is
written only when asked for, because it goes out in the headers of the program's requests, to providers too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from opentelemetry import baggage as otel_baggage
from opentelemetry import context as otel_context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from spanglass.place.entrance import Entrance, run_in
from spanglass.place.place import Place, Run, Upstream, context_at, current_place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.context import Context

P = ParamSpec("P")
T = TypeVar("T")

_NAME = "spanglass"
_TRACE = TraceContextTextMapPropagator()
_BAGGAGE = W3CBaggagePropagator()
_TYPES: dict[str, type] = {
    "workflow": str,
    "workflow_id": str,
    "debug": bool,
    "step_name": str,
    "step_attempt": int,
}


def propagate(function: Callable[P, T]) -> Callable[P, T]:
    """``function``, to be called in another thread as if it were called here.

    It takes the workflow, the step and the OpenTelemetry context (the current span, baggage) along, for
    ``ThreadPoolExecutor.submit`` and ``map``, ``threading.Thread`` and ``loop.run_in_executor``. It may be called by
    many threads at once, and coroutine functions and generators run in that context as well.

    Example:
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> import spanglass
        >>> with spanglass.workflow("patents", id="p-17"), ThreadPoolExecutor() as pool:
        ...     pool.submit(propagate(current_place)).result().workflow_id
        'p-17'
    """
    return run_in(_There(otel_context.get_current()), function)


def carrier(*, baggage: bool = False) -> dict[str, str]:
    """Where the program is, as a dictionary of texts to send to another process; `from_carrier` goes on from there.

    Args:
        baggage: whether the program's OpenTelemetry baggage goes along, with the place in it as well, for relays that
            pass on W3C headers alone.

    Returns:
        ``traceparent`` (and ``tracestate``) of the current span if there is one, ``spanglass`` if the program is in a
        workflow or step, and ``baggage`` where asked for. The upstream context stays here: it may be of any size.

    Example:
        >>> import spanglass
        >>> with spanglass.workflow("patents", id="p-17"), spanglass.step("claims"):
        ...     sent = spanglass.carrier()
        >>> with spanglass.from_carrier(sent) as place:
        ...     place.workflow_id, place.step_name
        ('p-17', 'claims')
    """
    sent: dict[str, str] = {}
    _TRACE.inject(sent)
    place = current_place()
    said = None if place is None else _said(place)
    if said is not None:
        sent[_NAME] = said
    if baggage:
        _BAGGAGE.inject(sent, None if said is None else otel_baggage.set_baggage(_NAME, said))
    return sent


class from_carrier(Entrance):  # noqa: N801 - used as a verb, like contextlib's
    """Says that the calls inside belong where `carrier` was called, perhaps in another process.

    A context manager and a decorator, as `workflow`. Steps that are entered inside are counted anew.

    Args:
        carrier: what `carrier` gave, or the headers of a message that has it among others. What is missing in it, or
            cannot be read, is left as it is here; it never raises.
    """

    def __init__(self, carrier: Mapping[str, Any]) -> None:
        self._carrier = {str(key).lower(): value for key, value in carrier.items() if isinstance(value, str)}

    def context(self) -> Context:
        """The context to be in, made from the current one."""
        context = _TRACE.extract(self._carrier, otel_context.get_current())
        context = _BAGGAGE.extract(self._carrier, context) if "baggage" in self._carrier else context
        place = _read(self._carrier.get(_NAME)) or _read(otel_baggage.get_baggage(_NAME, context))
        context = otel_baggage.remove_baggage(_NAME, context)
        return context if place is None else context_at(place, context)


class _There(Entrance):
    """The context of another thread."""

    def __init__(self, context: Context) -> None:
        self._there = context

    def context(self) -> Context:
        """The context to be in, made from the current one."""
        return self._there


def _said(place: Place) -> str | None:
    """The names of a place as JSON in ASCII, or None if it has none."""
    names = {name: value for name in _TYPES if (value := getattr(place, name)) is not None}
    return json.dumps(names, separators=(",", ":")) if names else None


def _read(said: object) -> Place | None:
    if not isinstance(said, str):
        return None
    try:
        names = json.loads(said)
    except (ValueError, RecursionError):
        return None
    if not isinstance(names, dict):
        return None
    known: dict[str, Any] = {name: value for name, value in names.items() if type(value) is _TYPES.get(name)}
    return Place(**known, upstream=Upstream(), run=Run()) if known else None
