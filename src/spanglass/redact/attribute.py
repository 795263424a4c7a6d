"""Masks the attributes of spans, events and links.

Invariant: attributes in which nothing is to be masked come back as the very same object, after one pass over all their
texts together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spanglass.redact.redactor import Redactor

_NAMES_KEPT = 4096

#: Values that hold no text; told by their exact type, because this runs over every attribute of every span.
_PLAIN = frozenset({bool, int, float, type(None)})


class AttributeMasker:
    """Masks attributes by the rules of a redactor.

    Args:
        redactor: what masks.

    Example:
        >>> from spanglass.redact import Redactor
        >>> AttributeMasker(Redactor()).mask_all([{"api_key": "hunter2"}, {"llm": "m"}])
        [{'api_key': '[REDACTED]'}, {'llm': 'm'}]
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._clean_names: set[str] = set()

    def is_clean(self, several: Iterable[Mapping[str, Any]], texts: Iterable[str] = ()) -> bool:
        """Whether nothing is to be masked in any of these attributes, nor in the texts beside them."""
        names: list[str] = []
        everything = list(texts)
        for attributes in several:
            self._gather(attributes, names, everything)
        if not self._redactor.is_clean(names, everything):
            return False
        if len(self._clean_names) < _NAMES_KEPT:
            self._clean_names.update(names)
        return True

    def mask(self, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
        """The attributes masked; the very same object if nothing was."""
        masked, count = self._redactor.value("", dict(attributes))
        if not count:
            return attributes
        return masked if isinstance(masked, Mapping) else {"spanglass.redacted": str(masked)}

    def mask_all(self, several: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """Several attributes masked, in one pass where nothing is to be masked."""
        return several if self.is_clean(several) else [self.mask(attributes) for attributes in several]

    def _gather(self, attributes: Mapping[str, Any], names: list[str], texts: list[str]) -> None:
        """Collects the strings of attributes, for one pass over all; names that were clean before are left out."""
        clean = self._clean_names
        for name, value in attributes.items():
            if name not in clean:
                names.append(name)
                texts.append(name)
            kind = type(value)
            if kind is str:
                texts.append(value)
            elif kind in _PLAIN:
                continue
            elif isinstance(value, str):
                texts.append(value)
            elif isinstance(value, (tuple, list)):
                self._gather_items(value, names, texts)
            elif isinstance(value, Mapping):
                self._gather(value, names, texts)
            elif isinstance(value, bytes):
                texts.append(value.decode("utf-8", "replace"))

    def _gather_items(self, items: Sequence[Any], names: list[str], texts: list[str]) -> None:
        for item in items:
            if isinstance(item, str):
                texts.append(item)
                if item.startswith("-"):  # an option of a command, whose value comes next
                    names.append(item)
            elif item is not None and not isinstance(item, (bool, int, float)):
                self._gather({"": item}, names, texts)
