"""One installation of spanglass: its settings, its recorder, and the tracer that its spans come from.

Invariant: at most one session is active in a process, and whoever captures asks `active` anew for each call; so
uninstalling takes effect at once, and a call begun under a session ends under it.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import trace

from spanglass.export.drain import Drain
from spanglass.export.recorder import Recorder
from spanglass.export.station import follow
from spanglass.guard import Boundary
from spanglass.journal import Journal
from spanglass.place import DebugSwitch, current_place
from spanglass.redact import Redactor
from spanglass.redact.attribute import AttributeMasker
from spanglass.span.adopt import adoptable_span, note_begun
from spanglass.span.callspan import SpanPolicy
from spanglass.span.late import Backlog
from spanglass.span.maker import Maker
from spanglass.span.preview import LIMIT

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer, TracerProvider

    from spanglass.capture.call import Call
    from spanglass.redact.processor import RedactingSpanProcessor
    from spanglass.settings import Settings
    from spanglass.store import Store

_LOG = logging.getLogger("spanglass")
_ENSURE = Boundary("session.ensure_processors")
_FINISH = Boundary("session.finish_open_calls")
_EXIT_WAIT_S = 5.0
_SUPPRESSED = "suppress_instrumentation"

SCOPE_NAME = "spanglass"

_active: Session | None = None


_NO_CONTENT = SpanPolicy(content=False, limit=LIMIT)


class Session:
    """What one `install` set up.

    Args:
        settings: in force for this session.
        provider: the tracer provider to use; None follows the global one, also when it is set later.
    """

    def __init__(self, settings: Settings, provider: TracerProvider | None = None) -> None:
        self.settings = settings
        self.redactor = Redactor(
            keys=settings.redact_keys, patterns=settings.redact_patterns, cache_dir=settings.state_dir
        )
        self.journal = Journal(settings.journal_dir, max_bytes=settings.journal_max_bytes)
        self.attributes = AttributeMasker(self.redactor)
        self.backlog = Backlog()
        self.drain = Drain(
            self.journal,
            self._open_store,
            prune=self._prune_rule(),
            chore=self.backlog.say_all,
            has_chore=self.backlog.has_spans,
        )
        self.backlog.helper = self.drain
        self.recorder = Recorder(self.redactor, self.journal, self.drain, settings.max_body_bytes)
        self.open_calls: dict[int, Call] = {}
        self._switch = DebugSwitch(settings.debug_workflows, settings.debug_workflows_file)
        self._provider = provider
        self._maker: Maker | None = None
        self._maker_of: TracerProvider | None = None
        self._processors: list[tuple[Any, RedactingSpanProcessor]] = []
        self._protecting = threading.RLock()
        self._content_is_safe = True
        self._always = settings.enabled == "true"
        content = settings.span_content
        self._policy = SpanPolicy(content != "none", None if content == "full" else LIMIT)

    def tracer(self) -> Tracer:
        """The tracer of the provider in force, which is protected before it is used for the first time."""
        tracer: Tracer = self.maker().tracer
        return tracer

    def maker(self) -> Maker:
        """What makes the spans of calls, of the same provider."""
        provider = self._provider or trace.get_tracer_provider()
        maker = self._maker
        if provider is not self._maker_of or maker is None:
            self.protect(provider)
            maker = self._maker = Maker(provider.get_tracer(SCOPE_NAME), self.attributes.mask_all)
            self._maker_of = provider
        return maker

    def protect(self, provider: TracerProvider | None = None) -> None:
        """Puts the redacting processor into ``provider`` (the one in force if None), once, and tests that it works."""
        provider = provider or self._provider or trace.get_tracer_provider()
        with self._protecting:
            self._protect(provider)

    def _protect(self, provider: Any) -> None:
        if not hasattr(provider, "add_span_processor") or any(known is provider for known, _ in self._processors):
            return
        if isinstance(provider.get_tracer(SCOPE_NAME), trace.NoOpTracer):
            return  # OTEL_SDK_DISABLED: there are no spans to protect
        with _ENSURE:
            from spanglass.redact.processor import RedactingSpanProcessor, protects

            processor = RedactingSpanProcessor(self.redactor, note_begun, self.backlog.say_all)
            provider.add_span_processor(processor)
            _move_to_front(provider, processor)
            self._processors.append((provider, processor))
            self._content_is_safe = protects(provider)
            if self._content_is_safe:
                return
        self._content_is_safe = False
        _LOG.warning(
            "spanglass: the self-test of redaction failed: a planted credential would reach the exporters of this "
            "TracerProvider. No message content is put on spans; records in the store are not affected. Run 'spanglass "
            "doctor' and report the versions it prints."
        )

    def watching(self, context: Context | None = None) -> bool:
        """Whether a call made in this context (unset: here and now) is to be captured."""
        context = otel_context.get_current() if context is None else context
        if context.get(_SUPPRESSED) and adoptable_span(trace.get_current_span(context)) is None:
            return False  # who suppresses further spans within his own span of the call does not mean its payload
        place = current_place(context)
        if self._always:
            return place is None or place.debug is not False
        if place is None or place.debug is False:
            return False
        return place.debug is True or self._switch.matches(place)

    def watches(self, name: str) -> bool:
        """Whether calls of the workflow ``name`` are captured, its own ``debug`` argument aside."""
        from spanglass.place import Place

        return self.settings.enabled == "true" or self._switch.matches(Place(name, name))

    def span_policy(self) -> SpanPolicy:
        """What of the messages may go on spans."""
        return self._policy if self._content_is_safe else _NO_CONTENT

    def close(self, *, drain: bool = True) -> None:
        """Ends what is still open, drains for a bounded time if asked to, and takes the processors out again."""
        for call in list(self.open_calls.values()):
            with _FINISH:
                call.abandon()
        if drain:
            self.drain.close(_EXIT_WAIT_S)
        with _FINISH:
            self.backlog.say_all()  # if no thread could do it
        for provider, processor in self._processors:
            with _ENSURE:
                _remove_processor(provider, processor)
        self._processors.clear()

    def _open_store(self) -> Store:
        from spanglass.store import open_store

        return open_store(self.settings.store)

    def _prune_rule(self) -> Any:
        age_s, size_bytes = self.settings.retention
        if age_s is None and size_bytes is None:
            return None

        def prune(store: Store) -> None:
            from spanglass.store import PruneRule

            age_ns = None if age_s is None else int(age_s * 1_000_000_000)
            store.prune(PruneRule(older_than_ns=age_ns, max_bytes=size_bytes))

        return prune


def active() -> Session | None:
    """The session in force, or None."""
    return _active


def activate(session: Session | None) -> None:
    """Makes ``session`` the one in force."""
    global _active  # noqa: PLW0603 - the one piece of process-wide state, behind this function
    _active = session
    follow(lambda: None if session is None else session.recorder)


def _move_to_front(provider: Any, processor: RedactingSpanProcessor) -> None:
    """A processor is added behind the others, and flushed after them; ours gives them its pending spans first."""
    multi: Any = getattr(provider, "_active_span_processor", None)
    if processor not in getattr(multi, "_span_processors", ()) or not hasattr(multi, "_lock"):
        return  # of another kind: then no span is pending
    with multi._lock:  # noqa: SLF001
        others = [each for each in multi._span_processors if each is not processor]  # noqa: SLF001
        multi._span_processors = (processor, *others)  # noqa: SLF001


def _remove_processor(provider: Any, processor: RedactingSpanProcessor) -> None:
    """OpenTelemetry has no way to take a processor out; without this one, a reinstallation would stack them."""
    multi = provider._active_span_processor  # noqa: SLF001
    multi._span_processors = tuple(each for each in multi._span_processors if each is not processor)  # noqa: SLF001
