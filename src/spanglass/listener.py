"""Who wants to hear of the calls to a model that begin here; nobody, unless steps are being traced.

Invariant: it knows neither side. It travels in OpenTelemetry's context, and so wherever that goes: into tasks, and into
the threads that it is carried to. Where nobody listens, a call pays for one look into the context that it has at hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from opentelemetry import context as otel_context

if TYPE_CHECKING:
    from opentelemetry.context import Context

LISTENER = otel_context.create_key("spanglass-listener")


class Listener(Protocol):
    """Hears of calls as they begin."""

    def call_began(self, span_id: str, name: str) -> None:
        """A call began in this context; ``name`` is its span's. Must not raise."""


def current_listener(context: Context) -> Listener | None:
    """Who listens in ``context``, or None."""
    return cast("Listener | None", context.get(LISTENER))
