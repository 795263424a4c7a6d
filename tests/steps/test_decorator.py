"""A context around functions of every kind."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import pytest

from spanglass import ErrorContext, current_context, error_context, format_trace
from spanglass.timeline import MARKER
from steps.trace_text import lines_of, notes_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator


def current() -> ErrorContext:
    found = current_context()
    assert found is not None
    return found


def test_each_call_of_a_function_has_a_context_of_its_own() -> None:
    @error_context("answer", tries=1)
    def answer(question: str) -> ErrorContext:
        """Answers."""
        current().add_step("think", about=question)
        return current()

    first, second = answer("one"), answer("two")
    assert [lines_of(format_trace(each)) for each in (first, second)] == [
        ['[ms] think | about: "one"'],
        ['[ms] think | about: "two"'],
    ]
    assert (first.id != second.id, first.inputs, current_context()) == (True, {"tries": 1}, None)
    assert (answer.__name__, answer.__doc__) == ("answer", "Answers.")


def test_a_function_that_calls_itself_is_in_a_context_inside() -> None:
    @error_context("count down")
    def count(number: int) -> int:
        parent = current().parent
        assert (parent is None) == (number == 3)
        return count(number - 1) if number else 0

    assert count(3) == 0


async def test_a_coroutine_function_is_in_its_context_until_it_returns() -> None:
    @error_context("answer")
    async def answer(number: int) -> str:
        mine = current()
        await asyncio.sleep(0)
        assert current() is mine
        mine.add_step("think", number=number)
        raise ValueError(number)

    assert inspect.iscoroutinefunction(answer)
    errors = await asyncio.gather(*map(answer, range(3)), return_exceptions=True)
    assert [lines_of(notes_of(error)[0]) for error in errors if isinstance(error, ValueError)] == [
        [f"[ms] think | number: {number} {MARKER}"] for number in range(3)
    ]


async def test_it_is_an_asynchronous_context_manager_too() -> None:
    async with error_context("answer") as context:
        assert current() is context
    assert current_context() is None


def test_a_generator_is_in_its_context_only_while_it_runs() -> None:
    seen: list[Any] = []

    @error_context("talk")
    def talk() -> Generator[int, str, str]:
        mine = current()
        seen.append(mine)
        for number in range(2):
            said = yield number
            assert current() is mine
            mine.add_step("heard", said=said)
        return "end"

    assert inspect.isgeneratorfunction(talk)
    talking = talk()
    got: list[Any] = [next(talking)]
    seen.append(current_context())
    got.append(talking.send("one"))
    with pytest.raises(StopIteration) as ended:
        talking.send("two")
    context, between = seen
    assert (got, ended.value.value, between) == ([0, 1], "end", None)
    assert lines_of(format_trace(context)) == ['[ms] heard | said: "one"', '[ms] heard | said: "two"']


def test_what_is_thrown_into_a_generator_reaches_it() -> None:
    @error_context("talk")
    def talk() -> Generator[str, None, None]:
        current().add_step("begin")
        try:
            yield "first"
        except KeyError:
            yield "caught"
        raise ValueError("end")

    talking = talk()
    assert (next(talking), talking.throw(KeyError())) == ("first", "caught")
    with pytest.raises(ValueError, match="end") as failed:
        next(talking)
    assert [lines_of(note) for note in notes_of(failed.value)] == [[f"[ms] begin {MARKER}"]]


def test_a_generator_that_is_closed_is_closed() -> None:
    closed: list[Any] = []

    @error_context("talk")
    def talk() -> Generator[int, None, None]:
        try:
            yield 1
        finally:
            closed.append(current().operation)

    talking = talk()
    next(talking)
    talking.close()
    assert (closed, current_context()) == (["talk"], None)


async def test_an_asynchronous_generator_is_in_its_context_only_while_it_runs() -> None:
    seen: list[Any] = []

    @error_context("stream")
    async def stream() -> AsyncGenerator[int, str]:
        mine = current()
        seen.append(mine)
        try:
            for number in range(5):
                await asyncio.sleep(0)
                assert current() is mine
                said = yield number
                mine.add_step("heard", said=said)
        finally:
            await asyncio.sleep(0)
            seen.append(current())

    assert inspect.isasyncgenfunction(stream)
    streaming = stream()
    got = [await streaming.__anext__(), await streaming.asend("one")]
    outside = current_context()
    await streaming.aclose()
    assert (got, outside, seen[0] is seen[1]) == ([0, 1], None, True)
    assert lines_of(format_trace(seen[0])) == ['[ms] heard | said: "one"']


async def test_what_is_thrown_into_an_asynchronous_generator_reaches_it() -> None:
    @error_context("stream")
    async def stream() -> AsyncGenerator[str, None]:
        try:
            yield "first"
        except KeyError:
            yield "caught"

    streaming = stream()
    assert (await streaming.__anext__(), await streaming.athrow(KeyError())) == ("first", "caught")
    assert [each async for each in streaming] == []


def test_a_context_around_a_generators_body_does_not_outlive_it() -> None:
    def body() -> Generator[int, None, None]:
        with error_context("inside"):
            yield 1
            yield 2

    with error_context("outer") as outer:
        assert list(body()) == [1, 2]
        assert current() is outer
