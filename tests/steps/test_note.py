"""What becomes of an exception that leaves a context: a note more, and nothing else."""

from __future__ import annotations

import asyncio
import builtins
import copy
import io
import pickle
import subprocess
import sys
import threading
import traceback
from dataclasses import dataclass
from typing import Any

import pytest

from spanglass import error_context
from spanglass.steps.note import LIMIT, make_note, printing_notes
from spanglass.timeline import MARKER
from steps.trace_text import lines_of, notes_of, steady


def fail(error: BaseException, *names: str) -> None:
    """Raises through contexts inside one another."""
    if not names:
        raise error
    with error_context(names[0]) as context:
        context.add_step(f"step of {names[0]}")
        fail(error, *names[1:])


def caught(error: BaseException, *names: str) -> BaseException:
    with pytest.raises(type(error)) as failed:
        fail(error, *names)
    assert failed.value is error
    return error


def test_the_exception_is_the_same_object_with_a_note_more() -> None:
    cause = OSError("cause")
    error = ValueError("text", 17)
    error.__cause__ = cause
    before = (error.args, error.__cause__, error.__context__, error.__suppress_context__, str(error), repr(error))
    caught(error, "answer")
    after = (error.args, error.__cause__, error.__context__, error.__suppress_context__, str(error), repr(error))
    assert (after, vars(error)) == (before, {"__notes__": notes_of(error)})
    frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert frames == ["caught", "fail", "fail"]


def test_of_contexts_inside_one_another_each_says_what_the_others_do_not() -> None:
    inner, outer = notes_of(caught(ValueError("text"), "handle", "answer"))
    assert lines_of(inner) == [f"[ms] step of answer {MARKER}"]
    assert "  within:         handle\n" in inner
    assert lines_of(outer) == [
        "[ms] step of handle",
        "[ms] answer | duration: ms | steps: 1 | its steps: in its own trace, above | error: ValueError: text",
    ]
    assert (inner + outer).count(MARKER) == 1


def test_the_same_exception_through_the_same_context_again_is_noted_once() -> None:
    error, context = ValueError("text"), error_context("answer")
    for name in ("first", "second", "third"):
        with pytest.raises(ValueError, match="text"), context:
            context.add_step(name)
            raise error
    (note,) = notes_of(error)
    assert lines_of(note) == ["[ms] first", "[ms] second", f"[ms] third {MARKER}"]


def test_notes_of_others_stay_as_they_are() -> None:
    error = ValueError("text")
    error.__notes__ = ["a hint"]  # type: ignore[attr-defined,unused-ignore]
    caught(error, "answer")
    notes_of_others = error.__notes__  # type: ignore[attr-defined,unused-ignore]
    notes_of_others.append("another")
    caught(error, "retry")
    assert [note if note.count("\n") == 0 else "trace" for note in notes_of(error)] == [
        "a hint",
        "trace",
        "another",
        "trace",
    ]


def test_of_many_contexts_inside_one_another_the_inner_ones_are_kept() -> None:
    error = caught(ValueError("text"), *[f"level {number}" for number in range(30)])
    assert [note.splitlines()[1] for note in notes_of(error)] == [
        f"  operation:      level {29 - number}" for number in range(LIMIT)
    ]


def test_an_exception_that_is_raised_again_and_again_keeps_the_latest() -> None:
    error = ValueError("text")
    for number in range(100):
        caught(error, f"call {number}")
    assert [note.splitlines()[1] for note in notes_of(error)] == [
        f"  operation:      call {number}" for number in range(100 - LIMIT, 100)
    ]


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), asyncio.CancelledError()], ids=lambda error: type(error).__name__
)
def test_an_interrupted_operation_tells_where_it_was(error: BaseException) -> None:
    (note,) = notes_of(caught(error, "answer"))
    assert lines_of(note) == [f"[ms] step of answer {MARKER}"]


@pytest.mark.parametrize(
    "error",
    [SystemExit(2), GeneratorExit(), StopIteration(), StopAsyncIteration()],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_failure_gets_no_note(error: BaseException) -> None:
    assert notes_of(caught(error, "answer")) == []


if sys.version_info >= (3, 11):  # what Python 3.10 does not have

    async def test_what_times_out_tells_which_step_it_was_in() -> None:
        with pytest.raises(TimeoutError) as failed:
            async with asyncio.timeout(0.01):
                with error_context("answer") as context, context.measure("ask"):
                    await asyncio.Event().wait()
        assert failed.value.__cause__ is not None
        assert [lines_of(note) for note in notes_of(failed.value.__cause__)] == [
            [f"[ms] ask | duration: ms | error: asyncio.exceptions.CancelledError: {MARKER}"]
        ]

    def test_a_group_shows_each_members_trace_and_its_own() -> None:
        members = [ValueError("one"), ValueError("two")]
        for member in members:
            caught(member, str(member))
        with pytest.raises(builtins.ExceptionGroup) as failed, error_context("gather") as context:
            context.add_step("begin")
            raise builtins.ExceptionGroup("both", members)
        assert [lines_of(note) for note in notes_of(failed.value)] == [[f"[ms] begin {MARKER}"]]
        assert [[lines_of(note) for note in notes_of(each)] for each in failed.value.exceptions] == [
            [[f"[ms] step of {name} {MARKER}"]] for name in ("one", "two")
        ]

    def test_it_is_seen_in_the_traceback() -> None:
        error = caught(ValueError("text"), "answer")
        heading = "Execution trace\n  operation:      answer\n  correlation id: <id>\n"
        shown = steady("".join(traceback.format_exception(error)))
        assert shown.endswith(f"ValueError: text\n{heading}[ms] step of answer {MARKER}\n")


@dataclass(frozen=True)
class FrozenError(Exception):
    reason: str


class WithoutNotes(Exception):
    add_note: Any = None


@pytest.mark.parametrize("error", [FrozenError("no"), WithoutNotes("no")], ids=lambda error: type(error).__name__)
def test_an_exception_that_takes_no_note_gets_one_all_the_same(error: BaseException) -> None:
    with pytest.raises(type(error)), error_context("answer") as context:
        context.add_step("only")
        raise error
    assert [lines_of(note) for note in notes_of(error)] == [[f"[ms] only {MARKER}"]]


class UnreadableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def test_an_exception_whose_text_cannot_be_had_goes_on_as_it_is() -> None:
    error = UnreadableError()
    with pytest.raises(UnreadableError), error_context("answer") as context, context.measure("step"):
        raise error
    assert "UnreadableError: (its text cannot be had)" in notes_of(error)[0]


def test_the_exception_can_be_pickled_and_copied_and_the_note_is_then_a_text() -> None:
    error = caught(ValueError("text"), "answer")
    loaded = pickle.loads(pickle.dumps(error))  # noqa: S301 - pickled here
    assert [type(note) for note in notes_of(loaded)] == [str]
    assert notes_of(loaded) == notes_of(error) == notes_of(copy.copy(error))


def test_the_exception_and_its_frames_live_no_longer_than_without_a_context() -> None:
    import gc
    import weakref

    class OwnError(Exception):
        pass

    class Large:
        pass

    def handle(context: Any) -> weakref.ref[Any]:
        large = Large()
        try:
            with context.measure("step"):
                raise OwnError
        except OwnError:
            return weakref.ref(large)

    with error_context("answer") as context:
        gc.disable()
        try:
            assert handle(context)() is None
        finally:
            gc.enable()


def test_the_hook_of_python_310_does_what_was_done_before_and_then_prints_the_notes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    error = ValueError("text")
    error.__notes__ = ["a note of others", make_note("the trace", "context", "correlation")]  # type: ignore[attr-defined,unused-ignore]
    hook = printing_notes(lambda *args: written.write(f"before: {args[1]!r}\n"), lambda _kind, error, _tb: error)
    hook(ValueError, error, None)
    hook(ValueError, ValueError("other"), None)
    assert written.getvalue() == "before: ValueError('text')\nthe trace\nbefore: ValueError('other')\n"


PROGRAM = """
import sys, threading
from spanglass import error_context

@error_context("answer")
def answer():
    from spanglass import current_context
    current_context().add_step("think")
    raise ValueError("text")

if sys.argv[1] == "thread":
    thread = threading.Thread(target=answer)
    thread.start()
    thread.join()
else:
    answer()
"""


@pytest.mark.parametrize("where", ["program", "thread"])
def test_a_program_that_ends_with_it_prints_the_trace_once(where: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, where], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr.count(f"think {MARKER}") == 1
    assert done.stderr.count("Traceback") == 1


def test_threads_note_one_exception_without_losing_it() -> None:
    error = ValueError("text")
    threads = [threading.Thread(target=caught, args=(error, f"thread {number}")) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(note.splitlines()[1] for note in notes_of(error)) == [
        f"  operation:      thread {number}" for number in range(4)
    ]
