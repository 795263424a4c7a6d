from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from spanglass import guard

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _production() -> Iterator[None]:
    before, guard.reraise = guard.reraise, False
    guard.reset()
    yield
    guard.reraise = before
    guard.reset()


def fail(times: int = 1) -> None:
    boundary = guard.Boundary("test.place")
    for _ in range(times):
        with boundary:
            message = "quotes a payload"
            raise ValueError(message)


def test_a_fault_is_counted_and_logged_once_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        fail(times=3)

    assert guard.faults() == {"test.place": 3}
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "a fault of ours in test.place was kept from your program: ValueError at" in caplog.text
    assert "quotes a payload" not in caplog.text


def test_under_test_the_fault_is_raised_as_well() -> None:
    guard.reraise = True
    with pytest.raises(ValueError, match="quotes a payload"):
        fail()
    assert guard.faults() == {"test.place": 1}


def test_what_is_the_hosts_passes() -> None:
    with pytest.raises(KeyboardInterrupt), guard.Boundary("test.place"):
        raise KeyboardInterrupt
    assert guard.faults() == {}
