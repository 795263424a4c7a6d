"""Both sides of a comparison, at work in turns.

Invariant: a block on one side is followed by the same block on the other, and who begins changes with every round, so
that a slow moment of the machine falls on both. What spanglass does in the background is waited for, and counted apart.
"""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
_PAIRS = 4


class Process:
    """A `side.py` at the other end of a pipe."""

    def __init__(
        self,
        url: str,
        state_dir: Path | None,
        *,
        python: str | Path = sys.executable,
        instrumentation: str | None = None,
    ) -> None:
        arguments = ["--url", url] + ([] if state_dir is None else ["--state-dir", str(state_dir)])
        arguments += [] if instrumentation is None else ["--instrumentation", instrumentation]
        self.state_dir = state_dir
        self._process = subprocess.Popen(
            [str(python), str(HERE / "side.py"), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if instrumentation is None else subprocess.DEVNULL,  # what others log is not asked for
            text=True,
            bufsize=1,
        )

    def do(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Has one command done and gives its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": name, **arguments}) + "\n")
        line = self._process.stdout.readline()
        if not line:
            message = f"the side that was to do {name!r} ended with status {self._process.wait()}"
            raise RuntimeError(message)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        """Lets it end as a program ends, atexit work included."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)


class Block(NamedTuple):
    """What one round gave, each side's answer."""

    bare: dict[str, Any]
    watched: dict[str, Any]


@contextmanager
def provider() -> Iterator[str]:
    """A provider in a process of its own; gives its base url."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "provider.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.stdin.close()
        process.wait(timeout=10)


def bytes_received(url: str) -> int:
    """The bytes of all request bodies that the provider received since this was last asked."""
    connection = http.client.HTTPConnection(url.split("/")[2])
    connection.request("GET", "/bench/bytes")
    received = json.loads(connection.getresponse().read())
    connection.close()
    assert isinstance(received, int)
    return received


@contextmanager
def process(url: str, *, watched: bool) -> Iterator[Process]:
    """One side, ended afterwards."""
    with ExitStack() as stack:
        state_dir = (
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="spanglass-bench-"))) if watched else None
        )
        side = Process(url, state_dir)
        stack.callback(side.end)
        yield side


class Spent(NamedTuple):
    """CPU time that the watched side spent beyond the bare one, in ns: in all threads, and in all but the main one."""

    cpu: int
    background: int


def rounds(url: str, number_of: int, name: str, *, warm_up: int = 2, **arguments: Any) -> tuple[list[Block], Spent]:
    """At least ``number_of`` blocks of the command ``name`` on both sides in turns, after some that do not count.

    They are spread over several pairs of processes, because where a process happens to lie in memory alone makes it
    some microseconds faster or slower.
    """
    blocks: list[Block] = []
    beyond = Counter[str]()
    for _ in range(_PAIRS):
        with process(url, watched=False) as bare, process(url, watched=True) as watched:
            for number in range(-warm_up, -(-number_of // _PAIRS)):
                answers = {}
                for side, sign in ((bare, -1), (watched, 1))[:: 1 if number % 2 else -1]:
                    before = side.do("settle")
                    answers[sign] = side.do(name, **arguments)
                    after = side.do("settle")
                    if number >= 0:
                        beyond.update({clock: sign * (after[clock] - before[clock]) for clock in after})
                if number >= 0:
                    blocks.append(Block(answers[-1], answers[1]))
    return blocks, Spent(beyond["cpu"], beyond["background"])


class Compared(NamedTuple):
    """Medians of both sides and of their differences, in ns."""

    bare: float
    watched: float
    added: float


def compare(blocks: list[Block], key: str) -> Compared:
    """The median call of each side, and the median over the rounds of how far their medians are apart."""
    pairs = [(statistics.median(block.bare[key]), statistics.median(block.watched[key])) for block in blocks]
    return Compared(
        statistics.median(bare for bare, _ in pairs),
        statistics.median(watched for _, watched in pairs),
        statistics.median(watched - bare for bare, watched in pairs),
    )
