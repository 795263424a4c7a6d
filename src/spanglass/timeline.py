r"""A step-by-step trace as text: a line for each thing that happened, with its offset from the start.

Invariant: every line that there is, is shown or counted; the marker stands once, whatever has to be left out around it;
and no character of others' data reaches a terminal that could move its cursor or begin a line of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MARKER = "<-- Error occurred after this"
#: Lines of one trace in a note; of a longer one the first third and the last two thirds are shown.
LIMIT = 40
#: Characters of one value, and how many values a line has.
VALUE_LIMIT, FACT_LIMIT = 160, 8
_NAME_LIMIT, _NAME_WIDTH = 80, 32
_MS = 1_000_000

#: What a line says beside its name: names and values, as text.
Facts: TypeAlias = "tuple[tuple[str, str], ...]"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened.

    Args:
        name: what it was.
        at_ns: when it began, in ns from the start.
        duration_ns: how long it took, or None for a point in time.
        facts: what else is known of it.
        below: further texts, each on a line of its own below it.
        depth: how deep it is nested.
        marked: the error occurred after this.
    """

    name: str
    at_ns: int
    duration_ns: int | None = None
    facts: Facts = ()
    below: tuple[str, ...] = ()
    depth: int = 0
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Elided:
    """So many lines that are not shown."""

    count: int


Row: TypeAlias = "Line | Elided"


def render(title: str, heading: Facts, rows: Sequence[Row], *, limit: int | None = LIMIT, failed: bool = False) -> str:
    """The trace as a text of many lines.

    Args:
        title: the first line.
        heading: names and values above the lines; a value without a name goes on the one above.
        rows: what happened, in order.
        limit: how many rows are shown at most; None shows all.
        failed: the error occurred although nothing is marked, because nothing had happened before.
    """
    labels = [f"{name}:" if name else "" for name, _ in heading]
    label = max(map(len, labels), default=0)
    values = [visible(value) for _, value in heading]
    text = [title, *(f"  {name:<{label}} {value}" for name, value in zip(labels, values, strict=True))]
    text += render_rows(rows, limit=limit)
    if failed and not any(isinstance(row, Line) and row.marked for row in rows):
        text.append(f"  (no step before it) {MARKER}")
    elif not rows:
        text.append("  (no steps)")
    return "\n".join(text)


def render_rows(rows: Sequence[Row], *, limit: int | None = LIMIT) -> list[str]:
    """The lines of a trace alone, as `render` writes them."""
    shown = list(rows) if limit is None else _within(rows, limit)
    layout = _Layout([row for row in shown if isinstance(row, Line)])
    return [text for row in shown for text in (layout.line(row) if isinstance(row, Line) else layout.elided(row.count))]


def shorten(text: str, limit: int = VALUE_LIMIT) -> str:
    """``text`` within about ``limit`` characters: its beginning, and how much more there is; quotes stay closed.

    Example:
        >>> shorten('"' + "a" * 1000 + '"', 12)
        '"aaaaaaaaaaa… 990 more characters"'
    """
    if len(text) <= limit:
        return text
    quote = '"' if text[0] == text[-1] == '"' else ""
    return f"{text[:limit]}… {len(text) - limit:,} more characters{quote}"


def visible(text: str) -> str:
    r"""``text`` on one line and harmless for a terminal: what is not printable is shown as Python escapes it.

    Example:
        >>> visible("one\ntwo\x1b[2J")
        'one\\ntwo\\x1b[2J'
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


class _Layout:
    """The columns that all lines of one trace share."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._offset = max((len(str(line.at_ns // _MS)) for line in lines), default=0)
        self._offset = max(self._offset, 4)
        names = [len(_name(line)) for line in lines]
        self._name = max((width for width in names if width <= _NAME_WIDTH), default=0)
        took = [len(_ms(line.duration_ns)) for line in lines if line.duration_ns is not None]
        self._duration = max(took, default=0)

    def line(self, line: Line) -> Iterator[str]:
        cells = [f"{visible(name)}: {visible(value)}" for name, value in line.facts]
        if line.duration_ns is not None:
            cells.insert(0, f"duration: {_ms(line.duration_ns):>{self._duration}}")
        elif self._duration and cells:
            cells.insert(0, " " * (self._duration + len("duration: ")))
        name = _name(line)
        text = " | ".join([f"{name:<{self._name}}" if cells else name, *cells])
        marker = f" {MARKER}" if line.marked else ""
        yield f"[{line.at_ns // _MS:>{self._offset}}ms] {text}{marker}"
        margin = " " * (self._offset + len("[ms]   ") + 2 * line.depth)
        for further in line.below:
            yield f"{margin}{visible(further)}"

    def elided(self, count: int) -> Iterator[str]:
        yield f" {'…':>{self._offset}}    {count:,} more {'line' if count == 1 else 'lines'} not shown"


def _name(line: Line) -> str:
    return "  " * line.depth + shorten(visible(line.name), _NAME_LIMIT)


def _ms(ns: int) -> str:
    return f"{round(ns / _MS)}ms"


def _within(rows: Sequence[Row], limit: int) -> list[Row]:
    """The first and the last rows, and the marked one wherever it is; between them how many are left out."""
    if len(rows) <= limit:
        return list(rows)
    head = limit // 3
    tail = len(rows) - (limit - head)
    shown: list[Row] = []
    left_out = 0
    for index, row in enumerate(rows):
        if isinstance(row, Elided):
            left_out += row.count
        elif index < head or index >= tail or row.marked:
            shown += [Elided(left_out), row] if left_out else [row]
            left_out = 0
        else:
            left_out += 1
    return [*shown, Elided(left_out)] if left_out else shown
