"""`RedactingSpanProcessor`: no span of the process, ours or another vendor's, reaches an exporter with a credential.

Invariant: the SDK calls `_on_ending` of every processor before `on_end` of any, and before it makes the `ReadableSpan`
that they share; what is replaced there is replaced for every exporter, whatever the order of processors. The hook is
private, so `protects` tries it out. Nothing is raised into the host; a span that cannot be judged loses its content.
"""

# ruff: noqa: SLF001 - a span that has ended can only be changed through its private fields

from __future__ import annotations

import copy
import secrets
from typing import TYPE_CHECKING, Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider, sampling
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from spanglass import guard
from spanglass.redact.attribute import AttributeMasker
from spanglass.redact.leaf import FAILED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from spanglass.redact.redactor import Redactor

_BEGUN = guard.Boundary("redact.on_start")
_MAKE = guard.Boundary("redact.make_pending")
_ENDED_KEPT = 4096
_NAMES_KEPT = 4096


class RedactingSpanProcessor(SpanProcessor):
    """Masks credentials on every span as it ends: name, attributes, events, links, status and resource.

    The span's private fields are replaced, because at that moment its public ones are frozen. A resource belongs to all
    spans of a provider and is never changed; a span whose resource has a credential gets a masked copy. Where the SDK
    or a processor around this one does not forward `_on_ending`, `on_end` does the same work: that protects the
    processors added later only.

    Args:
        redactor: what masks.
        begun: is told of each span as it begins.
        make_pending: has spans made that are still to be made; called before the others are flushed or shut down, if
            this processor stands before them.
    """

    def __init__(
        self,
        redactor: Redactor,
        begun: Callable[[Span], None] | None = None,
        make_pending: Callable[[], None] | None = None,
    ) -> None:
        self._redactor = redactor
        self._begun = begun
        self._make_pending = make_pending
        self._masker = AttributeMasker(redactor)
        self._clean_names: set[str] = set()
        self._ended: set[int] = set()
        self._resource: tuple[Resource, Resource] | None = None

    @property
    def makes_pending(self) -> bool:
        """It has pending spans made."""
        return self._make_pending is not None

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's signature
        """Has pending spans made, so that the processors behind this one flush them."""
        if self._make_pending is not None:
            with _MAKE:
                self._make_pending()
        return True

    def shutdown(self) -> None:
        """The same for the last time."""
        self.force_flush()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the SDK's signature
        """Tells of the span; masking waits for its end."""
        if self._begun is not None:
            with _BEGUN:
                self._begun(span)

    def _on_ending(self, span: Span) -> None:
        self._protect(span)
        if len(self._ended) >= _ENDED_KEPT:
            self._ended.clear()
        self._ended.add(_identity(span))

    def on_end(self, span: ReadableSpan) -> None:
        """Masks the span if `_on_ending` was not called for it."""
        try:
            self._ended.remove(_identity(span))
        except KeyError:
            self._protect(span)

    def _protect(self, span: ReadableSpan) -> None:
        try:
            self._mask(span)
        except Exception as fault:
            _empty(span)
            guard.absorb("redact.span", fault)
            if guard.reraise:
                raise

    def _mask(self, span: ReadableSpan) -> None:
        if self._resource is None or span._resource is not self._resource[1]:
            self._mask_resource(span)
        name = span._name
        if name in self._clean_names and _says_nothing_yet(span):
            return
        texts = [span._name, span._status.description or "", *(event._name for event in _said(span._events))]
        if not self._masker.is_clean(_all_attributes(span), texts):
            self._replace(span)
        elif len(self._clean_names) < _NAMES_KEPT:
            self._clean_names.add(name)

    def _replace(self, span: ReadableSpan) -> None:
        text = self._redactor.text
        span._name = text(span._name)[0]
        span._attributes = self._attributes(span._attributes)
        for event in span._events:
            event._name = text(event._name)[0]
            event._attributes = self._attributes(event._attributes)
        for link in span._links:
            link._attributes = self._attributes(link._attributes)
        description = span._status.description
        if description:
            span._status = Status(span._status.status_code, text(description)[0])

    def _attributes(self, attributes: Any) -> Any:
        """The attributes masked, as the SDK keeps them; the very same object if nothing was masked."""
        if not attributes:
            return attributes
        masked = self._masker.mask(attributes)
        if masked is attributes:
            return attributes
        bounded = BoundedAttributes(None, masked, immutable=True)
        bounded.dropped = getattr(attributes, "dropped", 0)
        return bounded

    def _mask_resource(self, span: ReadableSpan) -> None:
        seen = self._resource
        if seen is None or seen[0] is not span._resource:
            if seen is not None and seen[1] is span._resource:
                return
            masked = self._attributes(span._resource.attributes)
            same = masked is span._resource.attributes
            seen = (span._resource, span._resource if same else Resource(masked, span._resource.schema_url))
            self._resource = seen
        span._resource = seen[1]


def _identity(span: ReadableSpan) -> int:
    return span._context.span_id if span._context else 0


def _all_attributes(span: ReadableSpan) -> Iterator[Mapping[str, Any]]:
    """The mappings of a span and of its events and links, without the locks and copies of `BoundedAttributes`."""
    holders: Iterable[Any] = (span, *_said(span._events), *span._links)
    for holder in holders:
        attributes = _said(holder._attributes)
        if attributes:
            yield getattr(attributes, "_dict", attributes)


def _says_nothing_yet(span: ReadableSpan) -> bool:
    """A span of ours that ended well: all that it will say is masked when it does."""
    bare = not span._links and span._status.description is None
    return bare and getattr(span._attributes, "silent", False) and getattr(span._events, "silent", False)


def _said(kept: Any) -> Any:
    """What a span holds by now. What our own spans will say once somebody looks is masked then (`span.late`)."""
    return getattr(kept, "said", kept)


def _empty(span: ReadableSpan) -> None:
    """Drops what could not be judged."""
    span._name = FAILED
    span._attributes = BoundedAttributes(None, {"spanglass.redacted": FAILED}, immutable=True)
    span._events = BoundedList(0)
    span._links = BoundedList(0)
    span._resource = Resource({})
    if span._status.description:
        span._status = Status(StatusCode.ERROR, FAILED)


class _Probe(SpanProcessor):
    """Stands before every other processor and keeps what an exporter there would get."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.seen.append(span.to_json())


def protects(provider: Any) -> bool:
    """Whether credentials on a span of this provider are masked before any of its exporters sees the span.

    It is tried out with a throw-away span that carries planted credentials wherever a span can carry one. The span runs
    through a copy of the provider's own pipeline (the same multi-processor, so that one which forwards no `_on_ending`
    is found out) that holds a probe, then the very `RedactingSpanProcessor` objects of the provider, and nothing else:
    the user's exporters never see it. The probe comes first, where nothing but `_on_ending` can protect it.
    """
    try:
        pipeline = _pipeline(provider)
        if pipeline is None:
            return False
        probe = _Probe()
        pipeline._span_processors = (probe, *pipeline._span_processors)
        canaries = _end_canary_span(pipeline)
        return len(probe.seen) == 1 and not any(canary in probe.seen[0] for canary in canaries)
    except Exception as fault:  # noqa: BLE001 - what cannot be tried out is not relied on
        guard.absorb("redact.protects", fault)
        return False


def _pipeline(provider: Any) -> Any:
    """A copy of the provider's multi-processor with our processors only; None if there are none to be found."""
    active = getattr(provider, "_active_span_processor", None)
    ours = tuple(one for one in getattr(active, "_span_processors", ()) if isinstance(one, RedactingSpanProcessor))
    if not ours:
        return None
    pipeline: Any = copy.copy(active)
    pipeline._span_processors = ours
    return pipeline


def _end_canary_span(pipeline: Any) -> list[str]:
    """Runs a span full of planted credentials through a pipeline; gives the secret parts of them."""
    canaries = [secrets.token_hex(16) for _ in range(9)]
    shaped = [f"{prefix}{canary}" for prefix, canary in zip(["sk-", "sk-", "Bearer "] * 3, canaries, strict=True)]
    provider = TracerProvider(
        sampler=sampling.ALWAYS_ON,
        resource=Resource({"app.note": shaped[0]}),
        shutdown_on_exit=False,
        active_span_processor=pipeline,
    )
    linked = SpanContext(1, 1, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    span = provider.get_tracer("spanglass.redact").start_span(
        f"canary {shaped[1]}", context=Context(), links=[Link(linked, {"note": shaped[2]})]
    )
    span.set_attribute("note", shaped[3])
    span.set_attribute("api_key", canaries[4])
    span.set_attribute("notes", ["plain", shaped[5]])
    span.add_event(f"event {shaped[6]}", {"authorization": canaries[7]})
    span.record_exception(ValueError(shaped[8]))
    span.set_status(Status(StatusCode.ERROR, f"ValueError: {shaped[8]}"))
    span.end()
    return canaries
