"""Asks a model through any client, and gives the answer together with what was recorded of it.

Invariant: this room calls clients and reads records; how a call is captured is `capture`'s business.
"""

from __future__ import annotations

from spanglass.ask.asking import Asked, ask, ask_async
from spanglass.ask.call import call_llm, call_llm_async
from spanglass.ask.client import configure_client

__all__ = ["Asked", "ask", "ask_async", "call_llm", "call_llm_async", "configure_client"]
