"""Finds the gen_ai span that another instrumentation, or the SDK itself, has already begun for this call.

Invariant: only a span that is recording, is a CLIENT span, and names a request to a model is adopted; an agent's, a
tool's or a workflow's span only contains such requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind

from spanglass.span.attributes import MODEL_OPERATIONS

if TYPE_CHECKING:
    from opentelemetry.trace import Span


def is_adoptable(span: Span) -> bool:
    """Whether the current span stands for the call that is about to be made."""
    if not span.is_recording() or getattr(span, "kind", None) is not SpanKind.CLIENT:
        return False
    attributes = getattr(span, "attributes", None) or {}
    return attributes.get("gen_ai.operation.name") in MODEL_OPERATIONS
