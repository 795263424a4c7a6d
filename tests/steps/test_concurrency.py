"""Threads and tasks: contexts do not mix, and steps land where they are told to."""

from __future__ import annotations

import asyncio
import contextvars
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace

from spanglass import ErrorContext, current_context, error_context, format_trace
from spanglass.steps.trail import HEAD, TAIL
from spanglass.timeline import MARKER
from steps.trace_text import lines_of, notes_of

if TYPE_CHECKING:
    from opentelemetry.context import Context


def current() -> ErrorContext:
    found = current_context()
    assert found is not None
    return found


def test_threads_have_contexts_of_their_own() -> None:
    together = threading.Barrier(8)

    def work(number: int) -> list[str]:
        assert current_context() is None
        with error_context(f"work {number}") as mine:
            for step in range(20):
                together.wait(10)
                with current().measure(f"step {step}", by=number):
                    assert current() is mine
        return [dict(entry.facts)["by"] for entry in mine.trail.entries()]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [[str(number)] * 20 for number in range(8)]


def test_steps_of_many_threads_land_in_the_context_that_they_are_told_to() -> None:
    together = threading.Barrier(8)
    with error_context("shared") as context:

        def work(number: int) -> None:
            together.wait(10)
            for _ in range(1000):
                context.add_step(f"by {number}")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
    assert (context.trail.count, context.trail.steps) == (8000, 8000)
    numbers = [entry.number for entry in context.trail.entries()]
    assert numbers == [*range(HEAD), *range(8000 - TAIL, 8000)]


def test_one_context_is_entered_by_several_threads() -> None:
    together = threading.Barrier(4)
    context = error_context("shared")

    def work(number: int) -> None:
        together.wait(10)
        with context:
            together.wait(10)
            current().add_step(f"by {number}")
        assert current_context() is None

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert sorted(lines_of(format_trace(context))) == [f"[ms] by {number}" for number in range(4)]


def test_a_thread_joins_the_context_of_its_starter_by_naming_it_or_with_the_starters_own_context() -> None:
    seen: dict[str, Any] = {}

    def named(parent: ErrorContext) -> None:
        with error_context("named", parent=parent) as mine:
            seen["named"] = (mine.parent, mine.correlation_id)

    def carried() -> None:
        with error_context("carried") as mine:
            seen["carried"] = (mine.parent, mine.correlation_id)

    with error_context("outer") as outer:
        threads = [
            threading.Thread(target=named, args=(outer,)),
            threading.Thread(target=contextvars.copy_context().run, args=(carried,)),
        ]
        for thread in threads:
            thread.start()
            thread.join()
    assert seen == dict.fromkeys(("named", "carried"), (outer, outer.correlation_id))
    assert lines_of(format_trace(outer)) == [
        "[ms] named | duration: ms | steps: 0",
        "[ms] carried | duration: ms | steps: 0",
    ]


def test_a_thread_that_opentelemetrys_context_is_carried_to_is_in_the_context_too() -> None:
    def work(carried: Context) -> ErrorContext | None:
        token = otel_context.attach(carried)
        try:
            return current_context()
        finally:
            otel_context.detach(token)

    with error_context("outer") as outer, outer.measure("step"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(work, otel_context.get_current()).result(20) is outer
        assert pool.submit(current_context).result(20) is None


def test_what_others_put_into_the_context_in_the_meantime_stays_there() -> None:
    theirs = trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=False))
    with error_context("outer"), error_context("inner"), trace.use_span(theirs):
        before = otel_context.attach(otel_context.set_value("host", "theirs"))
        inner = current()
        inner.__exit__(None, None, None)
        assert (current().operation, otel_context.get_value("host")) == ("outer", "theirs")
        assert trace.get_current_span() is theirs
        inner.__enter__()
        otel_context.detach(before)
    assert current_context() is None


async def test_tasks_have_contexts_of_their_own() -> None:
    together = asyncio.Barrier(20) if hasattr(asyncio, "Barrier") else None

    async def work(number: int) -> list[str]:
        with error_context(f"work {number}") as mine:
            for step in range(5):
                if together is not None:
                    await together.wait()
                with current().measure(f"step {step}", by=number):
                    await asyncio.sleep(0)
                    assert current() is mine
        return [dict(entry.facts)["by"] for entry in mine.trail.entries()]

    assert await asyncio.gather(*map(work, range(20))) == [[str(number)] * 5 for number in range(20)]
    assert current_context() is None


async def test_a_child_tasks_steps_land_in_the_context_that_it_was_started_in() -> None:
    async def child(name: str) -> None:
        await asyncio.sleep(0)
        with current().measure(name):
            await asyncio.sleep(0)
            await asyncio.to_thread(lambda: current().add_step(f"thread of {name}"))

    with error_context("one") as one:
        first = asyncio.create_task(child("first"))
    with error_context("two") as two:
        second = asyncio.create_task(child("second"))
        await asyncio.gather(first, second)
    assert [[entry.name for entry in each.trail.entries()] for each in (one, two)] == [
        ["first", "thread of first"],
        ["second", "thread of second"],
    ]


async def test_the_marker_stands_in_the_branch_that_failed() -> None:
    failed, go_on = asyncio.Event(), asyncio.Event()

    async def bad() -> None:
        with current().measure("bad"):
            current().add_step("of the bad one")
            go_on.set()
            await failed.wait()
            raise ValueError("no")

    async def good() -> None:
        await go_on.wait()
        with current().measure("good"):
            current().add_step("of the good one")
            failed.set()
            await asyncio.sleep(0)

    with pytest.raises(ValueError, match="no") as raised, error_context("both"):
        await asyncio.gather(bad(), good())
    (note,) = notes_of(raised.value)
    assert [line for line in lines_of(note) if MARKER in line] == [f"[ms] of the bad one {MARKER}"]


def leave_in_a_child_process(context: ErrorContext, told: Any) -> None:
    with context:
        context.add_step("in the child")
    told.put([entry.name for entry in context.trail.entries()])


def test_a_forked_child_goes_on_for_itself() -> None:
    fork = multiprocessing.get_context("fork")
    told = fork.Queue()
    with error_context("outer") as context:
        context.add_step("before")
        child = fork.Process(target=leave_in_a_child_process, args=(context, told))
        child.start()
        in_the_child = told.get(timeout=20)
        child.join(20)
    assert in_the_child == ["before", "in the child"]
    assert [entry.name for entry in context.trail.entries()] == ["before"]
