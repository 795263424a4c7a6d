"""The ids of a span as a record has them, and the service that it belongs to.

Invariant: there are ids wherever a record is kept: where OpenTelemetry has made none, they are our own.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.context import Context

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanContext

#: Under which OpenTelemetry keeps the current span in a context; looking there is five calls less than asking for it.
SPAN_KEY = next(iter(trace.set_span_in_context(trace.INVALID_SPAN, Context())))

#: Ids are no secrets and must not disturb the host's seeded random numbers.
_random = random.Random()  # noqa: S311 - as the OpenTelemetry SDK's own id generator
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)  # else all children give their calls the same ids


def own_ids(span: Span, *, recording: bool, parent: SpanContext | None) -> tuple[str, str]:
    """The span's ids; where there is no span of its own (no SDK, or one that only passes its parent on), new ones."""
    context = span.get_span_context()
    trace_id, span_id = context.trace_id, context.span_id
    if not recording:
        own = context.is_valid and (parent is None or span_id != parent.span_id)
        trace_id = trace_id if context.is_valid else _random.getrandbits(128) or 1
        span_id = span_id if own else _random.getrandbits(64) or 1
    return f"{trace_id:032x}", f"{span_id:016x}"


def service_name(resource: Any) -> str:
    """The ``service.name`` of a span's resource; empty where it has none."""
    global _service  # noqa: PLW0603 - of the resource that was asked for last, which is nearly always the same
    if resource is not _service[0]:
        _service = (resource, str(resource.attributes.get("service.name", "")) if resource is not None else "")
    return _service[1]


_service: tuple[Any, str] = (None, "")
