"""Makes the span of a call: at once, or later where nobody hears of it before.

Invariant: a span is made later only if every processor of its provider is one that is known to wait: the SDK's own
batch processor, and before all of them ours, which has pending spans made when the others are flushed or shut down; and
if the SDK's own samplers decide by ids and parent alone. Everything else has its span at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from opentelemetry.trace import SpanKind

from spanglass.span.pending import PendingSpan, Settled

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanContext, Tracer

    from spanglass.span.attributes import Begun
    from spanglass.span.late import MaskAll
    from spanglass.span.pending import Sayings

_SDK = "opentelemetry.sdk.trace"
#: A smaller queue of a batch processor is not to be filled from a backlog; this is the SDK's own size.
_QUEUE = 2048


class Maker:
    """Makes the spans that belong to one tracer.

    Args:
        tracer: whose they are.
        mask_all: masks what they say late.
    """

    def __init__(self, tracer: Tracer, mask_all: MaskAll) -> None:
        self.mask_all = mask_all
        self.tracer: Any = tracer
        self._multi: Any = getattr(tracer, "span_processor", None)
        self._knows = type(self._multi).__module__ == _SDK and type(tracer).__module__ == _SDK
        self._heard: Any = None
        self._sampler: Any = None
        self._waits = False
        self._decisions: dict[tuple[bool, bool] | None, bool] | None = None

    def make(
        self,
        started_at: int,
        context: Context,
        parent: SpanContext | None,
        begun: Begun,
        sayings: Sayings,
    ) -> Span:
        """The span of a call that begins.

        Args:
            started_at: ns since the epoch.
            context: OpenTelemetry's, in which the call begins.
            parent: the valid span context in it, if there is one.
            begun: what is known now; put in words only where a sampler may look at it.
            sayings: gives what a pending span has to say.
        """
        tracer = self.tracer
        attributes = None
        if not self._knows:
            attributes = begun.attributes()
        else:
            if self._multi._span_processors is not self._heard or tracer.sampler is not self._sampler:  # noqa: SLF001
                self._look()
            if not self._waits:
                attributes = begun.attributes() if _looks(self._sampler) else None
            elif tracer._is_enabled():  # noqa: SLF001
                trace_id = tracer.id_generator.generate_trace_id() if parent is None else parent.trace_id
                span_id = tracer.id_generator.generate_span_id()
                settled = Settled(begun.name, context, started_at, parent, trace_id, span_id)
                if self._samples(settled):
                    return PendingSpan(tracer, settled, sayings, self.mask_all)
                return settled.start(tracer)
        given = cast("dict[str, Any] | None", attributes)
        span: Span = tracer.start_span(begun.name, context, SpanKind.CLIENT, given, start_time=started_at)
        return span

    def _samples(self, span: Settled) -> bool:
        """Whether a span is recorded and sampled; where that depends on the parent alone, the sampler is asked once."""
        parent = span.parent
        case = None if parent is None else (parent.is_remote, parent.trace_flags.sampled)
        decisions = self._decisions
        if decisions is not None and case in decisions:
            return decisions[case]
        decision = self._sampler.should_sample(
            span.context, span.trace_id, span.name, SpanKind.CLIENT, None, ()
        ).decision
        sampled = bool(decision.is_recording() and decision.is_sampled())
        if decisions is not None:
            decisions[case] = sampled
        return sampled

    def _look(self) -> None:
        """Looks who hears of spans, and how is sampled; done again whenever that has changed."""
        from opentelemetry.sdk.trace import sampling

        heard, sampler = self._multi._span_processors, self.tracer.sampler  # noqa: SLF001
        kinds = {type(part) for part in _parts(sampler)}
        self._waits = not _looks(sampler) and _all_wait(self._multi, heard)
        self._decisions = {} if kinds == {sampling.StaticSampler} else None
        self._sampler, self._heard = sampler, heard


def _parts(sampler: Any) -> list[Any]:
    from opentelemetry.sdk.trace import sampling

    return [*vars(sampler).values()] if type(sampler) is sampling.ParentBased else [sampler]


def _looks(sampler: Any) -> bool:
    """Whether a sampler may look at attributes; the SDK's own do not."""
    from opentelemetry.sdk.trace import sampling

    return not all(type(part) in (sampling.StaticSampler, sampling.TraceIdRatioBased) for part in _parts(sampler))


def _all_wait(multi: Any, heard: tuple[Any, ...]) -> bool:
    """Whether all who hear of spans are known to wait for a batch of them, and ours makes the pending ones before."""
    from opentelemetry.sdk.trace import SynchronousMultiSpanProcessor
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    if type(multi) is not SynchronousMultiSpanProcessor or not heard or not getattr(heard[0], "makes_pending", False):
        return False
    return all(type(other) is BatchSpanProcessor and _queue(other) >= _QUEUE for other in heard[1:])


def _queue(processor: Any) -> int:
    """How many spans the queue of a batch processor takes; 0 where it does not say."""
    return int(getattr(getattr(processor, "_batch_processor", None), "_max_queue_size", 0))
