from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from spanglass import step, workflow
from spanglass.place import DebugSwitch, Place, current_place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def test_a_step_is_in_the_workflow_around_it() -> None:
    with workflow("patents", id="p-17", debug=True), step("claims", attempt=2):
        assert current_place() == Place("patents", "p-17", debug=True, step_name="claims", step_attempt=2)
    assert current_place() is None


def test_a_workflow_without_an_id_gets_one_of_its_own() -> None:
    with workflow("patents") as first, workflow("patents") as second:
        assert first.workflow_id != second.workflow_id


def test_functions_and_coroutine_functions_can_be_decorated() -> None:
    @workflow("patents", id="p")
    @step("plain")
    def plain() -> Place | None:
        return current_place()

    @workflow("patents", id="p")
    @step("async")
    async def coroutine() -> Place | None:
        await asyncio.sleep(0)
        return current_place()

    assert plain() == Place("patents", "p", step_name="plain", step_attempt=1)
    assert asyncio.run(coroutine()) == Place("patents", "p", step_name="async", step_attempt=1)
    assert current_place() is None


def test_tasks_do_not_see_each_others_place() -> None:
    async def one(name: str) -> Place | None:
        with workflow(name, id=name):
            await asyncio.sleep(0.01)
            return current_place()

    async def both() -> list[Place | None]:
        return list(await asyncio.gather(one("a"), one("b")))

    assert asyncio.run(both()) == [Place("a", "a"), Place("b", "b")]


def test_a_generator_that_is_closed_elsewhere_leaves_no_context_attached() -> None:
    async def chunks() -> AsyncIterator[int]:
        with workflow("patents", id="p"):
            yield 1
            yield 2

    async def main() -> None:
        generator = chunks()
        await generator.__anext__()
        await asyncio.create_task(generator.aclose())  # type: ignore[attr-defined]

    asyncio.run(main())
    assert current_place() is None


def test_the_switch_matches_names_and_ids_and_reads_its_file_again(tmp_path: Path) -> None:
    file = tmp_path / "debug-workflows"
    switch = DebugSwitch(("invoice*",), file)

    assert switch.matches(Place("invoices", "i-1"))
    assert not switch.matches(Place("patents", "p-17"))

    file.write_text("# while looking for the lost claim\np-1?\n")
    later = DebugSwitch((), file)
    assert later.matches(Place("patents", "p-17"))
    assert not later.matches(Place("patents", "p-170"))
