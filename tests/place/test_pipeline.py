from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from spanglass import log_upstream_context, step, workflow
from spanglass.place import Place, current_place

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


def here() -> Place:
    place = current_place()
    assert place is not None
    return place


def handed() -> Any:
    """The upstream context of a call that would be made here."""
    found = here().handed()
    return None if found is None else found.value


def test_a_step_is_in_the_workflow_around_it() -> None:
    with workflow("patents", id="p-17", debug=True), step("claims", attempt=2):
        assert current_place() == Place("patents", "p-17", debug=True, step_name="claims", step_attempt=2)
    assert current_place() is None


def test_a_workflow_without_an_id_gets_one_of_its_own_each_time_it_is_entered() -> None:
    patents = workflow("patents")
    with patents as first, patents as second:
        assert first.workflow_id != second.workflow_id


def test_a_run_of_a_workflow_counts_how_often_each_step_is_entered() -> None:
    def run() -> list[tuple[str | None, int | None]]:
        with workflow("patents", id="p-17"):
            entered = []
            for name in ("draft", "claims", "draft"):
                with step(name) as place:
                    entered.append((place.step_name, place.step_attempt))
            return entered

    assert run() == run() == [("draft", 1), ("claims", 1), ("draft", 2)]


def test_an_attempt_that_is_given_counts_instead_and_outside_a_workflow_nothing_is_counted() -> None:
    with step("draft") as place:
        assert place == Place(step_name="draft")
    with workflow("patents", id="p"), step("draft", attempt=7) as place:
        assert place.step_attempt == 7


def test_an_inner_step_is_where_the_program_is_until_it_is_left() -> None:
    with workflow("patents", id="p"), step("claims"):
        with step("search") as inner:
            assert inner == Place("patents", "p", step_name="search", step_attempt=1)
        assert current_place() == Place("patents", "p", step_name="claims", step_attempt=1)


def test_a_workflow_inside_a_step_begins_anew_and_leads_back_to_the_step() -> None:
    with workflow("patents", id="p", debug=True), step("claims", upstream="a lamp"):
        with workflow("search", id="s") as inner:
            assert (inner, handed()) == (Place("search", "s", debug=True), None)
            assert [at.workflow_id for at in inner.workflows()] == ["s", "p"]
            with step("query") as place:
                assert place.step_attempt == 1
        assert (current_place(), handed()) == (
            Place("patents", "p", debug=True, step_name="claims", step_attempt=1),
            "a lamp",
        )


def test_an_inner_workflow_may_say_otherwise_about_capturing() -> None:
    with workflow("patents", debug=True), workflow("private", debug=False) as inner:
        assert inner.debug is False


def test_a_step_hands_its_upstream_context_to_the_steps_inside_that_have_none() -> None:
    with workflow("patents"), step("claims", upstream={"title": "a lamp"}):
        with step("search"):
            assert handed() == {"title": "a lamp"}
        with step("draft", upstream=["claim 1"]):
            assert handed() == ["claim 1"]
        assert handed() == {"title": "a lamp"}


def test_an_upstream_context_can_be_said_later_and_the_latest_counts_in_its_step_alone() -> None:
    with workflow("patents"):
        log_upstream_context("for the whole workflow")
        with step("claims", upstream="at first"):
            log_upstream_context("at last")
            assert handed() == "at last"
        assert handed() == "for the whole workflow"
        with step("draft"):
            assert handed() == "for the whole workflow"


def test_an_upstream_context_that_belongs_nowhere_is_said_to_be_lost(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "spanglass"):
        log_upstream_context("lost")
    assert [record.getMessage().split(";")[0] for record in caplog.records] == [
        "spanglass: log_upstream_context() was called outside any workflow and step, so it belongs to no call"
    ]


names = st.sampled_from(["a", "b", "c"])
entrances = st.lists(st.tuples(st.sampled_from(["workflow", "step"]), names), max_size=8)


@given(path=entrances)
def test_any_nesting_leads_in_and_out_again(path: Sequence[tuple[str, str]]) -> None:
    def enter(rest: Sequence[tuple[str, str]], expected: Place | None) -> None:
        assert current_place() == expected
        if not rest:
            return
        (kind, name), *others = rest
        around = expected or Place()
        if kind == "workflow":
            with workflow(name, id=f"{name}-id"):
                enter(others, Place(name, f"{name}-id"))
        else:
            with step(name, attempt=1):
                enter(others, Place(around.workflow, around.workflow_id, None, name, 1))
        assert current_place() == expected

    enter(path, None)
