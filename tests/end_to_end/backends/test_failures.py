"""Each part is stopped or killed while a program works: nothing is lost, nothing doubled, and the program sees nothing.

What a part acknowledged is on its disk; what it did not is sent again, and known again by its ids.
"""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from end_to_end.backends import jaeger
from end_to_end.backends.process import BIN, Process, until
from end_to_end.program import prepare
from fake_provider import plausible
from spanglass.errors import StoreMissing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from end_to_end.backends.stack import Stack
    from fake_provider import FakeProvider
    from spanglass.model.record import Record

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RUN = (str(BIN / "spanglass"), "run", "--", "python")
CALLS = 60
DOWN_AFTER, UP_AFTER = 15, 40
BUSY = f"""
for number in range({CALLS}):
    ask(f"call {{number}} " + "x" * 20_000)
say("done")
"""


@contextmanager
def working(tmp_path: Path, provider: FakeProvider, environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A program that makes a call every few hundredths of a second."""
    provider.otherwise(partial(plausible, pause_s=0.03))
    command, own = prepare(BUSY, tmp_path, provider, RUN, environ)
    with subprocess.Popen(
        command, env=own, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        try:
            yield program
        finally:
            program.kill()


def missing(stack: Stack, service: str, provider: FakeProvider) -> dict[str, Any]:
    """What Jaeger and the sidecar do not have (yet) of what the provider saw, or have more than once."""
    spans = Counter(span.ref for span in jaeger.all_spans(stack, service))
    records: list[Record] = []
    with suppress(StoreMissing), stack.reader() as reader:  # the sidecar makes it with the first record
        records = [reader.fetch(call.ref) for call in reader.find(limit=1000)]
    attempts = [attempt for record in records for attempt in record.attempts]
    sent = Counter(exchange.body for exchange in provider.exchanges)
    said = Counter(exchange.said for exchange in provider.exchanges)
    kept = Counter(attempt.request_body or b"" for attempt in attempts)
    answers = Counter(attempt.response_body or b"" for attempt in attempts)
    return {
        "spans": CALLS - len(spans),
        "spans twice": [ref for ref, count in spans.items() if count > 1],
        "records": CALLS - len(records),
        "requests": (sent - kept).total(),
        "answers": (said - answers).total(),
        "requests twice": (kept - sent).total(),
        "incomplete": [record.ref for record in records if not record.complete or record.state != "done"],
    }


WHOLE = {
    "spans": 0,
    "spans twice": [],
    "records": 0,
    "requests": 0,
    "answers": 0,
    "requests twice": 0,
    "incomplete": [],
}


@pytest.mark.parametrize("how", ["kill", "stop"])
@pytest.mark.parametrize("which", ["sidecar", "collector", "jaeger"])
def test_a_part_that_goes_and_comes_back_loses_and_doubles_nothing(
    own_stack: Stack, tmp_path: Path, provider: FakeProvider, which: str, how: str
) -> None:
    part: Process = getattr(own_stack, which)
    with working(tmp_path, provider, own_stack.environ("busy")) as program:
        provider.wait_for_requests(DOWN_AFTER)
        getattr(part, how)()
        gone_at = time.monotonic()
        provider.wait_for_requests(UP_AFTER)
        part.start()
        gone_s = time.monotonic() - gone_at
        out, err = program.communicate(timeout=60)
    assert (program.returncode, out) == (0, "app: done\n"), err
    until(
        lambda: missing(own_stack, "busy", provider) == WHOLE,
        lambda: f"nothing is missing: {missing(own_stack, 'busy', provider)}\n{err}",
    )
    print(f"{how} of {which}: gone for {gone_s:.1f} s, {CALLS} calls, 0 lost, 0 doubled")  # noqa: T201 - shown by -s


def test_a_program_that_is_killed_leaves_its_call_to_the_next(
    own_stack: Stack, tmp_path: Path, provider: FakeProvider
) -> None:
    environ = own_stack.environ("killed")
    provider.script(plausible("/v1/chat/completions", b'{"model": "m"}').held())
    command, own = prepare("ask('Never answered')", tmp_path, provider, RUN, environ)
    with subprocess.Popen(command, env=own, cwd=tmp_path, stdout=subprocess.DEVNULL) as program:
        provider.wait_for_requests(1)
        program.kill()  # `spanglass run` becomes the program that it runs, so this is the program itself
    provider.release()
    command, own = prepare("ask('Next')\nsys.stdin.read()", tmp_path, provider, RUN, environ)
    with subprocess.Popen(command, env=own, cwd=tmp_path, stdin=subprocess.PIPE, text=True) as program:
        states = until(lambda: _states(own_stack, 2), "both calls are there")
        program.communicate(timeout=30)
    assert states == {"Never answered": "killed", "Next": "done"}


def _states(stack: Stack, count: int) -> dict[str, str] | None:
    found = {}
    for call in stack.records():
        record = stack.record(f"{call['trace_id']}/{call['span_id']}")
        if record is not None and record["messages"]:
            found[record["messages"][0]["content"]] = record["state"]
    return found if len(found) == count and "started" not in found.values() else None
