"""A scriptable LLM provider on loopback, so that SDK, HTTP library and stream parsing stay real in tests.

Invariant: deterministic. The same request bytes get the same answer bytes, and an `Exchange` holds exactly what went
over the wire in both directions.

Example:
    >>> from fake_provider import FakeProvider
    >>> with FakeProvider() as provider:
    ...     provider.url.startswith("http://127.0.0.1:")
    True
"""

from __future__ import annotations

from fake_provider.answer import Answer, Pause, Step
from fake_provider.plausible import plausible
from fake_provider.server import Exchange, FakeProvider

__all__ = ["Answer", "Exchange", "FakeProvider", "Pause", "Step", "plausible"]
