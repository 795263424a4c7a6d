"""How a function is described to a model."""

from __future__ import annotations

from typing import Any, Literal, Optional

import pytest

from spanglass import Tool


class Opaque:
    """A type that no schema describes."""


def tool(  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0917 - one argument of each kind
    text: str,
    number: int,
    amount: float,
    sure: bool,  # noqa: FBT001 - what a model may give
    unit: Literal["C", "F"],
    names: list[str],
    either: int | str,
    maybe: Optional[int],  # noqa: UP045 - as older code writes it
    options: dict[str, Any],
    thing: Opaque,
    anything,  # noqa: ANN001 - not annotated
    more: tuple = (),  # type: ignore[type-arg]
    *rest: int,
    **others: int,
) -> None:
    """Does something.

    In more words.
    """


def test_a_function_is_described_by_its_signature_and_docstring() -> None:
    described = Tool.of(tool)
    assert (described.name, described.description) == ("tool", "Does something.\n\nIn more words.")
    assert described.parameters == {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "number": {"type": "integer"},
            "amount": {"type": "number"},
            "sure": {"type": "boolean"},
            "unit": {"enum": ["C", "F"]},
            "names": {"type": "array", "items": {"type": "string"}},
            "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "maybe": {"type": "integer"},
            "options": {"type": "object"},
            "thing": {},
            "anything": {},
            "more": {"type": "array"},
        },
        "required": [name for name in described.parameters["properties"] if name != "more"],
    }


def test_annotations_that_cannot_be_resolved_are_left_open() -> None:
    def lookup(key: Unknown) -> None:  # type: ignore[name-defined]  # noqa: F821
        """Nothing."""

    assert Tool.of(lookup).parameters["properties"] == {"key": {}}


@pytest.mark.parametrize("function", [lambda city: city, type("Weather", (), {"__call__": lambda self, city: city})()])
def test_whatever_can_be_called_is_a_tool(function: Any) -> None:
    assert Tool.of(function).parameters["required"] == ["city"]
    assert Tool.of(function).definition["type"] == "function"
