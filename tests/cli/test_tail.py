from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from read.made import SECOND, Made, journal_calls, store_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanglass.settings import Settings

OLD, FIRST, OTHER = "1" * 16, "2" * 16, "3" * 16


@contextmanager
def tail(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command as a process of its own, ended as a person ends it."""
    command = [sys.executable, "-m", "spanglass", "tail", "--interval", "0.05", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_a_call_has_a_line_when_it_begins_and_one_when_it_ends(settings: Settings) -> None:
    now = time.time_ns()
    store_calls(settings, [Made(OLD, at=now - 5 * SECOND)])
    with tail("-n", "1", "--json") as process:
        assert json.loads(line(process))["span_id"] == OLD
        call = Made(FIRST, at=time.time_ns(), ended=False, workflow="trip", step="plan")
        journal = journal_calls(settings, [call])
        begun = json.loads(line(process))
        assert (begun["span_id"], begun["state"], begun["workflow_id"]) == (FIRST, "started", "trip")
        for entry in Made(FIRST, at=call.at, workflow="trip", step="plan").entries(journal.owner):
            journal.append(entry)
        ended = json.loads(line(process))
        assert (ended["span_id"], ended["state"], ended["usage"]["input_tokens"]) == (FIRST, "done", 40)
    assert process.returncode == 130
    journal.close(None)


def test_only_calls_that_are_asked_for_are_shown_and_each_line_ends_with_its_place(settings: Settings) -> None:
    store_calls(settings, [Made(OLD, at=time.time_ns() - 5 * SECOND, workflow="trip")])
    with tail("--workflow", "trip", "-n", "5") as process:
        assert OLD in line(process)
        now = time.time_ns()
        calls = [Made(OTHER, at=now, workflow="work"), Made(FIRST, at=now + 1, workflow="trip", step="plan")]
        journal = journal_calls(settings, calls)
        shown = line(process).split()
        assert shown[1:4] == ["done", "chat", "gpt-4o"]
        assert shown[-2:] == [FIRST, "trip/plan"]
    journal.close(None)


def test_before_the_first_call_it_says_that_it_waits(settings: Settings) -> None:
    with tail() as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "spanglass: note: nothing is recorded yet; waiting for the first call\n"
        journal = journal_calls(settings, [Made(FIRST, at=time.time_ns())])
        assert FIRST in line(process)
    journal.close(None)


def test_it_ends_when_nobody_reads_any_more(settings: Settings) -> None:
    store_calls(settings, [Made(OLD, at=time.time_ns() - SECOND)])
    with tail("-n", "1") as process:
        assert OLD in line(process)
        assert process.stdout is not None
        process.stdout.close()
        journal = journal_calls(settings, [Made(FIRST, at=time.time_ns())])
        assert process.wait(30) == 141
    journal.close(None)


@pytest.mark.parametrize("interval", ["0", "-1", "often", "nan", "inf"])
def test_an_interval_that_cannot_work_is_a_usage_error(settings: Settings, interval: str) -> None:
    command = [sys.executable, "-m", "spanglass", "tail", "--interval", interval]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"'{interval}' is no number of seconds from 0.05 on" in done.stderr
