"""What changed between two context windows, as a page for a person.

Invariant: every change is on the page. What stayed the same is named, or folded to what stands around a change; where
there is no colour, ``[-removed-]`` and ``{+added+}`` say what a colour would.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from spanglass.read.edit import edits
from spanglass.read.figures import counted
from spanglass.read.render import ROLE_STYLES, Page
from spanglass.read.window import compact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spanglass.read.diff import Diff, MessageRow, ValueChange
    from spanglass.read.edit import Edit
    from spanglass.read.terminal import Span, Terminal

_SIGNS = {
    "same": ("=", "dim"),
    "changed": ("~", "bold yellow"),
    "added": ("+", "bold green"),
    "removed": ("-", "bold red"),
}
_STYLES = {"added": "green", "removed": "red"}
_MARKS = {"added": ("{+", "+}"), "removed": ("[-", "-]")}
#: So many characters of what stayed the same are shown around a change.
_AROUND = 80
# A word of which only a part would be shown.
_PART, _PART_BEFORE = re.compile(r"\s+\S*\Z"), re.compile(r"\A\S*\s+")


def render_diff(diff: Diff, terminal: Terminal, *, full: bool = False) -> None:
    """Writes the page.

    Args:
        diff: what changed.
        terminal: where it is written.
        full: long texts whole, what stayed the same too.
    """
    page = Page(terminal, full)
    terminal.line(("from ", "dim"), diff.before.partition("/")[2], ("  to ", "dim"), diff.after.partition("/")[2])
    if diff.same:
        terminal.line((f"the same: {counted(diff.common, 'message')}, tools and options", "green"))
        return
    _messages(page, diff)
    if diff.options:
        page.title("OPTIONS")
        _values(page, diff.options)
    if diff.tools or diff.tools_moved:
        page.title("TOOLS", "the same, in another order" if diff.tools_moved else "")
        _values(page, diff.tools)


def _messages(page: Page, diff: Diff) -> None:
    rows = [row for row in diff.rows if row.kind != "same"]
    counts = [f"{sum(row.kind == kind for row in rows)} {kind}" for kind in ("added", "changed", "removed")]
    told = ", ".join(count for count in counts if not count.startswith("0 "))
    firsts = {0: "not even the first is the same", 1: "the first is the same"}
    begins = firsts.get(diff.common, f"the first {diff.common:,} are the same")
    page.title("MESSAGES", f"{begins}; {told or 'so are all others'}")
    for row in diff.rows:
        _row(page, row)


def _row(page: Page, row: MessageRow) -> None:
    sign, style = _SIGNS[row.kind]
    number = row.before if row.after is None else row.after
    was = f", was {row.before}" if row.after is not None and row.before not in (None, row.after) else ""
    others = [name for name in row.fields if name not in ("content", "tool_calls", "reasoning_content")]
    label: list[Span] = [(f"{sign} {number:>2}  ", style), (row.role, ROLE_STYLES.get(row.role, "bold"))]
    page.terminal.line(*label, (f"{was}{'  ' if others else ''}{', '.join(others)}", "dim"))
    if row.kind == "changed":
        write_edits(page, row.edits, indent=6)
    elif row.kind != "same" or page.full:
        for edit in row.edits:
            page.body(edit.text, _STYLES.get(row.kind, "dim"), indent=6)


def write_edits(page: Page, changes: Sequence[Edit], *, indent: int) -> None:
    """Writes how a text became another, line by line."""
    line: list[Span] = []
    for text, style in _spans(page, changes):
        first, *others = text.expandtabs(4).split("\n")
        line.append((first, style))
        for other in others:
            page.terminal.line(*line, indent=indent)
            line = [(other, style)]
    page.terminal.line(*line, indent=indent)


def _spans(page: Page, changes: Sequence[Edit]) -> Iterator[tuple[str, str]]:
    for number, edit in enumerate(changes):
        if edit.kind == "same":
            yield _folded(edit.text, first=number == 0, last=number == len(changes) - 1, full=page.full), ""
        else:
            before, after = ("", "") if page.terminal.coloured else _MARKS[edit.kind]
            yield f"{before}{edit.text}{after}", _STYLES[edit.kind]


def _folded(text: str, *, first: bool, last: bool, full: bool) -> str:
    """What stayed the same, down to what stands next to a change."""
    head, tail = "" if first else text[:_AROUND], "" if last else text[-_AROUND:]
    if full or len(text) <= len(head) + len(tail) + _AROUND // 4:
        return text
    head, tail = _PART.sub("", head), _PART_BEFORE.sub("", tail)
    return f"{head} … {tail}" if head and tail else f"{head} …" if head else f"… {tail}"


def _values(page: Page, changes: Sequence[ValueChange]) -> None:
    for change in changes:
        sign, style = _SIGNS[change.kind]
        old = None if change.kind == "added" else _text(change.before)
        new = None if change.kind == "removed" else _text(change.after)
        told = " -> ".join(text for text in (old, new) if text is not None)
        if len(told) <= _AROUND and "\n" not in told:
            page.terminal.line((f"{sign} ", style), (change.name, "bold"), f"  {told}", indent=2)
            continue
        page.terminal.line((f"{sign} ", style), (change.name, "bold"), indent=2)
        write_edits(page, edits(old or "", new or ""), indent=6)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else compact(value)
