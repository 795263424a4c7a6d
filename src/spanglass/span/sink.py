"""The one place where attributes and events are put on a span.

Only it and `spanglass.span.late` change when the conventions or the SDK do.

Invariant: what is put on a span can be exported: values are plain, and text is valid Unicode (one lone surrogate
makes an OTLP exporter lose its whole batch). The limits that a user set for spans are kept: where one applies, or the
span is not the SDK's own, everything is said at once, through the public methods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.attributes import BoundedAttributes

from spanglass.span.late import Late, exportable

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from spanglass.span.late import MaskAll, Said

_SDK = "opentelemetry.sdk.trace"
#: The most attributes that one of our spans, or events, has.
_ATTRIBUTES = 64
_EVENT_ATTRIBUTES = 8


def late_on(span: Span, mask_all: MaskAll) -> Late | None:
    """What says things on a span when somebody looks at it; None where they have to be said at once."""
    global _unlimited  # noqa: PLW0603 - the limits that were asked for last: those of the one provider
    if type(span).__module__ != _SDK:
        return None  # a wrapper (Logfire's) hands the SDK's fields out, and would keep what is put in their place
    limits = getattr(span, "_limits", None)
    if limits is not _unlimited:
        if limits is None or type(getattr(span, "_attributes", None)) is not BoundedAttributes or _limit(limits):
            return None
        _unlimited = limits
    # Adopted under an earlier installation, it may still have something to say.
    late: Late | None = getattr(span._attributes, "late", None)  # type: ignore[attr-defined]  # noqa: SLF001
    if late is not None:
        return late
    try:
        return Late(span, mask_all)
    except (AttributeError, TypeError):  # a later SDK that keeps them in another way
        return None


_unlimited: Any = object()


def _limit(limits: Any) -> bool:
    """Whether limits that a user set may cut something of ours."""
    cut = (limits.max_span_attribute_length, limits.max_attribute_length) != (None, None)
    return (
        cut or _less(limits.max_span_attributes, _ATTRIBUTES) or _less(limits.max_event_attributes, _EVENT_ATTRIBUTES)
    )


def say_now(span: Span, said: Said) -> None:
    """Puts attributes and events on a span that is recording, through its public methods."""
    span.set_attributes(exportable(said.attributes))
    for event in said.events:
        span.add_event(event.name, exportable(event.attributes), event.timestamp)


def _less(bound: int | None, wanted: int) -> bool:
    return bound is not None and bound < wanted
