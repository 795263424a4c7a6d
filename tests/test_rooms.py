from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import spanglass

# Python 3.10 has it from pytest's own dependencies.
tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

ROOT = Path(__file__).resolve().parents[1]
SHARED = {"errors", "guard", "settings"}
FOUNDATION = {"errors", "guard", "model", "settings"}


def rooms() -> set[str]:
    return {
        path.stem
        for path in Path(spanglass.__file__).parent.iterdir()
        if path.name[0] != "_" and path.suffix != ".typed"
    }


def contracts() -> list[dict[str, Any]]:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = configuration["tool"]["importlinter"]["contracts"]
    return [contract for contract in found if contract["id"] != "sdks"]


def named(modules: list[str]) -> set[str]:
    """The rooms among modules; a room's inner module is another matter."""
    return {module.removeprefix("spanglass.") for module in modules if re.fullmatch(r"spanglass\.\w+", module)}


def documented() -> dict[str, set[str]]:
    """Who may import whom, as the architecture's table says."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = page.partition("| room | may import |")[2].partition("\n\n")[0].splitlines()
    cells = [[set(re.findall(r"`(\w+)`", cell)) for cell in row.strip("|").split("|")] for row in rows[2:]]
    return {room: allowed for sources, allowed in cells for room in sources}


def test_every_room_has_a_contract() -> None:
    assert sorted(room for contract in contracts() for room in named(contract["source_modules"])) == sorted(rooms())


@pytest.mark.parametrize("contract", contracts(), ids=lambda contract: contract["id"])
def test_a_room_may_import_what_the_architecture_says_and_no_other_room(contract: dict[str, Any]) -> None:
    sources = named(contract["source_modules"])
    allowed = {room: documented()[room] | (set() if room in FOUNDATION else SHARED) for room in sources}
    assert allowed == dict.fromkeys(sources, rooms() - named(contract["forbidden_modules"]) - sources)
