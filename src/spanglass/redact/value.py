"""Masks Python values: what JSON can hold, as a span's attributes and a trace's steps have it.

Invariant: a value in which nothing was masked is given back as the very same object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spanglass.redact.finding import REDACTED, is_masked
from spanglass.redact.key import flat
from spanglass.redact.keyed import is_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanglass.redact.key import Keys

_LOGPROBS = frozenset(("logprob", "rawlogprob", "logprobability"))


class ValueMasker:
    """Masks values under their names.

    Args:
        keys: the judge of names.
        mask_text: masks a text; gives it and how many values were masked.
    """

    def __init__(self, keys: Keys, mask_text: Callable[[str], tuple[str, int]]) -> None:
        self._keys = keys
        self._mask_text = mask_text

    def mask(self, key: str, value: Any) -> tuple[Any, int]:
        """A value masked, and how many values in it were."""
        scope = self._keys.scope(key)
        if scope and self._is_credential(value, scope):
            return REDACTED, 1
        if isinstance(value, str):
            return self._mask_text(value)
        if isinstance(value, (bytes, bytearray)):
            masked, count = self._mask_text(value.decode("utf-8", "surrogateescape"))
            return (masked.encode("utf-8", "surrogateescape"), count) if count else (value, 0)
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, Sequence):
            return self._sequence(key, value)
        return value, 0

    def _is_credential(self, value: Any, scope: str) -> bool:
        if value is None or isinstance(value, bool) or (hasattr(value, "__len__") and not len(value)):
            return False
        if isinstance(value, (str, bytes)):
            text = value.encode("utf-8", "replace") if isinstance(value, str) else value
            return scope != "container" and not is_masked(text)
        if isinstance(value, Mapping):
            return scope != "text" and not is_schema(value)
        return scope == "any" or (scope == "container" and isinstance(value, Sequence))

    def _mapping(self, mapping: Mapping[Any, Any]) -> tuple[Any, int]:
        masked: dict[Any, Any] = {}
        total = 0
        logprobs = any(flat(str(key)) in _LOGPROBS for key in mapping)
        for key, value in mapping.items():
            name, in_name = self._mask_text(key) if isinstance(key, str) else (key, 0)
            under = "" if logprobs and key == "token" else str(key)
            masked[name], count = self.mask(under, value)
            total += in_name + count
        return (masked, total) if total else (mapping, 0)

    def _sequence(self, key: str, items: Sequence[Any]) -> tuple[Any, int]:
        masked: list[Any] = []
        total = 0
        flag = ""
        for item in items:
            # The arguments of a command: `--api-key` names what comes after it.
            value, count = self.mask(flag or ("" if self._keys.scope(key) == "text" else key), item)
            flag = item if isinstance(item, str) and item.startswith("--") else ""
            masked.append(value)
            total += count
        if not total:
            return items, 0
        return (tuple(masked) if isinstance(items, tuple) else masked), total
