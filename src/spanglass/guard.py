"""The one boundary that keeps a fault of ours out of the host program.

Invariant: no `Exception` crosses a `boundary`. Each is counted, and each place logs its first one, so that nothing is
swallowed silently. Under test (`reraise`) faults do cross, so that a bug of ours fails a test instead of hiding.
`BaseException` (Ctrl-C, task cancellation, exit) is the host's and always passes.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

_LOG = logging.getLogger("spanglass")
_LOCK = threading.Lock()
_COUNTS: dict[str, int] = {}

#: Set by the test-suite: faults are counted and logged, and then raised.
reraise = False


class Boundary:
    """A reusable context manager around work of ours that runs inside the host's call.

    Args:
        place: a dotted name for the place, such as ``"capture.begin"``; it is what `faults` counts by.

    Where entering and leaving a context manager would be a good part of the work, ``except Exception`` with `took` is
    the same boundary at no cost while all is well.

    Example:
        >>> begin = Boundary("doc.example")
        >>> with begin:
        ...     work = "never reaches the host"
    """

    __slots__ = ("place",)

    def __init__(self, place: str) -> None:
        self.place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, tb: TracebackType | None) -> bool:
        if fault is None or not isinstance(fault, Exception):
            return False
        absorb(self.place, fault)
        return not reraise

    def took(self, fault: Exception) -> None:
        """Absorbs a fault that was caught; call it from the ``except`` clause, because under test it raises again."""
        absorb(self.place, fault)
        if reraise:
            raise fault


def absorb(place: str, fault: Exception) -> None:
    """Counts a fault of ours, and logs the first one of each place at ERROR with its type and traceback.

    The fault's own text is left out: it may quote a payload.
    """
    try:
        with _LOCK:
            count = _COUNTS[place] = _COUNTS.get(place, 0) + 1
        if count == 1:
            _LOG.error(
                "spanglass: a fault of ours in %s was kept from your program: %s at %s. The call went on; its record "
                "may be incomplete. Further faults here are counted only; 'spanglass doctor' tells more.",
                place,
                type(fault).__name__,
                _origin(fault),
            )
    except Exception:  # noqa: BLE001, S110 - logging itself may be broken at interpreter exit; the count is what is left
        pass


def faults() -> dict[str, int]:
    """How often each place absorbed a fault since the process began, or since `reset`."""
    with _LOCK:
        return dict(_COUNTS)


def reset() -> None:
    """Forgets all counts, so that each place logs its next fault again."""
    with _LOCK:
        _COUNTS.clear()


def _origin(fault: BaseException) -> str:
    tb = fault.__traceback__
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    if tb is None:
        return "an unknown line"
    return f"{tb.tb_frame.f_code.co_filename}:{tb.tb_lineno}"
