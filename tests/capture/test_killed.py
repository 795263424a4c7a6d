"""``kill -9`` loses nothing: whatever a provider was asked is in the store, and its state says that it was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from capture.watch import records_in
from fake_provider import Answer, Step
from fake_provider.plausible import plausible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fake_provider import FakeProvider
    from spanglass.model.record import Record

KILLS = 32
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="the children are forked")]


@contextmanager
def killable(provider: FakeProvider, state_dir: Path, point: str, count: int) -> Iterator[subprocess.Popen[str]]:
    """The program that is killed; leaving waits until all its children are dead."""
    command = [sys.executable, "-m", "capture.killable", provider.url, str(state_dir), point, str(count)]
    tests = Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=tests, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
            assert process.wait(60) == 0
        finally:
            process.kill()


def pids_of(process: subprocess.Popen[str], count: int) -> list[int]:
    assert process.stdout is not None
    return [json.loads(process.stdout.readline())["pid"] for _ in range(count)]


def prompts_and_states(records: list[Record]) -> dict[str, str]:
    return {str(record.messages[0].content): record.state for record in records}


def expected(point: str, state: str) -> dict[str, str]:
    return {f"prompt {number} to the {point}": state for number in range(KILLS)}


def test_killed_before_the_headers(provider: FakeProvider, tmp_path: Path) -> None:
    provider.script(*[Answer.json({}).held() for _ in range(KILLS)])
    with killable(provider, tmp_path, "headers", KILLS) as process:
        pids = pids_of(process, KILLS)
        provider.wait_for_requests(KILLS)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
    records = records_in(tmp_path)
    assert prompts_and_states(records) == expected("headers", "killed")
    assert {record.attempts[0].request_body for record in records} == {e.body for e in provider.exchanges}


def test_killed_in_mid_stream(provider: FakeProvider, tmp_path: Path) -> None:
    def held_stream(path: str, body: bytes) -> Answer:
        return plausible(path, body).interrupted(4, Step.HOLD)

    provider.otherwise(held_stream)
    with killable(provider, tmp_path, "stream", KILLS):
        provider.wait_for_requests(KILLS)
    records = records_in(tmp_path)
    assert prompts_and_states(records) == expected("stream", "killed")
    assert {record.attempts[0].request_body for record in records} == {e.body for e in provider.exchanges}


def test_killed_right_after_the_return(provider: FakeProvider, tmp_path: Path) -> None:
    with killable(provider, tmp_path, "return", KILLS):
        provider.wait_for_requests(KILLS)
    records = records_in(tmp_path)
    assert prompts_and_states(records) == expected("return", "done")
    exchanged = {(exchange.body, exchange.said) for exchange in provider.exchanges}
    assert {(r.attempts[0].request_body, r.attempts[0].response_body) for r in records} == exchanged


def test_killed_anywhere_while_the_journal_is_drained(provider: FakeProvider, tmp_path: Path) -> None:
    """Twelve programs share a store and call without end; each is dead at a point of its own."""
    count = 12
    with killable(provider, tmp_path, "loop", count) as process:
        for number, pid in enumerate(pids_of(process, count), 1):
            provider.wait_for_requests(25 * number)
            os.kill(pid, signal.SIGKILL)
    asked = {exchange.json["messages"][0]["content"] for exchange in provider.exchanges}
    found = prompts_and_states(records_in(tmp_path))
    assert found.keys() >= asked
    assert set(found.values()) <= {"done", "killed"}
    assert list(found.values()).count("killed") <= count
