"""A JSON answer, for whatever a record holds.

Invariant: it is valid JSON in UTF-8: what JSON has no name for (NaN) is null, a lone surrogate is U+FFFD.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
from starlette.responses import Response


class JsonAnswer(Response):
    """An answer whose body is a value as JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The value as JSON."""
        try:
            return msgspec.json.encode(content)
        except (UnicodeEncodeError, OverflowError, TypeError, msgspec.MsgspecError):
            text = json.dumps(_finite(content), ensure_ascii=False, default=str)
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(name): _finite(item) for name, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value
