"""What changed from another call's context window to this one's, as a page shows it.

Invariant: what is the same is shortened and says by how much; what is not the same is never shortened, only folded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from spanglass.read.diff import diff
from spanglass.read.figures import number
from spanglass.server.viewer.message import tone
from spanglass.server.viewer.text import Folded, Room, laid_out, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from spanglass.model.record import Record
    from spanglass.read.diff import Edit, MessageRow, ValueChange

#: Of what stayed the same, so many characters are shown on each side of a change.
_CONTEXT = 240


class Stretch(NamedTuple):
    """A piece of a text: ``same``, ``added`` or ``removed``; or ``skipped``, of which only the length is shown."""

    kind: str
    text: Markup


class RowView(NamedTuple):
    """One message of either window; of one that changed its stretches, of any other its text."""

    kind: str
    role: str
    tone: str
    before: int | None
    after: int | None
    stretches: tuple[Stretch, ...]
    text: Folded | None
    fields: str


class ChangeView(NamedTuple):
    """An option or a tool that is not the same."""

    name: str
    kind: str
    before: Folded | None
    after: Folded | None


class DiffView(NamedTuple):
    """All of it; ``common`` is how many messages both windows begin with."""

    same: bool
    common: int
    rows: tuple[RowView, ...]
    options: tuple[ChangeView, ...]
    tools: tuple[ChangeView, ...]
    tools_moved: bool


def diff_view(before: Record, after: Record) -> DiffView:
    """How the window of one call became that of another."""
    room = Room()
    found = diff(before, after)
    return DiffView(
        found.same,
        found.common,
        tuple(_row(row, room) for row in found.rows),
        tuple(_changes(found.options, room)),
        tuple(_changes(found.tools, room)),
        found.tools_moved,
    )


def _row(row: MessageRow, room: Room) -> RowView:
    changed = row.kind == "changed"
    text = None if changed else room.fold("".join(edit.text for edit in row.edits))
    fields = ", ".join(name for name in row.fields if name != "content")
    stretches = tuple(_stretches(row.edits)) if changed else ()
    return RowView(row.kind, row.role, tone(row.role), row.before, row.after, stretches, text, fields)


def _stretches(edits: Sequence[Edit]) -> Iterator[Stretch]:
    for index, (kind, text) in enumerate((edit.kind, edit.text) for edit in edits):
        if kind != "same" or len(text) <= 3 * _CONTEXT:
            yield Stretch(kind, shown(text))
            continue
        head = text[:_CONTEXT] if index > 0 else ""
        tail = text[-_CONTEXT:] if index < len(edits) - 1 else ""
        left = len(text) - len(head) - len(tail)
        yield Stretch("same", shown(head))
        yield Stretch("skipped", Markup("{} characters the same").format(number(left)))
        yield Stretch("same", shown(tail))


def _changes(changes: Iterable[ValueChange], room: Room) -> Iterator[ChangeView]:
    for change in changes:
        before = None if change.kind == "added" else room.fold(laid_out(change.before))
        after = None if change.kind == "removed" else room.fold(laid_out(change.after))
        yield ChangeView(change.name, change.kind, before, after)
