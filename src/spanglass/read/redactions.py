"""Where a record was masked.

Invariant: a path leads to a masked value in the record's JSON, such as ``attempts[0].request_headers.authorization``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanglass.model.record import Record

#: How what stands in the place of a masked value begins: ``[REDACTED]``, or ``[REDACTED: …]`` with a reason.
REDACTED = "[REDACTED"

_BODIES = {"request_body": ("messages", "tools", "options"), "response_body": ("output",)}


def redacted_paths(record: Record) -> list[str]:
    """The paths of all masked values, in the order of the record; a body is named only where its reading is not."""
    value = record.to_dict()
    attempts = value.pop("attempts")
    found = list(_walk(value, ""))
    for index, attempt in enumerate(attempts):
        bodies = {name: attempt.pop(name) for name in _BODIES}
        found += _walk(attempt, f"attempts[{index}]")
        for name, readings in _BODIES.items():
            if REDACTED in (bodies[name] or "") and not any(path.startswith(readings) for path in found):
                found.append(f"attempts[{index}].{name}")
    return found


def _walk(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, f"{path}[{index}]")
    elif isinstance(value, str) and REDACTED in value:
        yield path
