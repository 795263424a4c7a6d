"""What a context keeps and shows, in memory, without anything installed."""

from __future__ import annotations

import asyncio
import re
import time

import pytest
from inline_snapshot import snapshot

from spanglass import add_trace_step, current_context, error_context, format_trace, measure_trace_step
from spanglass.steps.trail import HEAD, TAIL
from spanglass.timeline import MARKER
from steps.trace_text import lines_of, notes_of, steady


def test_a_failure_shows_what_had_happened_and_where_it_stopped() -> None:
    with pytest.raises(KeyError) as failed, error_context("answer", question="Which train?", user=7) as context:
        context.add_breadcrumb("cache miss", key="trains")
        context.add_step("think", thought="I need the trains.")
        with context.measure("find_trains", origin="Oslo") as step:
            step.result = ["06:25", "08:25"]
        context.add_step("observe")
        raise KeyError("weather")
    assert steady(notes_of(failed.value)[0]) == snapshot("""\
Execution trace
  operation:      answer
  correlation id: <id>
  inputs:         question: "Which train?" | user: 7
  breadcrumbs:    [ms] cache miss | key: "trains"
[ms] think       |               | thought: "I need the trains."
[ms] find_trains | duration: ms | origin: "Oslo" | result: ["06:25","08:25"]
[ms] observe <-- Error occurred after this\
""")


def test_nothing_failed_nothing_is_marked() -> None:
    with error_context("answer") as context:
        context.add_step("think")
    assert lines_of(format_trace(context)) == ["[ms] think"]


def test_a_measured_step_that_fails_is_recorded_with_its_error_and_marked() -> None:
    context = error_context("answer")
    with pytest.raises(ZeroDivisionError), context, context.measure("divide", by=0):
        _ = 1 / 0
    assert lines_of(format_trace(context)) == [
        f"[ms] divide | duration: ms | by: 0 | error: ZeroDivisionError: division by zero {MARKER}"
    ]


def test_a_measured_step_stands_where_it_began_and_what_it_holds_below_it() -> None:
    with error_context("answer") as context, context.measure("turn"):
        context.add_step("inside")
    assert lines_of(format_trace(context)) == ["[ms] turn | duration: ms", "[ms] inside"]


def test_a_step_that_lasts_says_so() -> None:
    with error_context("answer") as context, context.measure("turn"):
        shown = lines_of(format_trace(context))
    assert shown == ["[ms] turn | ended: not yet"]


def test_data_can_be_added_to_a_step_while_it_lasts() -> None:
    with error_context("answer") as context, context.measure("search", query="trains") as step:
        step.add(hits=3)
        step.result = None
    assert lines_of(format_trace(context)) == ['[ms] search | duration: ms | query: "trains" | hits: 3 | result: null']


@pytest.mark.parametrize("kind", ["step in the handler", "measured step in the handler", "nothing more"])
def test_the_marker_stands_before_what_was_done_about_the_error(kind: str) -> None:
    context = error_context("answer")

    def fail() -> None:
        with context.measure("call"):
            context.add_step("sent")
            raise ValueError(kind)

    with pytest.raises(ValueError, match=kind), context:
        try:
            fail()
        except ValueError:
            if kind == "step in the handler":
                context.add_step("clean up")
            elif kind == "measured step in the handler":
                with context.measure("clean up"):
                    pass
            raise
    assert [line for line in lines_of(format_trace(context)) if MARKER in line] == [f"[ms] sent {MARKER}"]


def test_an_error_that_was_raised_from_another_is_marked_where_the_first_occurred() -> None:
    context = error_context("answer")
    with pytest.raises(RuntimeError), context:
        try:
            with context.measure("call"):
                raise ValueError
        except ValueError as error:
            context.add_step("clean up")
            raise RuntimeError from error
    assert lines_of(format_trace(context)) == [
        f"[ms] call | duration: ms | error: ValueError: {MARKER}",
        "[ms] clean up",
    ]


def test_an_error_that_was_dealt_with_marks_nothing_when_another_follows() -> None:
    context = error_context("answer")
    with pytest.raises(RuntimeError), context:
        try:
            with context.measure("first"):
                raise ValueError
        except ValueError:
            pass
        context.add_step("second")
        raise RuntimeError
    assert lines_of(format_trace(context)) == [
        "[ms] first | duration: ms | error: ValueError: ",
        f"[ms] second {MARKER}",
    ]


def test_a_new_exception_at_the_address_of_an_old_one_is_not_taken_for_it() -> None:
    context = error_context("answer")

    def fail() -> None:
        raise ValueError

    for _ in range(50):
        with pytest.raises(ValueError), context:  # noqa: PT011 - any
            try:
                with context.measure("measured"):
                    fail()
            except ValueError:
                pass
            context.add_step("last")
            fail()
        assert [line for line in lines_of(format_trace(context, limit=None)) if MARKER in line] == [
            f"[ms] last {MARKER}"
        ]


def test_while_an_exception_is_handled_its_place_is_marked() -> None:
    context = error_context("answer")
    context.add_step("before")
    try:
        raise ValueError
    except ValueError:
        handled = lines_of(format_trace(context))
    assert (handled, lines_of(format_trace(context))) == ([f"[ms] before {MARKER}"], ["[ms] before"])


def test_an_exception_that_was_handled_before_the_context_began_is_none_of_its() -> None:
    try:
        raise ValueError
    except ValueError:
        with error_context("fall back") as context:
            context.add_step("try another")
            shown = lines_of(format_trace(context))
    assert shown == ["[ms] try another"]


def test_an_error_can_be_named() -> None:
    context = error_context("answer")
    context.add_step("before")
    assert lines_of(format_trace(context, error=ValueError())) == [f"[ms] before {MARKER}"]


def test_contexts_inside_one_another_share_a_correlation_id() -> None:
    with error_context("outer", correlation_id="request-17") as outer:
        with error_context("inner") as inner, error_context("innermost") as innermost:
            pass
        with error_context("another", correlation_id="other") as another:
            pass
    assert [each.correlation_id for each in (outer, inner, innermost, another)] == ["request-17"] * 3 + ["other"]
    assert (outer.parent, inner.parent, innermost.parent) == (None, outer, inner)
    assert error_context("a").correlation_id != error_context("b").correlation_id


def test_a_context_made_outside_and_entered_inside_belongs_to_what_it_is_entered_in() -> None:
    made = error_context("inner")
    with error_context("outer") as outer, made:
        pass
    assert (made.parent, made.correlation_id) == (outer, outer.correlation_id)


def test_the_current_context_is_the_innermost_one() -> None:
    seen = [current_context()]
    with error_context("outer") as outer:
        seen.append(current_context())
        with error_context("inner") as inner, outer.measure("step"):
            seen.append(current_context())
        seen.append(current_context())
    assert [*seen, current_context()] == [None, outer, outer, outer, None]
    assert inner.trail.count == 0


def test_a_context_inside_that_ended_well_is_one_line_and_one_that_failed_shows_its_steps() -> None:
    with error_context("outer") as outer:
        outer.add_step("begin")
        with error_context("good") as good:
            good.add_step("a")
            good.add_step("b")
        with pytest.raises(ValueError, match="no"), error_context("bad") as bad:
            bad.add_step("c")
            raise ValueError("no")
    assert lines_of(format_trace(outer)) == [
        "[ms] begin",
        "[ms] good | duration: ms | steps: 2",
        "[ms] bad | duration: ms | steps: 1 | error: ValueError: no",
        "[ms] c",
    ]


def test_while_a_context_inside_lasts_its_steps_are_shown() -> None:
    with error_context("outer") as outer, error_context("inner") as inner:
        inner.add_step("a")
        assert lines_of(format_trace(outer)) == ["[ms] inner | ended: not yet", "[ms] a"]


def test_an_error_from_a_context_inside_is_marked_there() -> None:
    with pytest.raises(ValueError, match="no"), error_context("outer") as outer:
        outer.add_step("before")
        with error_context("inner") as inner:
            inner.add_step("a")
            raise ValueError("no")
    assert lines_of(format_trace(outer)) == [
        "[ms] before",
        "[ms] inner | duration: ms | steps: 1 | error: ValueError: no",
        f"[ms] a {MARKER}",
    ]


def test_of_many_contexts_inside_that_failed_the_last_ones_keep_their_steps() -> None:
    with error_context("outer") as outer:
        for number in range(20):
            with pytest.raises(ValueError, match="no"), error_context(f"try {number}") as inner:
                inner.add_step(f"step {number}")
                raise ValueError("no")
    shown = format_trace(outer, limit=None)
    assert re.findall(r"\]   step (\d+)", shown) == [str(number) for number in range(12, 20)]
    assert shown.count("steps: 1") == 20


def test_a_context_is_used_again() -> None:
    context = error_context("answer")
    with context:
        context.add_step("first")
    with context, context:
        context.add_step("second")
    assert lines_of(format_trace(context)) == ["[ms] first", "[ms] second"]


def test_of_a_long_trace_the_first_and_last_are_kept_and_the_others_counted() -> None:
    with error_context("answer") as context:
        for number in range(10_000):
            context.add_step(f"step {number}")
    entries = context.trail.entries()
    assert [entry.name for entry in entries[:HEAD]] == [f"step {number}" for number in range(HEAD)]
    assert [entry.name for entry in entries[HEAD:]] == [f"step {number}" for number in range(10_000 - TAIL, 10_000)]
    shown = format_trace(context, limit=None)
    assert shown.count("] step ") == HEAD + TAIL
    assert f"{10_000 - HEAD - TAIL:,} more lines not shown" in shown


def test_the_place_of_the_error_is_shown_though_much_came_after_it() -> None:
    context = error_context("answer")
    with pytest.raises(ValueError, match="no"), context:
        for number in range(100):
            context.add_step(f"before {number}")
        try:
            with context.measure("call"):
                raise ValueError("no")
        except ValueError:
            for number in range(1000):
                context.add_step(f"after {number}")
            raise
    for limit in (40, None):
        shown = format_trace(context, limit=limit)
        assert re.findall(rf"\] (\w+) .*{MARKER}$", shown, re.MULTILINE) == ["call"]
        counted = sum(int(count.replace(",", "")) for count in re.findall(r"([\d,]+) more line", shown))
        assert counted + shown.count("ms] ") == 1101


def test_breadcrumbs_are_bounded_and_counted() -> None:
    with error_context("answer") as context:
        for number in range(40):
            context.add_breadcrumb(f"crumb {number}")
    assert [crumb.message for crumb in context.breadcrumbs] == [f"crumb {number}" for number in range(8, 40)]
    assert "… 8 more before these" in format_trace(context)


def test_metadata_can_be_added() -> None:
    with error_context("answer", a=1) as context:
        context.add_metadata(b=2, a=3)
    assert "inputs:         a: 1 | b: 2 | spanglass.a: 3" in format_trace(context)


def test_names_of_data_never_collide_with_arguments() -> None:
    with error_context("answer", name="n", operation="o", self="s", context="c") as context:
        context.add_step("think", name="n", self="s", data="d")
        with context.measure("measure", name="n", self="s"):
            pass
    assert context.inputs == {"name": "n", "operation": "o", "self": "s", "context": "c"}
    assert [step.data for step in context.steps] == [
        {"name": "n", "self": "s", "data": "d"},
        {"name": "n", "self": "s"},
    ]


def test_the_steps_can_be_read() -> None:
    before = time.time_ns()
    with error_context("answer") as context:
        context.add_step("think", thoughts=[1, 2], api_key="hunter2")
        with context.measure("find", origin="Oslo", long="x" * 10_000) as step:
            step.result = None
        with error_context("inside"):
            pass
    after = time.time_ns()
    think, find = context.steps
    assert (think.step_name, think.data, think.duration_ns) == (
        "think",
        {"thoughts": [1, 2], "api_key": "[REDACTED]"},
        None,
    )
    assert find.duration_ns is not None
    assert before <= think.timestamp <= find.timestamp <= find.timestamp + find.duration_ns <= after
    assert {**find.data, "long": ...} == {"origin": "Oslo", "long": ..., "result": None}
    assert len(find.data["long"]) < 200


def test_the_functions_do_what_the_methods_do() -> None:
    context = error_context("answer")
    context = add_trace_step(context, "think", {"name": "n", "self": 1})
    context = add_trace_step(context, "bare")
    context, result = measure_trace_step(context, "count", {"to": 3}, lambda: [1, 2, 3])
    assert result == [1, 2, 3]
    with pytest.raises(ZeroDivisionError):
        measure_trace_step(context, "divide", None, lambda: 1 / 0)
    assert lines_of(format_trace(context)) == [
        '[ms] think | | name: "n" | self: 1',
        "[ms] bare",
        "[ms] count | duration: ms | to: 3 | result: [1,2,3]",
        "[ms] divide | duration: ms | error: ZeroDivisionError: division by zero",
    ]


async def test_a_coroutine_function_is_measured_until_it_returns() -> None:
    async def count() -> int:
        await asyncio.sleep(0)
        add_trace_step(context, "inside")
        return 3

    context = error_context("answer")
    same, result = await measure_trace_step(context, "count", {}, count)
    assert (same, result) == (context, 3)
    assert lines_of(format_trace(context)) == ["[ms] count | duration: ms | result: 3", "[ms] inside"]
