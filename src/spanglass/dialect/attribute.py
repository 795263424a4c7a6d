"""Attributes by name: the first that says something of a kind, lists spread over numbered names, JSON in strings.

Invariant: nothing here raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.model.record import Usage
from spanglass.wire.jsontext import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spanglass.model import JsonObject

_MOST_DIGITS = 6
#: More tokens than any call has, and fewer than a database's integers hold.
_MOST_TOKENS = 2**53


def first_text(attributes: JsonObject, *names: str) -> str | None:
    """What the first of these that is a text, and not an empty one, says."""
    return next((said for name in names if isinstance(said := attributes.get(name), str) and said), None)


def first_count(attributes: JsonObject, *names: str) -> int | None:
    """What the first of these that is a number of tokens says; some write it as a float."""
    for name in names:
        said = attributes.get(name)
        if isinstance(said, (int, float)) and not isinstance(said, bool) and 0 <= said <= _MOST_TOKENS:
            return int(said)
    return None


def usage_by(attributes: JsonObject, names: Mapping[str, tuple[str, ...]]) -> Usage:
    """The token counts, by the names that each may have."""
    return Usage(**{count: first_count(attributes, *several) for count, several in names.items()})


def texts(said: Any) -> tuple[str, ...]:
    """The texts of a list, or of a JSON text of one."""
    return tuple(item for item in json_list(said) if isinstance(item, str))


def json_value(said: Any) -> Any:
    """What a JSON text says; anything else as it is, a text that is no JSON as None."""
    if not isinstance(said, str):
        return said
    try:
        return parse_json(said.encode("utf-8", "replace"))
    except ValueError:
        return None


def json_list(said: Any) -> list[Any]:
    """The list that a value or its JSON text is, else an empty one."""
    value = json_value(said)
    return value if isinstance(value, list) else []


def json_mapping(said: Any) -> JsonObject:
    """The object that a value or its JSON text is, else an empty one."""
    value = json_value(said)
    return value if isinstance(value, dict) else {}


def numbered(attributes: JsonObject, prefix: str) -> list[JsonObject]:
    """The items of a list that is spread over names such as ``prefix.0.rest``, each by what follows its number.

    Example:
        >>> numbered({"m.1.role": "user", "m.0.role": "system", "m.0.a.b": 1}, "m")
        [{'role': 'system', 'a.b': 1}, {'role': 'user'}]
    """
    found: dict[int, JsonObject] = {}
    start = len(prefix) + 1
    for name, said in attributes.items():
        if name.startswith(prefix) and name[start - 1 : start] == ".":
            number, _, rest = name[start:].partition(".")
            if number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS:
                found.setdefault(int(number), {})[rest] = said
    return [found[number] for number in sorted(found)]


def below(attributes: JsonObject, prefix: str) -> JsonObject:
    """The attributes whose names begin with ``prefix``, by the rest of their names."""
    return {name[len(prefix) :]: said for name, said in attributes.items() if name.startswith(prefix)}
