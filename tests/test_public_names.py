from __future__ import annotations

import ast
from pathlib import Path

import pytest

import spanglass

SOURCES = Path(spanglass.__file__).parent


def test_the_public_names_are_sorted_and_each_can_be_had() -> None:
    assert spanglass.__all__ == sorted(set(spanglass.__all__))
    assert dir(spanglass) == spanglass.__all__
    assert [name for name in spanglass.__all__ if getattr(spanglass, name, None) is None] == []


def test_type_checkers_see_the_same_public_names_as_programs() -> None:
    tree = ast.parse((SOURCES / "__init__.py").read_text(encoding="utf-8"))
    seen = {
        alias.asname or alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in ast.walk(block)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if node.module != "typing"
    }
    assert sorted({*seen, "__version__"}) == spanglass.__all__


def test_public_names_say_what_they_are_for() -> None:
    public = [getattr(spanglass, name) for name in spanglass.__all__ if name != "__version__"]
    assert [thing.__name__ for thing in public if not (thing.__doc__ or "").strip()] == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'unknown'"):
        spanglass.unknown  # noqa: B018 - the access is what is tested


@pytest.mark.parametrize("path", sorted(SOURCES.rglob("__init__.py")), ids=lambda path: str(path.relative_to(SOURCES)))
def test_every_rooms_all_is_sorted(path: Path) -> None:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "__all__" for target in node.targets):
            names = ast.literal_eval(node.value)
            assert list(names) == sorted(set(names))
