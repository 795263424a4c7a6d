"""One side of a comparison: a process with a real client, bare or under spanglass, that works on command.

Invariant: both sides run the same code; all that differs is what `switch_on` does before the client is made. Commands
come as JSON lines on standard input, ``{"do": name, ...}``, and each is answered with one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import texts

if TYPE_CHECKING:
    from collections.abc import Callable

_MESSAGE_BYTES = 2048
_MESSAGES = 100
_SMALL = [{"role": "user", "content": "What do you see?"}]


def switch_on(state_dir: str, instrumentation: str) -> None:
    """A provider as an application has it, with an exporter that costs nothing, and an instrumentation."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:  # noqa: ARG002
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    trace.set_tracer_provider(provider)
    if instrumentation == "spanglass":
        import spanglass

        spanglass.install(enabled="true", state_dir=state_dir)
    else:
        _switch_on_other(instrumentation, provider)


def _switch_on_other(name: str, provider: Any) -> None:
    """Another instrumentation, with the messages on its spans."""
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
    packages = {
        "genai": "opentelemetry.instrumentation.genai.openai",
        "openinference": "openinference.instrumentation.openai",
    }
    instrumentor = importlib.import_module(packages[name]).OpenAIInstrumentor()
    # The versions that they ask for are behind the client's; they work with it all the same.
    instrumentor.instrument(tracer_provider=provider, skip_dep_check=True)
    assert instrumentor.is_instrumented_by_opentelemetry, f"{name} did not switch itself on"


class Side:
    """The commands. Durations are ns; those of one block come back as lists, so that the reader can take a median."""

    def __init__(self, url: str, *, watched: bool) -> None:
        import openai

        self.watched = watched
        self.client: Any = openai.OpenAI(api_key="bench", base_url=url, max_retries=0)
        self.async_client: Any = openai.AsyncOpenAI(api_key="bench", base_url=url, max_retries=0, timeout=300)
        self.loop = asyncio.new_event_loop()
        self.conversations = 0

    def small(self, count: int) -> dict[str, Any]:
        """Calls with one short message."""
        return self._timed(count, lambda _: _SMALL)

    def large_new(self, count: int) -> dict[str, Any]:
        """Calls with 200 KB of messages, of which nothing was sent before."""
        fresh = [self._next_conversation() for _ in range(count)]
        return self._timed(count, fresh.__getitem__)

    def large_growing(self, count: int) -> dict[str, Any]:
        """Calls that send 200 KB again, with one more message each time: an agent's history."""
        history = self._next_conversation()
        whole = history + texts.conversation(self.conversations + 500_000, count, _MESSAGE_BYTES)
        self._call(history)
        return self._timed(count, lambda index: whole[: len(history) + index + 1])

    def stream(self, count: int, chunks: int) -> dict[str, Any]:
        """Streams of ``chunks`` events: how long to the first one, and all the others together."""
        first, rest = [], []
        for _ in range(count):
            started = time.perf_counter_ns()
            events = iter(
                self.client.chat.completions.create(
                    model="bench-1", messages=_SMALL, stream=True, extra_headers={"x-bench-chunks": str(chunks)}
                )
            )
            next(events)
            arrived = time.perf_counter_ns()
            for _event in events:
                pass
            first.append(arrived - started)
            rest.append(time.perf_counter_ns() - arrived)
        return {"first": first, "rest": rest}

    def concurrent(self, width: int, each: int) -> dict[str, Any]:
        """``width`` tasks that make ``each`` small calls one after the other: how long all of it takes."""

        async def task() -> None:
            for _ in range(each):
                await self.async_client.chat.completions.create(model="bench-1", messages=_SMALL)

        async def every() -> None:
            await asyncio.gather(*(task() for _ in range(width)))

        started = time.perf_counter_ns()
        self.loop.run_until_complete(every())
        ended = time.perf_counter_ns()
        self._flush()
        return {"wall": ended - started, "whole": time.perf_counter_ns() - started}

    def hold(self, width: int) -> dict[str, Any]:
        """``width`` calls of 200 KB under way at once: the memory held while none is answered, in bytes."""
        batches = [self._next_conversation() for _ in range(width)]

        async def task(messages: list[dict[str, Any]]) -> None:
            await self.async_client.chat.completions.create(
                model="bench-1", messages=messages, extra_headers={"x-bench-hold": str(width)}
            )

        async def every() -> None:
            await asyncio.gather(*(task(messages) for messages in batches))

        before = _resident()
        self.loop.run_until_complete(every())
        peak = _peak() - before
        batches.clear()
        self.settle()
        return {"peak": peak, "kept": _resident() - before}

    def converse(self, turns: int, size: int) -> dict[str, Any]:
        """A conversation that is sent again with each of its ``turns``, of ``size`` bytes with the answer."""
        history: list[dict[str, Any]] = [{"role": "system", "content": texts.prose(1, 600)}]
        for turn in range(turns):
            history.append({"role": "user", "content": texts.prose(10 + turn, size // 2)})
            self._call(history)
            history.append({"role": "assistant", "content": texts.prose(1000 + turn, size // 2)})
        self.settle()
        return {}

    def repeat(self, count: int) -> dict[str, Any]:
        """Small calls whose durations nobody asks for: the memory held afterwards, in bytes."""
        for _ in range(count):
            self._call(_SMALL)
        self.settle()
        return {"resident": _resident()}

    def settle(self) -> dict[str, Any]:
        """Waits for what runs in the background, so that it does not run while the other side is measured."""
        self._flush()
        gc.collect()
        process, thread = time.process_time_ns(), time.thread_time_ns()
        return {"cpu": process, "background": process - thread}

    def _flush(self) -> None:
        if self.watched:
            import spanglass
            from spanglass import guard

            assert spanglass.flush(), "the journal could not be moved to the store: figures would mean nothing"
            assert not guard.faults(), f"faults of ours while measuring: {guard.faults()}"

    def _timed(self, count: int, messages: Callable[[int], list[dict[str, Any]]]) -> dict[str, Any]:
        wall, cpu = [], []
        for index in range(count):
            sent = messages(index)
            cpu_started, started = time.thread_time_ns(), time.perf_counter_ns()
            self._call(sent)
            wall.append(time.perf_counter_ns() - started)
            cpu.append(time.thread_time_ns() - cpu_started)
        return {"wall": wall, "cpu": cpu}

    def _call(self, messages: list[dict[str, Any]]) -> None:
        self.client.chat.completions.create(model="bench-1", messages=messages)

    def _next_conversation(self) -> list[dict[str, Any]]:
        self.conversations += 1
        return texts.conversation(self.conversations, _MESSAGES, _MESSAGE_BYTES)


def _resident() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return _peak()


def _peak() -> int:
    """The most memory that was ever resident, in bytes; macOS counts it in bytes, Linux in KiB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def main() -> None:
    """Obeys until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--state-dir", default="", help="where spanglass writes; without it this is the bare side")
    parser.add_argument("--instrumentation", default="spanglass", help="what watches the other side")
    options = parser.parse_args()
    if options.state_dir:
        switch_on(options.state_dir, options.instrumentation)
    side = Side(options.url, watched=bool(options.state_dir) and options.instrumentation == "spanglass")
    for line in sys.stdin:
        command = json.loads(line)
        answer = getattr(side, command.pop("do"))(**command)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
