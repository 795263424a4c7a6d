"""The leaves of a JSON value: each string, number, boolean and null with the path that leads to it.

Invariant: every value that holds no other has exactly one leaf, in the order of the value; an empty list or object has
none, for there is nothing in it to lose.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Scalar: TypeAlias = "str | int | float | bool | None"

_NAME = re.compile(r"[^\W\d][\w-]*")


class Found(NamedTuple):
    """A leaf: its path, such as ``claims[2].text``, the name that it goes by there, and its value."""

    path: str
    name: str
    value: Scalar


def leaves(value: Any) -> Iterator[Found]:
    """The leaves of a JSON value; the path of a value that is one itself is empty.

    Example:
        >>> [leaf.path for leaf in leaves({"claims": [{"text": "A pump", "a b": 1}], "n": None})]
        ['claims[0].text', 'claims[0]["a b"]', 'n']
    """
    waiting: list[tuple[str, str, Any]] = [("", "", value)]
    while waiting:
        path, name, item = waiting.pop()
        if isinstance(item, dict):
            waiting += [(_under(path, str(key)), str(key), below) for key, below in item.items()][::-1]
        elif isinstance(item, (list, tuple)):
            waiting += [(f"{path}[{index}]", "", below) for index, below in enumerate(item)][::-1]
        else:
            yield Found(path, name, item if item is None or isinstance(item, (str, int, float)) else str(item))


def _under(path: str, key: str) -> str:
    if _NAME.fullmatch(key):
        return f"{path}.{key}" if path else key
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'{path}["{quoted}"]'
