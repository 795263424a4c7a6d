"""The completion hook ``spanglass`` of OpenTelemetry's GenAI utilities: their instrumentations fill our store.

Invariant: it never raises into the instrumentation that calls it, and it stores under the ids of the span it is given,
beside what an exporter tells of that span and never in its place.

Source: opentelemetry-util-genai's ``CompletionHook``, chosen by
``OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK=spanglass``.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import msgspec
from opentelemetry.trace import format_span_id, format_trace_id

from spanglass.export.station import Station
from spanglass.guard import Boundary
from spanglass.model.entry import EnvelopeEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

_HOOK = Boundary("hook.on_completion")
#: The number of what a hook was told of a span. The messages are an event of it, whose attributes are whole where the
#: span's own were cut.
_NUMBER = 2
_DETAILS = "gen_ai.client.inference.operation.details"


class CompletionHook:
    """Takes whole messages when a call of an upstream instrumentation ends, also when its span carries none."""

    def __init__(self) -> None:
        self._station = Station()

    def on_completion(
        self,
        *,
        inputs: Sequence[Any] = (),
        outputs: Sequence[Any] = (),
        system_instruction: Sequence[Any] = (),
        tool_definitions: Sequence[Any] | None = None,
        span: Any = None,
        log_record: Any = None,  # noqa: ARG002 - part of the hook's signature
        **_kwargs: Any,
    ) -> None:
        """Stores the messages under the ids of ``span``; without a span there is nothing to find them by."""
        with _HOOK:
            context = span.get_span_context() if span is not None else None
            attributes = dict(getattr(span, "attributes", None) or {})
            if context is None or not context.is_valid or "spanglass.ref" in attributes:
                return
            messages = {
                "gen_ai.input.messages": inputs,
                "gen_ai.output.messages": outputs,
                "gen_ai.system_instructions": system_instruction,
                "gen_ai.tool.definitions": tool_definitions or (),
            }
            details = {"name": _DETAILS, "attributes": {name: _text(said) for name, said in messages.items() if said}}
            body = {"attributes": attributes, "events": [details], "status": {}}
            parent = getattr(span, "parent", None)
            self._station.append(
                EnvelopeEntry(
                    trace_id=format_trace_id(context.trace_id),
                    span_id=format_span_id(context.span_id),
                    parent_span_id=format_span_id(parent.span_id) if parent is not None else None,
                    name=str(getattr(span, "name", "")),
                    service="",
                    scope="opentelemetry.util.genai",
                    started_at=getattr(span, "start_time", None) or 0,
                    ended_at=0,
                    body=self._station.mask(_text(body).encode()),
                    number=_NUMBER,
                )
            )


def completion_hook() -> CompletionHook:
    """Entry point ``opentelemetry_genai_completion_hook``: a factory without arguments."""
    return CompletionHook()


def _text(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=_plain).decode()


def _plain(value: Any) -> Any:
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else repr(value)
