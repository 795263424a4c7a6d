"""Writes a file of JSON lines that readers can load which infer all types from its beginning.

Invariant: the file is put in place whole, or not at all. A row that has a kind of value which no row before it has is
among the first, so that the first megabytes show every kind there is; otherwise rows keep their order.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Less than what Hugging Face's datasets infers types from, which is 10 MiB.
_FIRST_BYTES = 8 << 20


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Writes rows, each a JSON object on one line.

    Args:
        path: the file; one that is there is replaced once the new one is whole.
        lines: the rows, without line ends.

    Raises:
        OSError: it cannot be written.
    """
    with tempfile.NamedTemporaryFile(prefix=f".{path.name}.", dir=path.parent, delete=False) as first:
        unfinished = Path(first.name)
        try:
            with tempfile.TemporaryFile(dir=path.parent) as rest:
                known: set[str] = set()
                for line in lines:
                    data = line.encode() + b"\n"
                    fresh = set() if first.tell() > _FIRST_BYTES else set(kinds(msgspec.json.decode(data))) - known
                    known |= fresh
                    (first if fresh else rest).write(data)
                rest.seek(0)
                shutil.copyfileobj(rest, first)
        except BaseException:
            unfinished.unlink()
            raise
    unfinished.replace(path)


def kinds(value: Any, place: str = "") -> Iterator[str]:
    """What there is in a JSON value: each place in it with the type of what is there.

    Example:
        >>> sorted(kinds({"a": [1, "x"], "b": {}}))
        ['.a[]:int', '.a[]:str', '.b:dict']
    """
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from kinds(item, f"{place}.{key}")
    elif isinstance(value, list) and value:
        for item in value:
            yield from kinds(item, f"{place}[]")
    else:
        yield f"{place}:{type(value).__name__}"
