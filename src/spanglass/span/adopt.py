"""Finds the gen_ai span that another instrumentation, or the SDK itself, has already begun for this call.

Invariant: only a span that is recording, stands for one request to a model, and has no call yet is adopted; an
agent's, a tool's, a chain's or a workflow's span only contains such requests. It is the current span or, for
instrumentations that never make theirs current, the last that was begun in this context where ours would be.
"""

from __future__ import annotations

import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

from opentelemetry.trace import SpanKind

from spanglass.span.attributes import MODEL_OPERATIONS
from spanglass.span.pending import PendingSpan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span

_OPERATION = "gen_ai.operation.name"
#: OpenInference: the kinds that are a request to a model.
_OPENINFERENCE_KIND = "openinference.span.kind"
_OPENINFERENCE_KINDS = frozenset({"LLM", "EMBEDDING"})
#: OpenLLMetry before it followed the conventions.
_REQUEST_TYPE = "llm.request.type"
_REQUEST_TYPES = frozenset({"chat", "completion", "embedding"})
_MODELS = ("gen_ai.request.model", "llm.model_name", "llm.request.model_name")
#: Models that run in the process have INTERNAL spans, and so have all of OpenInference's.
_KINDS = frozenset({SpanKind.CLIENT, SpanKind.INTERNAL})

_Begun: TypeAlias = "weakref.ReferenceType[Span] | None"
_last_begun: ContextVar[_Begun] = ContextVar("spanglass.begun", default=None)
#: Spans that have their call: two calls under one id could not be told apart.
_adopted: weakref.WeakSet[Span] = weakref.WeakSet()


def adopt_span(current: Span, model: Any = None) -> Span | None:
    """The span that stands for the call that is about to be made, or None; it is given once.

    Args:
        current: the current span where the call is made.
        model: that is asked, as far as that is known.
    """
    span = adoptable_span(current, model)
    if span is not None:
        _adopted.add(span)
    return span


def adoptable_span(current: Span, model: Any = None) -> Span | None:
    """The same without taking it."""
    if current.is_recording() and not _is_ours(current) and current not in _adopted and stands_for_request(current):
        return current
    begun = _last_begun.get()
    if begun is None:
        return None
    span = begun()
    if span is None or span in _adopted or not span.is_recording() or not _asks(span, model):
        return None
    return span if _parent_id(span) == current.get_span_context().span_id else None


def note_begun(span: Span) -> None:
    """Remembers a span of another instrumentation that stands for a request; to be called as any span begins."""
    if not _is_ours(span) and stands_for_request(span):
        _last_begun.set(weakref.ref(span))


def stands_for_request(span: Span) -> bool:
    """Whether a span that is recording is for one request to a model, in any of the dialects in use."""
    if getattr(span, "kind", None) not in _KINDS or not span.is_recording():
        return False
    attributes = _attributes(span)
    return (
        attributes.get(_OPERATION) in MODEL_OPERATIONS
        or attributes.get(_OPENINFERENCE_KIND) in _OPENINFERENCE_KINDS
        or attributes.get(_REQUEST_TYPE) in _REQUEST_TYPES
    )


def _asks(span: Any, model: Any) -> bool:
    """Whether a span that is only nearby may be for this model: it may be for a call that we do not see."""
    attributes = _attributes(span)
    named = {attributes[name] for name in _MODELS if name in attributes}
    return model is None or not named or model in named


def _attributes(span: Any) -> Mapping[str, Any]:
    """The SDK's own mapping where it has one: its public view would cost more than all else here, for every span."""
    held = getattr(getattr(span, "_attributes", None), "_dict", None)
    return held if held is not None else getattr(span, "attributes", None) or {}


def _is_ours(span: Any) -> bool:
    if type(span) is PendingSpan:
        return True
    scope = getattr(span, "instrumentation_scope", None)
    return scope is not None and scope.name == "spanglass"


def _parent_id(span: Any) -> int:
    parent = getattr(span, "parent", None)
    return parent.span_id if parent is not None else 0
