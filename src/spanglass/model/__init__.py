"""The vocabulary: frozen dataclasses that every room speaks, with no behaviour beyond their shape."""

from __future__ import annotations

from typing import Any, TypeAlias

#: Any JSON value. `Any` inside containers, because type checkers and codecs differ on recursive types.
Json: TypeAlias = "dict[str, Any] | list[Any] | str | int | float | bool | None"
JsonObject: TypeAlias = "dict[str, Any]"
#: HTTP headers in their order, names as sent, repeated names kept.
Headers: TypeAlias = "list[tuple[str, str]]"
