"""Who wants to hear of the calls to a model that begin here; nobody, unless steps are being traced.

Invariant: it knows neither side. Where nobody listens, a call pays for one look at a context variable.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol


class Listener(Protocol):
    """Hears of calls as they begin."""

    def call_began(self, span_id: str, name: str) -> None:
        """A call began in this context; ``name`` is its span's. Must not raise."""


LISTENER: ContextVar[Listener | None] = ContextVar("spanglass.listener", default=None)
