"""What the events of an SDK's span become while some of them are still to be said (`spanglass.span.late`).

Invariant: reading them makes the span say what waits; what others add meanwhile stays, and adding is no look.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import Event
from opentelemetry.sdk.util import BoundedList

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Mapping, Sequence

    from spanglass.span.late import Late


class LateEvents(BoundedList[Any]):
    """The SDK's own list, in a class that knows what is still to be said."""

    late: Late | None = None
    _lock: Any

    @property
    def _dq(self) -> deque[Any]:
        late = self.late
        if late is not None:
            late.say()
        return self.__dict__["_dq"]  # type: ignore[no-any-return]

    @property
    def silent(self) -> bool:
        """Nothing has been said by now; asking is no look."""
        return not self.__dict__["_dq"]

    @property
    def said(self) -> list[Any]:
        """What has been said by now; reading it is no look."""
        return list(self.__dict__["_dq"])

    def append(self, item: Any) -> None:
        """Somebody else adds an event, which is no look."""
        with self._lock:
            self._append(item)

    def put(self, events: Sequence[tuple[str, Mapping[str, Any], int]]) -> None:
        """Adds ours, all by time; beyond the bound the oldest are dropped, as the SDK does."""
        made = [Event(*event) for event in events]
        said = self.__dict__["_dq"]
        merged = sorted([*said, *made], key=attrgetter("timestamp"))
        said.clear()
        for event in merged:
            self._append(event)

    def _append(self, item: Any) -> None:
        said = self.__dict__["_dq"]
        if said.maxlen is not None and len(said) == said.maxlen:
            self.dropped += 1
        said.append(item)
