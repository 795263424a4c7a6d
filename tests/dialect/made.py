"""Envelopes for the dialects' tests."""

from __future__ import annotations

import json
from typing import Any

from spanglass.dialect.envelope import Envelope, parse


def envelope(attributes: dict[str, Any], *events: dict[str, Any], **status: Any) -> Envelope:
    """An envelope as the sidecar keeps it, read again."""
    return parse(json.dumps({"attributes": attributes, "events": list(events), "status": status}).encode())


def call(call_id: str | None, name: str, arguments: str) -> dict[str, Any]:
    """A tool call."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
