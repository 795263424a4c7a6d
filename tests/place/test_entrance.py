from __future__ import annotations

import asyncio
import inspect
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context as otel_context

from spanglass import step, workflow
from spanglass.place import Place, current_place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator

CLAIMS = Place("patents", "p", step_name="claims", step_attempt=1)
patents = workflow("patents", id="p")


def test_functions_and_coroutine_functions_can_be_decorated() -> None:
    @patents
    @step("claims")
    def plain(value: int) -> tuple[int, Place | None]:
        """Says where it is."""
        return value, current_place()

    @patents
    @step("claims")
    async def coroutine() -> Place | None:
        await asyncio.sleep(0)
        return current_place()

    assert plain(7) == (7, CLAIMS)
    assert plain.__doc__ == "Says where it is."
    assert inspect.iscoroutinefunction(coroutine)
    assert asyncio.run(coroutine()) == CLAIMS
    assert current_place() is None


async def test_a_block_may_be_entered_with_async_with() -> None:
    async with patents, step("claims"):
        assert current_place() == CLAIMS
    assert current_place() is None


def test_a_decorated_generator_is_in_its_place_whenever_it_runs_and_its_caller_never_is() -> None:
    @patents
    @step("claims")
    def generate() -> Generator[Any, Any, str]:
        received = yield current_place()
        try:
            yield received, current_place()
        except KeyError:
            yield "caught", current_place()
        return "the end"

    generator = generate()
    assert (next(generator), current_place()) == (CLAIMS, None)
    assert (generator.send("sent"), current_place()) == (("sent", CLAIMS), None)
    assert (generator.throw(KeyError), current_place()) == (("caught", CLAIMS), None)
    with pytest.raises(StopIteration) as ended:
        next(generator)
    assert (ended.value.value, current_place()) == ("the end", None)


async def test_a_decorated_async_generator_is_in_its_place_whenever_it_runs() -> None:
    closed_in: list[Place | None] = []

    @patents
    @step("claims")
    async def generate() -> AsyncIterator[Place | None]:
        try:
            while True:
                await asyncio.sleep(0)
                yield current_place()
        finally:
            closed_in.append(current_place())

    generator = generate()
    assert ([await anext(generator), await anext(generator)], current_place()) == ([CLAIMS, CLAIMS], None)
    await asyncio.create_task(generator.aclose())  # type: ignore[attr-defined]
    assert (closed_in, current_place()) == ([CLAIMS], None)


def test_what_a_decorated_generator_enters_is_its_own_between_its_steps() -> None:
    @patents
    def generate() -> Iterator[Place | None]:
        with step("draft"):
            yield current_place()
            yield current_place()
        yield current_place()

    draft = Place("patents", "p", step_name="draft", step_attempt=1)
    seen = []
    for place in generate():
        assert current_place() is None
        seen.append(place)
    assert seen == [draft, draft, Place("patents", "p")]


def test_tasks_do_not_see_each_others_place() -> None:
    both_are_in = asyncio.Barrier(2) if hasattr(asyncio, "Barrier") else None

    async def one(name: str) -> Place | None:
        with workflow(name, id=name):
            await (both_are_in.wait() if both_are_in is not None else asyncio.sleep(0))
            return current_place()

    async def both() -> list[Place | None]:
        return list(await asyncio.gather(one("a"), one("b")))

    assert asyncio.run(both()) == [Place("a", "a"), Place("b", "b")]


def test_one_object_may_be_entered_by_many_threads_at_once() -> None:
    all_are_in = threading.Barrier(8)

    def enter(number: int) -> tuple[Place | None, Place | None]:
        with patents, step("claims", attempt=number):
            all_are_in.wait(20)
            inside = current_place()
        return inside, current_place()

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(enter, range(8)))
    assert found == [(Place("patents", "p", None, "claims", number), None) for number in range(8)]


def test_an_exception_leaves_the_place_and_passes() -> None:
    with pytest.raises(KeyError), patents, step("claims"):
        raise KeyError
    assert current_place() is None


def test_a_generator_that_is_closed_elsewhere_changes_nothing_there() -> None:
    async def chunks() -> AsyncIterator[int]:
        with patents:
            yield 1
            yield 2

    async def close_in(generator: Any) -> Place | None:
        with workflow("other", id="o"):
            await generator.aclose()
            return current_place()

    async def main() -> Place | None:
        generator = chunks()
        task = otel_context.get_current()
        await anext(generator)
        otel_context.attach(task)  # the generator's block is still open, somewhere else
        return await asyncio.create_task(close_in(generator))

    assert asyncio.run(main()) == Place("other", "o")
    assert current_place() is None
