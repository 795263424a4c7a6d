"""Lines for a terminal, and the same lines plain for a pipe.

Invariant: in a pipe, with ``NO_COLOR`` and on a terminal that has no colours, nothing but text is written: no escape
sequences, no box art. In a pipe lines are not wrapped either, so that ``grep`` finds what it looks for. Text handed to
this module is data of others until `plain` made it harmless, which happens here and nowhere else.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from spanglass.read.plain import plain, plain_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

#: A stretch of a line: text, or text and its style in rich's words.
Span: TypeAlias = "str | tuple[str, str]"

MIN_WIDTH = 20
#: How far a column shrinks before another is left out, and after that.
LEAST_SHRUNK, MIN_SHRUNK = 24, 8


class Column(NamedTuple):
    """A column of a table.

    Args:
        title: its heading.
        rank: who goes first when the terminal is narrow: the highest does; 0 stays.
        right: whether it is aligned to the right.
        style: of cells that have none of their own.
        shrinks: whether its cells are cut, with an ellipsis, rather than a column left out.
    """

    title: str
    rank: int = 0
    right: bool = False
    style: str = ""
    shrinks: bool = False


class Terminal:
    """Where a page is written.

    Args:
        stream: a text stream; whether it is a terminal decides about colour and wrapping.

    Attributes:
        width: columns of the terminal, or None in a pipe (``COLUMNS`` can say otherwise).
        coloured: whether styles are shown; where they are not, words must say what a colour would.
    """

    def __init__(self, stream: TextIO) -> None:
        no_colour = bool(os.environ.get("NO_COLOR"))
        self._console = _PipeHonestConsole(
            file=stream,
            color_system=None if no_colour else "auto",
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
            # A COLUMNS that is no width, such as 0, is none here either.
            _environ={name: value for name, value in os.environ.items() if name != "COLUMNS" or _columns()},
        )
        self.coloured = self._console.color_system is not None
        self.width = self._console.width if self._console.is_terminal or _columns() else None
        if self.width is not None:
            self.width = max(MIN_WIDTH, _columns() or self.width)

    def line(self, *spans: Span, indent: int = 0) -> None:
        """One line of ours, wrapped if it is too long; line breaks in it are shown, not obeyed."""
        text = Text()
        for span in spans:
            text.append(*_cell(span))
        self._write(text, indent)

    def text(self, text: str, style: str = "", *, indent: int = 0) -> None:
        """A text of many lines, each wrapped and indented."""
        for line in plain(text).split("\n"):
            self._write(Text(line, style), indent)

    def gap(self) -> None:
        """An empty line."""
        self._write(Text(), 0)

    def ends(self, left: Sequence[Span], right: Span) -> None:
        """One line with something at its right end: at the terminal's edge, or two spaces on in a pipe.

        Where both do not fit on a line, the right part has one of its own.
        """
        words, style = _cell(right)
        used = sum(cell_len(_cell(span)[0]) for span in left)
        room = 2 if self.width is None else self.width - used - cell_len(words)
        if room > 1:
            self.line(*left, " " * room, (words, style))
            return
        self.line(*left)
        self.line((words, style), indent=4)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[Span]], *, indent: int = 0) -> None:
        """Aligned columns without rules; in a narrow terminal some shrink, and those of the highest rank go."""
        cells = [[_cell(item) for item in row] for row in rows]
        widths = {
            index: max(cell_len(words) for words in (column.title, *(row[index][0] for row in cells)))
            for index, column in enumerate(columns)
        }
        widths = self._fitting(columns, widths, indent)
        self._row(columns, [(column.title, "dim") for column in columns], widths, indent)
        for row in cells:
            self._row(columns, row, widths, indent)

    def _row(
        self, columns: Sequence[Column], row: Sequence[tuple[str, str]], widths: dict[int, int], indent: int
    ) -> None:
        text, last = Text(), max(widths)
        for index, width in widths.items():
            words, style = row[index]
            words = fit(words, width)
            pad = " " * (width - cell_len(words))
            text.append(pad if columns[index].right else "")
            text.append(words, style or columns[index].style)
            text.append("" if index == last else "  " if columns[index].right else f"{pad}  ")
        self._write(text, indent)

    def _fitting(self, columns: Sequence[Column], widths: dict[int, int], indent: int) -> dict[int, int]:
        """The widths of the columns that fit: first what shrinks does, then columns go, then it shrinks on."""
        if self.width is None:
            return widths
        shown = dict(widths)
        for least in (LEAST_SHRUNK, MIN_SHRUNK):
            while True:
                room = self.width - indent - 2 * (len(shown) - 1)
                fitted = _shrunk(columns, shown, room, least)
                goes = max(shown, key=lambda index: columns[index].rank)
                if sum(fitted.values()) <= room or columns[goes].rank == 0:
                    break
                del shown[goes]
            if sum(fitted.values()) <= room:
                break
        return fitted

    def _write(self, text: Text, indent: int) -> None:
        text.rstrip()
        margin = " " * indent
        if self.width is None:
            self._print(margin, text)
            return
        room = max(MIN_WIDTH // 2, self.width - indent)
        for part in text.wrap(self._console, room, overflow="fold") if text.plain else [text]:
            part.rstrip()
            self._print(margin, part)

    def _print(self, margin: str, text: Text) -> None:
        if self.coloured:
            self._console.print(Text(margin) + text if text.plain else text, soft_wrap=True)
        else:
            self._console.file.write(f"{margin}{text.plain}\n" if text.plain else "\n")


class _PipeHonestConsole(Console):
    """rich ends the process when its pipe is closed; the command's own exit code is for `spanglass.cli` to choose."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def fit(text: str, width: int) -> str:
    """``text`` cut to ``width`` terminal cells with an ellipsis, wide characters counted as two."""
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"


def _cell(item: Span) -> tuple[str, str]:
    words, style = (item, "") if isinstance(item, str) else item
    return plain_line(words), style


def _shrunk(columns: Sequence[Column], widths: dict[int, int], room: int, least: int) -> dict[int, int]:
    """The widths with those that shrink cut, to ``least`` at most, as far as the sum has to come down to ``room``."""
    fitted = dict(widths)
    for index, width in widths.items():
        if columns[index].shrinks:
            over = max(0, sum(fitted.values()) - room)
            fitted[index] = max(min(width, least), width - over)
    return fitted


def _columns() -> int | None:
    named = os.environ.get("COLUMNS", "")
    return int(named) if named.isdecimal() and int(named) > 0 else None
