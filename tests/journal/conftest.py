from __future__ import annotations

import unittest

import pytest

from spanglass.journal import mapped


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Both ways in which a journal writes; one, where a test is marked so."""
    if metafunc.cls is not None and issubclass(metafunc.cls, unittest.TestCase):
        return  # it sees to that itself
    marked = metafunc.definition.get_closest_marker("segments")
    metafunc.parametrize("segments", marked.args if marked else ["mapped", "by calls"], indirect=True)


@pytest.fixture(autouse=True)
def segments(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Has a journal write in one of the ways, here and in the programs that a test starts."""
    if getattr(request, "param", "mapped") != "mapped":
        monkeypatch.setattr(mapped, "LEAST_BOUND", 1 << 62)
        monkeypatch.setenv("JOURNAL_BY_CALLS", "1")
    return str(getattr(request, "param", ""))
