"""What was changed inside a text: first by lines, then by words in the lines that changed.

Invariant: the edits that are not ``added`` make the text before, and those that are not ``removed`` the text after.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_WORD = re.compile(r"(?:\w+|[^\w\s])\s*|\s+")
#: Of lines with less in common than this share it is plainer to see both whole.
_ALIKE = 0.3
#: Comparing takes up to the product of both lengths: beyond this, what lies between the same beginning and the same end
#: is shown as replaced whole.
_COMPARABLE = 4_000_000


@dataclass(frozen=True, slots=True)
class Edit:
    """A stretch of a text that stayed the ``same``, was ``removed`` or was ``added``."""

    kind: Literal["same", "removed", "added"]
    text: str

    def to_dict(self) -> dict[str, str]:
        """The JSON form."""
        return {"kind": self.kind, "text": self.text}


def edits(before: str, after: str) -> tuple[Edit, ...]:
    """How one text becomes another; neighbours of one kind are one edit.

    Example:
        >>> [(edit.kind, edit.text) for edit in edits("Say it in German.", "Say it in French.")]
        [('same', 'Say it in '), ('removed', 'German'), ('added', 'French'), ('same', '.')]
    """
    found = _compared(_LINE.findall(before), _LINE.findall(after), _by_words)
    return _joined(_spaced(_joined(found)))


def _joined(found: Iterable[Edit]) -> tuple[Edit, ...]:
    grouped = groupby((edit for edit in found if edit.text), key=lambda edit: edit.kind)
    return tuple(Edit(kind, "".join(edit.text for edit in same)) for kind, same in grouped)


def _spaced(found: Sequence[Edit]) -> Iterator[Edit]:
    """White space at the end both of what went and of what came in its place is the same, and comes after them."""
    space = ""
    for edit, following in zip_longest(found, found[1:]):
        if edit.kind == "removed" and following is not None and following.kind == "added":
            space = _space(edit.text, following.text)
        text = edit.text.removesuffix(space)
        if edit.kind == "same":
            yield edit
            continue
        yield Edit(edit.kind, text)
        if edit.kind == "added":
            yield Edit("same", space)
            space = ""


def _space(before: str, after: str) -> str:
    """The white space that two texts end with."""
    spaces = sorted((text[len(text.rstrip()) :] for text in (before, after)), key=len)
    return spaces[0] if spaces[1].endswith(spaces[0]) else ""


def _by_words(before: Sequence[str], after: Sequence[str]) -> Iterator[Edit]:
    """Lines that took the place of others, word by word if they are alike."""
    old, new = "".join(before), "".join(after)
    found = list(_compared(_WORD.findall(old), _WORD.findall(new), _replaced))
    same = sum(len(edit.text) for edit in found if edit.kind == "same")
    yield from found if same >= _ALIKE * max(len(old), len(new)) else _replaced([old], [new])


def _replaced(before: Sequence[str], after: Sequence[str]) -> Iterator[Edit]:
    yield Edit("removed", "".join(before))
    yield Edit("added", "".join(after))


def _compared(
    before: Sequence[str], after: Sequence[str], replaced: Callable[[Sequence[str], Sequence[str]], Iterator[Edit]]
) -> Iterator[Edit]:
    start = common(before, after)
    end = common(before[start:][::-1], after[start:][::-1])
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    yield Edit("same", "".join(before[:start]))
    if len(old) * len(new) > _COMPARABLE:
        yield from _replaced(old, new)
    else:
        for kind, left, right, low, high in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if kind == "equal":
                yield Edit("same", "".join(old[left:right]))
            else:
                change = replaced if kind == "replace" else _replaced
                yield from change(old[left:right], new[low:high])
    yield Edit("same", "".join(before[len(before) - end :]))


def common(before: Sequence[object], after: Sequence[object]) -> int:
    """How many items two sequences have in common at their beginning."""
    pairs = zip(before, after, strict=False)
    return next((at for at, (old, new) in enumerate(pairs) if old != new), min(len(before), len(after)))
