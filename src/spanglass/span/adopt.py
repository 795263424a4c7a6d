"""Finds the gen_ai span that another instrumentation, or the SDK itself, has already begun for this call.

Invariant: only a span that is recording, is a CLIENT span, and names a request to a model is adopted; an agent's, a
tool's or a workflow's span only contains such requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind, get_current_span

from spanglass.span.attributes import MODEL_OPERATIONS

if TYPE_CHECKING:
    from opentelemetry.trace import Span


def adoptable_span() -> Span | None:
    """The current span, if it stands for the call that is about to be made."""
    span = get_current_span()
    if not span.is_recording() or getattr(span, "kind", None) is not SpanKind.CLIENT:
        return None
    attributes = getattr(span, "attributes", None) or {}
    return span if attributes.get("gen_ai.operation.name") in MODEL_OPERATIONS else None
