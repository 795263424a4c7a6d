"""The names that go on spans, in one place, because the gen_ai conventions are moving.

Invariant: every attribute and event name that spanglass writes is one of these literals, so that a typo is a type
error.

Source: OpenTelemetry semantic conventions for generative AI (https://opentelemetry.io/docs/specs/semconv/gen-ai/).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from spanglass.model.record import Usage
    from spanglass.span.callspan import Answered

AttributeName: TypeAlias = Literal[
    "error.type",
    "gen_ai.input.messages",
    "gen_ai.input.messages_ref",
    "gen_ai.operation.name",
    "gen_ai.output.messages",
    "gen_ai.output.messages_ref",
    "gen_ai.provider.name",
    "gen_ai.request.choice.count",
    "gen_ai.request.frequency_penalty",
    "gen_ai.request.max_tokens",
    "gen_ai.request.model",
    "gen_ai.request.presence_penalty",
    "gen_ai.request.seed",
    "gen_ai.request.stop_sequences",
    "gen_ai.request.stream",
    "gen_ai.request.temperature",
    "gen_ai.request.top_k",
    "gen_ai.request.top_p",
    "gen_ai.response.finish_reasons",
    "gen_ai.response.id",
    "gen_ai.response.model",
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.system_instructions",
    "gen_ai.system_instructions_ref",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.reasoning.output_tokens",
    "server.address",
    "server.port",
    "spanglass.attempts",
    "spanglass.breadcrumbs",
    "spanglass.calls",
    "spanglass.complete",
    "spanglass.correction",
    "spanglass.correlation_id",
    "spanglass.error_after",
    "spanglass.inputs",
    "spanglass.operation",
    "spanglass.redactions",
    "spanglass.ref",
    "spanglass.restart",
    "spanglass.state",
    "spanglass.step",
    "spanglass.steps",
    "spanglass.workflow",
]
EventName: TypeAlias = Literal[
    "gen_ai.message",
    "spanglass.attempt",
    "spanglass.messages.elided",
    "spanglass.step",
    "spanglass.steps.elided",
]
AttributeValue: TypeAlias = "str | bool | int | float | Sequence[str]"
Attributes: TypeAlias = "dict[AttributeName, AttributeValue]"

#: gen_ai operations that are one request to a model; others (agents, tools, workflows) only contain such requests.
MODEL_OPERATIONS = frozenset({"chat", "text_completion", "generate_content", "embeddings"})

_REQUEST_OPTIONS: dict[str, AttributeName] = {
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "max_tokens": "gen_ai.request.max_tokens",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "temperature": "gen_ai.request.temperature",
    "top_k": "gen_ai.request.top_k",
    "top_p": "gen_ai.request.top_p",
}


class Begun(msgspec.Struct, frozen=True, gc=False):
    """What is known of a call before it leaves; empty and None say nothing."""

    operation: str
    provider: str | None = None
    model: str | None = None
    host: str = ""
    port: int | None = None
    stream: bool = False
    workflow_id: str | None = None
    step_name: str | None = None

    @property
    def name(self) -> str:
        """The name of the call's span: ``{operation} {model}``."""
        return f"{self.operation} {self.model}" if self.model else self.operation

    def attributes(self) -> Attributes:
        """The same in the convention's words."""
        told: dict[AttributeName, AttributeValue | None] = {
            "gen_ai.operation.name": self.operation,
            "gen_ai.provider.name": self.provider,
            "gen_ai.request.model": self.model,
            "server.address": self.host,
            "server.port": self.port,
            "gen_ai.request.stream": self.stream,
            "spanglass.workflow": self.workflow_id,
            "spanglass.step": self.step_name,
        }
        return {name: value for name, value in told.items() if value}


def request_attributes(options: dict[str, Any]) -> Attributes:
    """The convention's ``gen_ai.request.*`` attributes that a request's options name."""
    found: Attributes = {}
    for option, name in _REQUEST_OPTIONS.items():
        value = options.get(option)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            found[name] = value
    stop = options.get("stop", options.get("stop_sequences"))
    stops = [stop] if isinstance(stop, str) else stop
    if isinstance(stops, list) and stops and all(isinstance(item, str) for item in stops):
        found["gen_ai.request.stop_sequences"] = tuple(stops)
    count = options.get("n")
    if isinstance(count, int) and count > 1:
        found["gen_ai.request.choice.count"] = count
    return found


def response_attributes(answer: Answered) -> Attributes:
    """The convention's ``gen_ai.response.*`` and ``gen_ai.usage.*`` attributes, as far as the answer says them."""
    found = _usage_attributes(answer.usage)
    if answer.response_model:
        found["gen_ai.response.model"] = answer.response_model
    if answer.response_id:
        found["gen_ai.response.id"] = answer.response_id
    if answer.finish_reasons:
        found["gen_ai.response.finish_reasons"] = tuple(answer.finish_reasons)
    return found


def _usage_attributes(usage: Usage) -> Attributes:
    counts: dict[AttributeName, int | None] = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_input_tokens,
        "gen_ai.usage.cache_write.input_tokens": usage.cache_write_input_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_output_tokens,
    }
    return {name: count for name, count in counts.items() if count is not None}
