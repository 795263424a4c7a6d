from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanglass.timeline import MARKER, VALUE_LIMIT, Elided, Line, render, render_rows, shorten, visible

MS = 10**6


def test_a_trace_is_a_heading_and_aligned_columns() -> None:
    rows = [
        Line("generate_thought", 0, 1250 * MS, (("prompt", '"Which train?"'),)),
        Line("parse", 1251 * MS, None, (("action", '"search"'), ("tries", "2"))),
        Line("execute_tool", 1252 * MS, 12 * MS, (("error", "KeyError: 'x'"),), ("llm call chat m: …",), marked=True),
        Line("cleanup", 1300 * MS),
    ]
    heading = (("operation", "answer"), ("correlation id", "c-1"), ("breadcrumbs", "one"), ("", "two"))
    assert render("Execution trace", heading, rows, failed=True).splitlines() == [
        "Execution trace",
        "  operation:      answer",
        "  correlation id: c-1",
        "  breadcrumbs:    one",
        "                  two",
        '[   0ms] generate_thought | duration: 1250ms | prompt: "Which train?"',
        '[1251ms] parse            |                  | action: "search" | tries: 2',
        f"[1252ms] execute_tool     | duration:   12ms | error: KeyError: 'x' {MARKER}",
        "           llm call chat m: …",
        "[1300ms] cleanup",
    ]


def test_what_is_nested_is_indented_below_its_name() -> None:
    rows = [Line("outer", 0), Line("inner", MS, 2 * MS, (), ("a call",), depth=1), Line("after", 10_000 * MS)]
    assert render_rows(rows) == [
        "[    0ms] outer",
        "[    1ms]   inner | duration: 2ms",
        "              a call",
        "[10000ms] after",
    ]


@pytest.mark.parametrize(
    ("failed", "said"), [(True, f"  (no step before it) {MARKER}"), (False, "  (no steps)")], ids=["failed", "well"]
)
def test_a_trace_without_steps_says_so(failed: bool, said: str) -> None:  # noqa: FBT001 - a parameter of the test
    assert render("Execution trace", (), [], failed=failed).splitlines() == ["Execution trace", said]


def test_a_long_trace_keeps_its_beginning_its_end_and_the_marked_line() -> None:
    rows = [Line(f"step {number}", number * MS, marked=number == 50) for number in range(1000)]
    shown = render_rows(rows, limit=9)
    assert [re.sub(r"\[ *(\d+)ms\] ", "", line).strip() for line in shown] == [
        "step 0",
        "step 1",
        "step 2",
        "…    47 more lines not shown",
        f"step 50 {MARKER}",
        "…    943 more lines not shown",
        *[f"step {number}" for number in range(994, 1000)],
    ]


def test_what_is_elided_already_is_counted_with_what_is_elided_now() -> None:
    rows: list[Line | Elided] = [Line("a", 0), Line("b", 0), Elided(10), *[Line("c", 0)] * 4]
    assert "14 more lines" in "\n".join(render_rows(rows, limit=2))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("short", "short"),
        ('"' + "x" * 300 + '"', '"' + "x" * (VALUE_LIMIT - 1) + f'… {302 - VALUE_LIMIT} more characters"'),
        ("[" + "1," * 300 + "1]", "[" + ("1," * 300)[: VALUE_LIMIT - 1] + f"… {603 - VALUE_LIMIT} more characters"),
    ],
)
def test_a_long_value_is_cut_and_says_how_much_is_left_out(text: str, shown: str) -> None:
    assert shorten(text) == shown


@pytest.mark.parametrize("text", ["\x1b[2J", "\x9b1m", "a\nb", "\u202e", "\ud800", "\x00", "\u2028", "\xa0"])
def test_no_character_of_others_moves_a_cursor_or_begins_a_line(text: str) -> None:
    lines = render_rows([Line(text, 0, None, ((text, text),), (text,))])
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


@settings(deadline=None)
@given(st.text())
def test_what_is_made_visible_is_printable_and_printable_text_stays(text: str) -> None:
    assert visible(text).isprintable()
    assert visible(visible(text)) == visible(text)


rows_of_any_kind = st.lists(
    st.one_of(
        st.builds(
            Line,
            name=st.text(),
            at_ns=st.integers(0, 10**15),
            duration_ns=st.none() | st.integers(0, 10**15),
            facts=st.lists(st.tuples(st.text(), st.text())).map(tuple),
            below=st.lists(st.text(), max_size=2).map(tuple),
            depth=st.integers(0, 5),
        ),
        st.builds(Elided, st.integers(1, 1000)),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(rows_of_any_kind, st.integers(0, 40), st.data())
def test_every_line_is_shown_or_counted_and_the_marker_stands_once(
    rows: list[Line | Elided], limit: int, data: st.DataObject
) -> None:
    lines = [index for index, row in enumerate(rows) if isinstance(row, Line)]
    if lines:
        marked = data.draw(st.sampled_from(lines))
        row = rows[marked]
        assert isinstance(row, Line)
        rows[marked] = Line("marked", row.at_ns, row.duration_ns, (), (), row.depth, marked=True)
    text = render("title", (("name", "value"),), rows, limit=limit, failed=True)
    shown = sum(bool(re.match(r"\[ *\d+ms\]", line)) for line in text.splitlines())
    counted = sum(
        int(number.replace(",", "")) for number in re.findall(r"^ +…    ([\d,]+) more lines? not", text, re.MULTILINE)
    )
    assert shown + counted == sum(row.count if isinstance(row, Elided) else 1 for row in rows)
    assert [line for line in text.splitlines() if line.endswith(MARKER)] == [
        line for line in text.splitlines() if MARKER in line
    ]
    assert text.count(MARKER) == 1
    if lines:
        assert re.search(rf"^\[ *\d+ms\] +marked *( \| .*)? {re.escape(MARKER)}$", text, re.MULTILINE)
