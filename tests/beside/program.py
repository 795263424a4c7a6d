"""Runs in the environment of `make beside`: makes every shape of call with one vendor's instrumentation switched on.

Usage: program.py VENDOR STATE_DIR. For each call one line of JSON: its shape, and the spans that ended with it.
"""

# ruff: noqa: T201

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import sys
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import spanglass

if TYPE_CHECKING:
    from collections.abc import Callable

INSTRUMENTORS = {
    "openllmetry openai": ("opentelemetry.instrumentation.openai", "OpenAIInstrumentor"),
    "openllmetry anthropic": ("opentelemetry.instrumentation.anthropic", "AnthropicInstrumentor"),
    "openinference openai": ("openinference.instrumentation.openai", "OpenAIInstrumentor"),
    "openinference anthropic": ("openinference.instrumentation.anthropic", "AnthropicInstrumentor"),
    "upstream openai": ("opentelemetry.instrumentation.genai.openai", "OpenAIInstrumentor"),
    "upstream anthropic": ("opentelemetry.instrumentation.genai.anthropic", "AnthropicInstrumentor"),
}
EXPORTER = InMemorySpanExporter()
ASKED: list[dict[str, Any]] = [{"role": "user", "content": "Hello"}]
OPENAI = {"model": "gpt-4o-mini", "messages": ASKED}
ANTHROPIC = {"model": "claude-x", "max_tokens": 10, "messages": ASKED}


def switch_on(vendor: str, state_dir: str) -> None:
    """Spanglass first, as a launcher would; the vendor after it."""
    if vendor.startswith("logfire"):
        logfire = importlib.import_module("logfire")
        processors = [SimpleSpanProcessor(EXPORTER)]
        logfire.configure(send_to_logfire=False, console=False, additional_span_processors=processors)
    else:
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(EXPORTER))
        trace.set_tracer_provider(provider)
    if state_dir != "-":
        spanglass.install(enabled=True, state_dir=state_dir)
    if vendor.startswith("logfire"):
        getattr(importlib.import_module("logfire"), f"instrument_{vendor.split()[1]}")()
    elif vendor in INSTRUMENTORS:
        module, name = INSTRUMENTORS[vendor]
        getattr(importlib.import_module(module), name)().instrument()


def openai_shapes() -> dict[str, Callable[[Any], Any]]:
    """How the openai client is called."""
    return {
        "plain": lambda client: client.chat.completions.create(**OPENAI),
        "stream": lambda client: client.chat.completions.create(stream=True, **OPENAI),
        "helper": lambda client: client.chat.completions.stream(**OPENAI),
        "responses": lambda client: client.responses.create(model="gpt-4o-mini", input="Hello"),
        "embeddings": lambda client: client.embeddings.create(model="emb", input="Hello"),
    }


def anthropic_shapes() -> dict[str, Callable[[Any], Any]]:
    """How the anthropic client is called."""
    return {
        "plain": lambda client: client.messages.create(**ANTHROPIC),
        "stream": lambda client: client.messages.create(stream=True, **ANTHROPIC),
        "helper": lambda client: client.messages.stream(**ANTHROPIC),
    }


def use(shape: str, made: Any) -> None:
    """Reads what a call gave to its end."""
    if shape == "stream":
        list(made)
    elif shape == "helper":
        with made as stream:
            list(stream)


async def use_async(shape: str, made: Any) -> None:
    """The same of an async client."""
    if inspect.isawaitable(made):
        made = await made
    if shape == "stream":
        _ = [event async for event in made]
    elif shape == "helper":
        async with made as stream:
            _ = [event async for event in stream]


def tell(shape: str) -> None:
    """The spans since the last time."""
    spanglass.flush()
    spans = [
        {
            "name": span.name,
            "scope": span.instrumentation_scope.name if span.instrumentation_scope else "",
            "ref": f"{span.context.trace_id:032x}/{span.context.span_id:016x}",
            "attributes": {key: str(value)[:200] for key, value in (span.attributes or {}).items()},
        }
        for span in EXPORTER.get_finished_spans()
    ]
    EXPORTER.clear()
    print(json.dumps({"shape": shape, "spans": spans}), flush=True)


def main() -> None:
    """Every shape, sync and async."""
    vendor, state_dir = sys.argv[1:3]
    switch_on(vendor, state_dir)
    sdk = importlib.import_module(vendor.split()[1])
    openai = sdk.__name__ == "openai"
    shapes = openai_shapes() if openai else anthropic_shapes()
    client = sdk.OpenAI() if openai else sdk.Anthropic()
    for shape, call in shapes.items():
        use(shape, call(client))
        tell(shape)

    async def run_async() -> None:
        client = sdk.AsyncOpenAI() if openai else sdk.AsyncAnthropic()
        for shape, call in shapes.items():
            await use_async(shape, call(client))
            tell(f"async {shape}")

    asyncio.run(run_async())


if __name__ == "__main__":
    main()
