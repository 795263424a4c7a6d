"""Threads, forks and pools of workers: every call is found, under the process that made it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from end_to_end.program import INSTRUMENT, run_program

if TYPE_CHECKING:
    from pathlib import Path

    from fake_provider import FakeProvider

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="these programs fork")]

ON = {"SPANGLASS_ENABLED": "true"}
PREFORK = """
import signal, time
ask("master")
ready, tell = os.pipe()
workers = []
for number in range(3):
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # no exit handlers, as many servers do it
        client = openai.OpenAI(max_retries=0)  # connections must not be shared across a fork
        for call in range(4):
            ask(f"worker {number}, call {call}")
        os.write(tell, b"x")
        while True:
            time.sleep(1)
    workers.append(pid)
ask("master again")
for pid in workers:
    os.read(ready, 1)
for pid in workers:
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
"""
FORK = """
ask("before")
pid = os.fork()
if pid == 0:
    client = openai.OpenAI(max_retries=0)
    ask("in the child")
    sys.exit(0)
ask("in the parent")
os.waitpid(pid, 0)
ask("after")
"""
FORK_MID_STREAM = """
stream = client.chat.completions.create(model="gpt-4o-mini", stream=True, messages=[{"role": "user", "content": "S"}])
next(iter(stream))
pid = os.fork()
if pid == 0:
    sys.exit(0)
os.waitpid(pid, 0)
for chunk in stream:
    pass
"""
MULTIPROCESSING = """
import multiprocessing
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(3) as pool:
        say(len(pool.map(ask, [f"task {number}" for number in range(12)])))
"""
THREADS = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    say(len(list(pool.map(ask, [f"task {number}" for number in range(40)]))))
"""
ABRUPT = """
ask("first")
os._exit(3)
"""


def test_threads(tmp_path: Path, provider: FakeProvider) -> None:
    done = run_program(THREADS, tmp_path, provider, INSTRUMENT, ON)
    assert (done.code, done.said, done.err) == (0, ["40"], "")
    assert done.prompts() == sorted((f"task {number}", "done") for number in range(40))
    assert len(done.spans()) == 40


def test_fork(tmp_path: Path, provider: FakeProvider) -> None:
    done = run_program(FORK, tmp_path, provider, INSTRUMENT, ON)
    assert (done.code, done.warnings) == (0, [])
    expected = [("after", "done"), ("before", "done"), ("in the child", "done"), ("in the parent", "done")]
    assert done.prompts() == expected


def test_fork_in_mid_stream_leaves_the_call_to_the_parent(tmp_path: Path, provider: FakeProvider) -> None:
    done = run_program(FORK_MID_STREAM, tmp_path, provider, INSTRUMENT, ON)
    assert done.code == 0, done.err
    (record,), (exchange,) = done.records(), provider.exchanges
    assert (record.state, record.attempts[0].response_body) == ("done", exchange.said)


def test_multiprocessing(tmp_path: Path, provider: FakeProvider) -> None:
    done = run_program(MULTIPROCESSING, tmp_path, provider, INSTRUMENT, ON)
    assert (done.code, done.said) == (0, ["12"]), done.err
    assert done.prompts() == sorted((f"task {number}", "done") for number in range(12))


def test_workers_forked_in_advance(tmp_path: Path, provider: FakeProvider) -> None:
    done = run_program(PREFORK, tmp_path, provider, INSTRUMENT, ON)
    assert done.code == 0, done.err
    workers = [(f"worker {number}, call {call}", "done") for number in range(3) for call in range(4)]
    assert done.prompts() == sorted([("master", "done"), ("master again", "done"), *workers])


def test_a_process_that_ends_without_exit_handlers_loses_nothing(tmp_path: Path, provider: FakeProvider) -> None:
    done = run_program(ABRUPT, tmp_path, provider, INSTRUMENT, ON)
    assert (done.code, done.prompts()) == (3, [("first", "done")])
