"""What was lost between steps, as a page for a person: what is missing first, what arrived last.

Invariant: every leaf is counted. Of many that were lost, that arrived or that are too short to tell, a page that is not
``full`` shows the first ones and says how many more there are.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from spanglass.read.arrival import is_mark
from spanglass.read.edit import edits
from spanglass.read.figures import counted
from spanglass.read.render import FAILURE, WARNING, Page
from spanglass.read.render_diff import write_edits
from spanglass.read.window import compact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.read.fate import Fate, Leaf
    from spanglass.read.origin import Origin
    from spanglass.read.terminal import Terminal
    from spanglass.read.transit import Transit

_TITLES: dict[Fate, tuple[str, str, str]] = {
    "missing": ("MISSING", FAILURE, "not in the prompt"),
    "cut": ("CUT", WARNING, "in the prompt in part"),
    "altered": ("ALTERED", WARNING, "in the prompt with other words"),
    "short": ("TOO SHORT TO TELL", "dim", "would be anywhere by chance"),
    "whole": ("WHOLE", "green", "in the prompt word for word"),
}
_NAMES = {"short": "too short to tell"}
#: How many paths of leaves that need no attention are named, and how many of those that do are shown.
_NAMED, _SHOWN = 12, 50
_EXCERPT = 160


def render_transit(transit: Transit, terminal: Terminal, *, full: bool = False) -> None:
    """Writes the page.

    Args:
        transit: what became of what the call was handed.
        terminal: where it is written.
        full: texts whole, and every path.
    """
    page = Page(terminal, full)
    place = "/".join(part for part in (transit.workflow_id, transit.step_name) if part)
    terminal.line((place or "a call", "bold"), ("  span ", "dim"), transit.ref.partition("/")[2])
    if not transit.leaves:
        _nothing(terminal, transit)
        return
    told = [f"{count:,} {_NAMES.get(fate, fate)}" for fate, count in transit.counts.items() if count]
    style = WARNING if transit.lost else "green"
    terminal.line((f"{counted(len(transit.leaves), 'value')} from upstream: {', '.join(told)}", style))
    for fate, (title, colour, meaning) in _TITLES.items():
        found = [leaf for leaf in transit.leaves if leaf.fate == fate]
        if found:
            terminal.gap()
            terminal.line((f"{title}  ", colour), f"{len(found):,}", (f"   {meaning}", "dim"))
            _named(page, found) if fate in ("short", "whole") else _lost(page, transit, found)


def _nothing(terminal: Terminal, transit: Transit) -> None:
    if not transit.texts:
        terminal.line(("the prompt of this call is not in its record, so nothing can be looked for in it", WARNING))
        return
    terminal.line(("no upstream context is recorded for this call", WARNING))
    terminal.line("name it where the step begins: spanglass.step(name, upstream=value)", indent=2)


def _named(page: Page, leaves: Sequence[Leaf]) -> None:
    shown = leaves if page.full else leaves[:_NAMED]
    page.terminal.line(", ".join(_path(leaf) for leaf in shown), indent=4)
    if len(shown) < len(leaves):
        page.terminal.line((f"… {len(leaves) - len(shown):,} more: --full", "dim"), indent=4)


def _lost(page: Page, transit: Transit, leaves: Sequence[Leaf]) -> None:
    shown = leaves if page.full else leaves[:_SHOWN]
    for leaf in shown:
        where = sorted({spot.message for spot in leaf.spots})
        places = ", ".join(f"{number} ({transit.texts[number][0]})" for number in where)
        arrived = f"  {(leaf.score or 0) * 100:.0f} % arrived, in message {places}" if places else ""
        page.terminal.line((_path(leaf), "bold"), (arrived, "dim"), indent=4)
        _text(page, transit, leaf)
    if len(shown) < len(leaves):
        page.terminal.line((f"… {len(leaves) - len(shown):,} more: --full", WARNING), indent=4)


def _text(page: Page, transit: Transit, leaf: Leaf) -> None:
    """What a leaf said, and beside it what the prompt says in its place."""
    value = leaf.value if isinstance(leaf.value, str) else compact(leaf.value)
    if leaf.fate == "missing":
        page.terminal.text(value if page.full else _excerpt(value), indent=6)
        return
    if leaf.fate == "altered":
        first, last = leaf.spots[0], leaf.spots[-1]
        if list(leaf.spots) == sorted(leaf.spots) and first.message == last.message:
            shown = transit.texts[first.message][1][first.start : last.end]
            write_edits(page, edits(value[leaf.kept[0][0] : leaf.kept[-1][1]], shown), indent=6)
        else:
            page.terminal.line(
                ("apart: ", WARNING), f"{len(leaf.spots)} pieces that are not next to each other", indent=6
            )
    for start, end in leaf.lost:
        instead, lost = _instead(transit, leaf, start), value[start:end].strip(" \t\r\n,;:.")
        if leaf.fate == "altered" and start > 0 and end < len(value):
            continue
        if any(character.isalnum() for character in lost):
            told = f"{lost} -> {instead}" if instead else lost if page.full else _excerpt(lost)
            page.terminal.line((f"{'changed' if instead else 'lost'}: ", WARNING), told, indent=6)


def _instead(transit: Transit, leaf: Leaf, lost: int) -> str:
    """The words that the prompt has where some of a leaf's are missing between two pieces; empty for none."""
    for (before, after), ((_, end), (start, _)) in zip(pairwise(leaf.spots), pairwise(leaf.kept), strict=True):
        if end <= lost <= start and before.message == after.message:
            text = transit.texts[before.message][1][before.end : after.start].strip()
            return text if any(character.isalnum() for character in text) and not is_mark(text) else ""
    return ""


def _path(leaf: Leaf) -> str:
    return leaf.path or "(the whole)"


def _excerpt(text: str) -> str:
    """A text on one line, its middle left out if it is long."""
    line = " ".join(text.split())
    if len(line) <= _EXCERPT:
        return line
    half = _EXCERPT // 2
    return f"{line[:half].rstrip()} … {line[-half:].lstrip()}  ({len(text):,} characters)"


def render_origins(origins: Sequence[Origin], terminal: Terminal) -> None:
    """Writes where a sentence came from, the likeliest first."""
    if not origins:
        terminal.line(("in no upstream value and no answer of an earlier call", WARNING))
        return
    for origin in origins:
        what = "upstream" if origin.kind == "upstream" else "answer of"
        step = (
            ""
            if origin.kind == "upstream"
            else f"{origin.step_name or 'a call'}, span {origin.ref.partition('/')[2]}  "
        )
        share = "all of it" if origin.score == 1 else f"{origin.score * 100:.0f} % of it"
        terminal.line((f"{what}  ", "dim"), step, (origin.path, "bold"), (f"  {share}, {origin.how}", "dim"))
        terminal.line(_excerpt(origin.text), indent=4)
