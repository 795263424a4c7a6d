from __future__ import annotations

import io
import sys

import pytest

from spanglass.cli.output import Output
from spanglass.cli.progress import progress


class Screen(io.StringIO):
    """A terminal of a test's."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO, *, as_json: bool = False) -> str:
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress(Output(as_json=as_json)) as tell:
        for done in range(1, 4):
            tell("reading calls", done, 3)
        tell("making rows", 1, 2)
    return stderr.getvalue()


def test_on_a_terminal_each_part_of_the_work_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    text = shown(monkeypatch, Screen())
    assert "reading calls" in text
    assert "3/3" in text
    assert "making rows" in text


@pytest.mark.parametrize(("stderr", "as_json"), [(io.StringIO, False), (Screen, True)])
def test_in_a_pipe_and_with_json_there_is_none(
    monkeypatch: pytest.MonkeyPatch, stderr: type[io.StringIO], *, as_json: bool
) -> None:
    assert shown(monkeypatch, stderr(), as_json=as_json) == ""
