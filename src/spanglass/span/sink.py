"""The one place where attributes and events are put on a span.

Only it and `spanglass.span.late` change when the conventions or the SDK do.

Invariant: what is put on a span can be exported: values are plain, and text is valid Unicode (one lone surrogate
makes an OTLP exporter lose its whole batch). The limits that a user set for spans are kept: where one applies, or the
span is not the SDK's own, everything is said at once, through the public methods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    if type(span).__module__ != _SDK:
        return None  # a wrapper (Logfire's) hands the SDK's fields out, and would keep what is put in their place
    attributes, limits = getattr(span, "_attributes", None), getattr(span, "_limits", None)
    if type(attributes) is not BoundedAttributes or limits is None or not hasattr(span, "_events"):
        return None
    cut = (attributes.max_value_len, limits.max_attribute_length) != (None, None)
    few = _less(attributes.maxlen, _ATTRIBUTES) or _less(limits.max_event_attributes, _EVENT_ATTRIBUTES)
    return None if cut or few else Late(span, mask_all)


def say_now(span: Span, said: Said) -> None:
    """Puts attributes and events on a span that is recording, through its public methods."""
    span.set_attributes(exportable(said.attributes))
    for event in said.events:
        span.add_event(event.name, exportable(event.attributes), event.timestamp)


def _less(bound: int | None, wanted: int) -> bool:
    return bound is not None and bound < wanted
