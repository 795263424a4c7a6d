"""Whatever a program does: everything is shown or counted, and the marker is at the right line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from spanglass import error_context, format_trace
from spanglass.timeline import MARKER
from steps.trace_text import notes_of

if TYPE_CHECKING:
    from spanglass import ErrorContext

LINE = re.compile(r"^\[ *\d+ms\] +(?P<name>n\d+)\b", re.MULTILINE)
NOTHING_BEFORE = "nothing before"
FAILED_KEPT = 8


@dataclass(frozen=True)
class Do:
    """One thing that a program does, and what it does inside of it."""

    kind: str
    inside: tuple[Do, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)


data_of_any_kind = st.dictionaries(
    st.text(max_size=5), st.text(max_size=20) | st.integers() | st.binary() | st.lists(st.none()), max_size=3
)
simple = st.builds(Do, st.sampled_from(["step", "raise"]), st.just(()), data_of_any_kind)
programs = st.lists(
    st.recursive(
        simple,
        lambda inner: st.builds(
            Do,
            st.sampled_from(["measure", "context", "handle", "handle and raise again"]),
            st.lists(inner, max_size=4).map(tuple),
            data_of_any_kind,
        ),
        max_leaves=12,
    ),
    max_size=4,
).map(tuple)


class BoomError(Exception):
    pass


class Machine:
    """Runs a program in contexts, and keeps a model of what should be shown."""

    def __init__(self) -> None:
        self.count = 0
        self.expected: str | None = None
        self.lines: dict[str, list[str]] = {}
        self.steps: dict[str, int] = {}
        self.ended_well: dict[str, set[str]] = {}

    def name(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def run(self, program: tuple[Do, ...], context: ErrorContext, within: str) -> None:
        for do in program:
            self.do(do, context, within)

    def do(self, do: Do, context: ErrorContext, within: str) -> None:
        if do.kind == "step":
            self.begin(within, step=True)
            context.add_step(self.lines[within][-1], **do.data)
        elif do.kind == "raise":
            self.expected = (self.lines[within] or [within])[-1]
            raise BoomError
        elif do.kind == "measure":
            self.begin(within, step=True)
            with context.measure(self.lines[within][-1], **do.data):
                self.run(do.inside, context, within)
        elif do.kind == "context":
            name = self.begin(within)
            with error_context(name, **do.data) as inside:
                self.run(do.inside, inside, name)
            self.ended_well[within].add(name)
        else:
            self.handle(do, context, within)

    def handle(self, do: Do, context: ErrorContext, within: str) -> None:
        try:
            self.run(do.inside, context, within)
        except BoomError:
            self.begin(within, step=True)
            context.add_step(self.lines[within][-1])
            if do.kind == "handle and raise again":
                raise

    def begin(self, within: str, *, step: bool = False) -> str:
        name = self.name()
        self.lines[within].append(name)
        self.steps[within] += step
        self.enter(name)
        return name

    def enter(self, name: str) -> None:
        self.lines[name], self.steps[name], self.ended_well[name] = [], 0, set()

    def shown(self, within: str) -> list[str]:
        """The names on the lines of a whole trace, top down."""
        failed = [name for name in self.lines[within] if self.lines[name] and name not in self.ended_well[within]]
        found = []
        for name in self.lines[within]:
            found += [name, *(self.shown(name) if name in failed else [])]
        return found


@settings(max_examples=300, deadline=None)
@given(programs)
def test_everything_is_shown_or_counted_and_the_marker_stands_where_the_error_occurred(program: tuple[Do, ...]) -> None:
    machine, error, context = Machine(), None, error_context("n0")
    machine.enter("n0")
    try:
        with context:
            machine.run(program, context, "n0")
    except BoomError as failed:
        error = failed
    shown = format_trace(context, limit=None)
    assert [found["name"] for found in LINE.finditer(shown)] == machine.shown("n0")
    assert shown.count(MARKER) == (error is not None)
    if error is None:
        return
    assert machine.expected is not None
    marked = next(line for line in shown.splitlines() if line.endswith(MARKER))
    if machine.expected == "n0":
        assert marked == f"  (no step before it) {MARKER}"
    else:
        found = LINE.match(marked)
        assert found is not None
        assert found["name"] == machine.expected
    assert "\n".join(notes_of(error)).count(MARKER) == 1


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 60))
def test_of_a_long_trace_every_step_is_shown_or_counted(steps: int, limit: int) -> None:
    with error_context("answer") as context:
        for number in range(steps):
            context.add_step(f"n{number}")
    shown = format_trace(context, limit=limit)
    counted = sum(int(number.replace(",", "")) for number in re.findall(r"([\d,]+) more lines? not shown", shown))
    assert len(LINE.findall(shown)) + counted == steps
