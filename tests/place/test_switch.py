from __future__ import annotations

from typing import TYPE_CHECKING

from spanglass import workflow
from spanglass.place import DebugSwitch, Place

if TYPE_CHECKING:
    from pathlib import Path


def test_the_switch_matches_names_and_ids_and_reads_its_file_again(tmp_path: Path) -> None:
    file = tmp_path / "debug-workflows"
    switch = DebugSwitch(("invoice*",), file)

    assert switch.matches(Place("invoices", "i-1"))
    assert not switch.matches(Place("patents", "p-17"))

    file.write_text("# while looking for the lost claim\np-1?\n")
    later = DebugSwitch((), file)
    assert later.matches(Place("patents", "p-17"))
    assert not later.matches(Place("patents", "p-170"))


def test_what_switches_a_workflow_on_switches_on_those_inside_it(tmp_path: Path) -> None:
    switch = DebugSwitch(("patents",), tmp_path / "none")
    with workflow("patents"), workflow("search") as inner:
        assert switch.matches(inner)
    with workflow("search") as alone, workflow("patents"):
        assert not switch.matches(alone)
