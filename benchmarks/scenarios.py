"""What is measured, one function each; the docstring's first line is what ``--help`` says.

Invariant: each gives figures against the bare client of the same run, and the bounds stand beside them. The aims are
half of what the fastest existing instrumentation adds: 116 µs to a small call, 822 µs to one of 200 KB, 73 µs to the
first chunk of a stream and 3.1 µs to each, 83 ms until ready; it keeps 83 % of the throughput.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from figures import Figure
from pair import HERE, bytes_received, compare, process, rounds

from beside import beside as beside_others

if TYPE_CHECKING:
    from collections.abc import Callable

US = 1_000
MS = 1_000_000
MB = 1_000_000


# The compiled expressions of redaction: one file a machine, whatever is stored.
_MATCHER = ".hsdb"


class Effort(NamedTuple):
    """How long to measure: ``scale`` is 1.0 in a whole run; ``records`` are in the store that is fetched from."""

    scale: float
    records: int

    def times(self, count: int) -> int:
        """``count`` of a whole run, scaled, and at least three."""
        return max(3, int(count * self.scale))


def small(url: str, effort: Effort) -> list[Figure]:
    """a call with one short message"""
    blocks, spent = rounds(url, effort.times(40), "small", count=60)
    wall, cpu = compare(blocks, "wall"), compare(blocks, "cpu")
    background = spent.background / (len(blocks) * 60) / US
    return [
        Figure("small call, added", "µs", wall.added / US, wall.bare / US, wall.watched / US, 100, 58),
        Figure("small call, CPU of the caller's thread", "µs", cpu.added / US, cpu.bare / US, cpu.watched / US),
        Figure("small call, CPU in the background", "µs", background, note="the drain and the span exporter, a call"),
    ]


def large(url: str, effort: Effort) -> list[Figure]:
    """calls with a context of 200 KB: all new, and a growing history"""
    figures = []
    for name, command in (("200 KB, growing history", "large_growing"), ("200 KB, all new", "large_new")):
        blocks, spent = rounds(url, effort.times(25), command, count=25)
        wall, cpu = compare(blocks, "wall"), compare(blocks, "cpu")
        background = spent.background / (len(blocks) * 25) / US
        share = 100 * wall.added / wall.bare
        figures += [
            Figure(f"{name}, added", "µs", wall.added / US, wall.bare / US, wall.watched / US, 1000, 411),
            Figure(f"{name}, of the client's own time", "%", share, budget=10),
            Figure(f"{name}, CPU of the caller's thread", "µs", cpu.added / US, cpu.bare / US, cpu.watched / US),
            Figure(f"{name}, CPU in the background", "µs", background),
        ]
    return figures


def stream(url: str, effort: Effort) -> list[Figure]:
    """a stream of 500 chunks: to the first one, and to each"""
    chunks = 500
    blocks, _ = rounds(url, effort.times(40), "stream", count=8, chunks=chunks)
    first, rest = compare(blocks, "first"), compare(blocks, "rest")
    added, bare, watched = (value / US / (chunks - 1) for value in (rest.added, rest.bare, rest.watched))
    note = "all but the first, a 499th: the end of the call is in it"
    return [
        Figure("first chunk, added", "µs", first.added / US, first.bare / US, first.watched / US, 100, 36),
        Figure("each chunk, added", "µs", added, bare, watched, 1, 1.5, note=note),
    ]


def concurrent(url: str, effort: Effort) -> list[Figure]:
    """200 concurrent async calls: the throughput kept"""
    width, each = 200, 5
    blocks, spent = rounds(url, effort.times(15), "concurrent", width=width, each=each)
    kept, whole = (
        statistics.median(block.bare[key] / block.watched[key] for block in blocks) for key in ("wall", "whole")
    )
    bare = width * each / statistics.median(block.bare["wall"] for block in blocks) * 1e9
    watched = width * each / statistics.median(block.watched["wall"] for block in blocks) * 1e9
    return [
        Figure("200 concurrent, throughput kept", "%", 100 * kept, aim=91, at_least=True),
        Figure(
            "200 concurrent, throughput kept until all is stored",
            "%",
            100 * whole,
            at_least=True,
            note="what was left for the background is waited for",
        ),
        Figure("200 concurrent, calls a second", "1/s", watched - bare, bare, watched),
        Figure(
            "200 concurrent, CPU added a call",
            "µs",
            spent.cpu / US / (len(blocks) * width * each),
            note="background included",
        ),
    ]


def memory(url: str, effort: Effort) -> list[Figure]:
    """the memory held by 200 concurrent calls of 200 KB, and after 5,000 small ones"""
    held, kept, grown = {}, {}, {}
    calls = max(1000, int(5000 * effort.scale))
    for watched in (False, True):
        with process(url, watched=watched) as side:
            side.do("small", count=50)
            held[watched] = side.do("hold", width=200)
        with process(url, watched=watched) as side:
            before = side.do("repeat", count=500)["resident"]
            grown[watched] = (side.do("repeat", count=calls)["resident"] - before) / MB
        kept[watched] = held[watched]["kept"] / MB
    peaks = {side: answer["peak"] / MB for side, answer in held.items()}
    return [
        Figure(
            "200 calls of 200 KB at once, memory added", "MB", peaks[True] - peaks[False], peaks[False], peaks[True]
        ),
        Figure("200 calls of 200 KB, still held afterwards", "MB", kept[True] - kept[False], kept[False], kept[True]),
        Figure(f"{calls:,} small calls, memory grown", "MB", grown[True] - grown[False], grown[False], grown[True]),
    ]


def storage(url: str, effort: Effort) -> list[Figure]:  # noqa: ARG001 - there is nothing to scale
    """what a conversation of 50 turns with 3 KB each takes at rest"""
    bytes_received(url)
    with process(url, watched=True) as side:
        side.do("converse", turns=50, size=3000)
        side.end()
        assert side.state_dir is not None
        files = [path for path in side.state_dir.rglob("*") if path.is_file() and path.suffix != _MATCHER]
        at_rest = sum(path.stat().st_size for path in files)
    sent = bytes_received(url)
    note = f"{at_rest:,} bytes on disk for {sent:,} sent"
    return [Figure("50 turns of 3 KB, at rest", "% of sent", 100 * at_rest / sent, budget=10, note=note)]


def fetch(url: str, effort: Effort) -> list[Figure]:  # noqa: ARG001 - reading needs no provider
    """fetching by span id from a store with many records"""
    with tempfile.TemporaryDirectory(prefix="spanglass-bench-") as directory:
        command = [sys.executable, str(HERE / "fetch.py"), directory, str(effort.records)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    median, late = (float(word) / MS for word in output.split())
    name = f"fetch by span id from {effort.records:,} records"
    return [
        Figure(f"{name}, median", "ms", median),
        Figure(f"{name}, 99th percentile", "ms", late, budget=5),
    ]


def steps(url: str, effort: Effort) -> list[Figure]:  # noqa: ARG001 - steps need no provider
    """a step added to a long trace, and whether it costs more than one added to a short trace"""
    with tempfile.TemporaryDirectory(prefix="spanglass-bench-") as directory:
        command = [sys.executable, str(HERE / "steps.py"), directory, str(effort.times(100))]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    figures = []
    for where, took in json.loads(output).items():
        short, long = took["1000"] / US, took["10000"] / US
        note = "bare: after 1,000 others; spanglass: after 10,000; the ratio is what tells"
        figures += [
            Figure(f"a step {where}, more after 10,000 than after 1,000", "µs", long - short, short, long, note=note),
            Figure(f"a measured step {where}", "µs", took["measured"] / US),
        ]
    return figures


def beside(url: str, effort: Effort) -> list[Figure]:
    """the same beside other instrumentations, where `make beside` has made their environment"""
    return beside_others(url, effort.times)


_CLIENT = "import openai\nclient = openai.OpenAI(api_key='bench', base_url={url!r})\n"
_TRACING = (
    "from opentelemetry import trace\n"
    "from opentelemetry.sdk.trace import TracerProvider\n"
    "trace.set_tracer_provider(TracerProvider())\n"
)
_INSTALL = "import spanglass\nspanglass.install(enabled='true', state_dir={state_dir!r})\n"
_CALL = "client.chat.completions.create(model='bench-1', messages=[{{'role': 'user', 'content': 'x'}}])\n"
_READY = "import os\nos.write(1, b'ready')\n"


def ready(url: str, effort: Effort) -> list[Figure]:
    """from the start of the process until the client is ready, and until its first call is answered"""
    with tempfile.TemporaryDirectory(prefix="spanglass-bench-") as state_dir:
        programs = {
            "bare": _CLIENT + _READY,
            "tracing": _TRACING + _CLIENT + _READY,
            "watched": _TRACING + _INSTALL + _CLIENT + _READY,
            "bare call": _CLIENT + _CALL + _READY,
            "tracing call": _TRACING + _CLIENT + _CALL + _READY,
            "watched call": _TRACING + _INSTALL + _CLIENT + _CALL + _READY,
        }
        filled = {name: program.format(url=url, state_dir=state_dir) for name, program in programs.items()}
        times = _interleaved(filled, effort.times(15))
    bare, watched = times["bare"], times["watched"]
    bare_call, watched_call = times["bare call"], times["watched call"]
    beyond = watched - times["tracing"]
    return [
        Figure(
            "until ready, added", "ms", watched - bare, bare, watched, aim=41, note="the OpenTelemetry SDK included"
        ),
        Figure("until ready, beyond an OpenTelemetry set-up", "ms", beyond, times["tracing"], watched),
        Figure("until the first answer, added", "ms", watched_call - bare_call, bare_call, watched_call),
        Figure(
            "until the first answer, beyond an OpenTelemetry set-up",
            "ms",
            watched_call - times["tracing call"],
            times["tracing call"],
            watched_call,
        ),
    ]


def imports(url: str, effort: Effort) -> list[Figure]:  # noqa: ARG001 - importing needs no provider
    """what `import spanglass` costs a program that has it switched off"""
    programs = {"bare": _READY, "watched": "import spanglass\n" + _READY}
    times = _interleaved(programs, effort.times(40), {**os.environ, "SPANGLASS_ENABLED": "false"})
    bare, watched = times["bare"], times["watched"]
    return [Figure("import spanglass, switched off", "ms", watched - bare, bare, watched, 5)]


def _interleaved(programs: dict[str, str], runs: int, environment: dict[str, str] | None = None) -> dict[str, float]:
    """The median time in ms from the start of the process to its word, of each program; one run of each in turn."""
    times: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(-1, runs):
        for name, program in programs.items():
            started = time.perf_counter_ns()
            with subprocess.Popen(
                [sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment, cwd=Path(__file__).parent
            ) as running:
                assert running.stdout is not None
                assert running.stdout.read(5) == b"ready"
                elapsed = time.perf_counter_ns() - started
            if number >= 0:
                times[name].append(elapsed / MS)
    return {name: statistics.median(values) for name, values in times.items()}


SCENARIOS: dict[str, Callable[[str, Effort], list[Figure]]] = {
    function.__name__: function
    for function in (small, large, stream, concurrent, ready, memory, storage, fetch, imports, steps, beside)
}
