"""The vocabulary: frozen dataclasses that every room speaks, with no behaviour beyond their shape."""

from __future__ import annotations

from typing import Any, TypeAlias

#: A JSON object. `Any` inside, because type checkers and codecs differ on recursive types.
JsonObject: TypeAlias = "dict[str, Any]"
