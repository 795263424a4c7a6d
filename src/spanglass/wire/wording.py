"""Any Python value as JSON text: what a program hands on, or gives to a model that no wire leads to.

Invariant: it never raises and leaves nothing out. What JSON has a form for is written so (dataclasses, models of
pydantic and attrs by their fields, tuples and sets as lists, dates as ISO 8601); what it has none for is put into words
that a person understands: ``"<Socket: fd=3>"``, ``"NaN"``, ``"<the same list again>"``.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable

_ATOMS = frozenset({str, int, bool, type(None)})
_DEEPEST = 100
#: Bits of an integer that Python still writes in decimal.
_LONGEST = 8_192
#: The first that fits decides: an enumeration's members may be texts or numbers, too.
_SCALARS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Enum, lambda member: member.value),
    (str, str.__str__),
    (int, int),
    (float, float),
    ((datetime, date, time), lambda when: when.isoformat()),
    ((UUID, PurePath, Decimal), str),
    ((bytes, bytearray, memoryview), lambda data: _text_of_bytes(bytes(data))),
)


def to_json(value: Any) -> bytes:
    """A value as compact JSON text in UTF-8.

    Example:
        >>> to_json({"claims": (1, 2), "by": PurePath("a/b"), "score": float("nan")})
        b'{"claims":[1,2],"by":"a/b","score":"NaN"}'
    """
    return json.dumps(to_plain(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def to_plain(value: Any) -> Any:
    """A value in the types that JSON has."""
    return _plain(value, ())


def _plain(value: Any, around: tuple[int, ...]) -> Any:
    kind = type(value)
    if kind in _ATOMS:
        return value if kind is not int or value.bit_length() <= _LONGEST else hex(value)
    if kind is float:
        return value if math.isfinite(value) else str(value).replace("nan", "NaN")
    if id(value) in around:
        return f"<the same {kind.__name__} again>"
    if len(around) >= _DEEPEST:
        return _words(value)
    try:
        return _composed(value, (*around, id(value)))
    except Exception:  # noqa: BLE001 - the value's own code; words are what is left
        return _words(value)


def _composed(value: Any, around: tuple[int, ...]) -> Any:
    scalar = _scalar(value)
    if scalar is not None:
        return _plain(scalar, around)
    named = value if isinstance(value, Mapping) else None if _is_list(value) else _fields(value)
    if named is not None:
        return _object(named, around)
    if callable(getattr(value, "tolist", None)):  # arrays and their scalars
        return _plain(value.tolist(), around)
    if not isinstance(value, Collection) or isinstance(value, range):
        return _words(value)
    items = [_plain(item, around) for item in value]
    return _in_order(items) if isinstance(value, AbstractSet) else items


def _is_list(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, tuple) and not hasattr(value, "_fields"))


def _object(value: Mapping[Any, Any], around: tuple[int, ...]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for key, item in value.items():
        name = key if type(key) is str else _name(key)
        while name in named:  # 1 and "1" are two keys in Python
            name += "'"
        named[name] = _plain(item, around)
    return named


def _name(key: Any) -> str:
    plain = _plain(key, ())
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _scalar(value: Any) -> Any:
    """What JSON has one value for, or None."""
    return next((convert(value) for types, convert in _SCALARS if isinstance(value, types)), None)


def _text_of_bytes(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return f"data:application/octet-stream;base64,{base64.b64encode(data).decode('ascii')}"


def _fields(value: Any) -> Mapping[Any, Any] | None:
    """The fields of a structured value by their names, or None if it is none."""
    if isinstance(value, type):
        return None
    for method in ("model_dump", "_asdict", "to_dict"):
        dump = getattr(value, method, None)
        if callable(dump):
            dumped = dump()
            return dumped if isinstance(dumped, Mapping) else None
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    described = getattr(type(value), "__attrs_attrs__", None)
    return None if described is None else {each.name: getattr(value, each.name) for each in described}


def _in_order(items: list[Any]) -> list[Any]:
    """The items of a set, in the same order each time where they have one."""
    return sorted(items) if len({type(item) for item in items} & {str, int, float}) == 1 else items


def _words(value: Any) -> str:
    try:
        words = repr(value)
    except Exception as fault:  # noqa: BLE001 - the value's own code
        return f"<{type(value).__qualname__} that has no repr: {type(fault).__name__}>"
    return words if words.startswith("<") else f"<{type(value).__qualname__}: {words}>"
