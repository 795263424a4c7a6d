"""What a span says only once somebody looks at it: an exporter, another processor, or our own background thread.

Reading a call's bodies, and making previews, hashes and events of them, would be the dearest part of capturing it. So a
call ends its span with the bytes in hand, and the SDK's own span holds attributes and events that are made at the first
look.

Invariant: whoever looks, and whenever, sees the same as if all had been said before the span ended, masked like
everything else. What waits to be said is bounded in bytes (`Backlog`), and a span says everything once.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from opentelemetry.attributes import BoundedAttributes

from spanglass.guard import Boundary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from spanglass.span.attributes import EventName

    #: Masks several spans' or events' attributes at once.
    MaskAll: TypeAlias = "Callable[[Sequence[Mapping[str, Any]]], Sequence[Mapping[str, Any]]]"

_SAY = Boundary("span.say")
_PAUSE_EVERY = 8


class Event(NamedTuple):
    """An event of a span before the SDK's class is made of it. ``timestamp`` in ns since the epoch."""

    name: EventName
    attributes: dict[str, Any]
    timestamp: int


class Said(NamedTuple):
    """Attributes and events to be put on a span."""

    attributes: dict[str, Any]
    events: Sequence[Event] = ()


class Late:
    """What is still to be said on one span of the SDK.

    Args:
        span: the SDK's own span; from now on its attributes and events say more when somebody looks.
        mask_all: masks what is said.
    """

    __slots__ = ("_attributes", "_events", "_last", "_lock", "_mask_all", "_waiting", "size")

    def __init__(self, span: Any, mask_all: MaskAll) -> None:
        self.size = 0
        self._mask_all = mask_all
        self._lock = threading.RLock()
        self._waiting: list[Callable[[], Said]] = []
        self._last = False
        # The very objects of the span, in a class that knows us: copies would have to be kept like them.
        self._attributes: Any = span._attributes  # noqa: SLF001
        self._events: Any = span._events  # noqa: SLF001
        self._attributes.__class__ = LateAttributes
        self._events.__class__ = _late_events()
        self._attributes.late = self._events.late = self

    def add(self, saying: Callable[[], Said], *, last: bool = False) -> None:
        """Something more to say; ``saying`` is called at the first look, on whichever thread that happens."""
        self._last = last
        self._waiting.append(saying)

    def end(self) -> None:
        """There will be nothing more to say."""
        self._last = True

    def say(self) -> None:
        """Says what waits, if nobody has made it say that yet."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            attributes: dict[str, Any] = {}
            events: list[Event] = []
            for saying in waiting:
                with _SAY:
                    said = saying()
                    attributes.update(said.attributes)
                    events += said.events
            if attributes or events:
                with _SAY:
                    self._put(attributes, events)
            if self._last:
                # Without this cycle the span goes at once when it is exported, and not when the collector comes by.
                self._attributes.late = self._events.late = None

    def _put(self, attributes: dict[str, Any], events: list[Event]) -> None:
        several = [exportable(attributes), *(exportable(event.attributes) for event in events)]
        masked, *others = self._mask_all(several)
        self._attributes.put(masked)
        if events:
            self._events.put([(event.name, kept, event.timestamp) for event, kept in zip(events, others, strict=True)])


class LateAttributes(BoundedAttributes):
    """What the attributes of an SDK's span become: reading them makes the span say what waits."""

    late: Late | None = None

    @property
    def _dict(self) -> dict[str, Any]:  # type: ignore[override]
        late = self.late
        if late is not None:
            late.say()
        return self.__dict__["_dict"]  # type: ignore[no-any-return]

    @property
    def silent(self) -> bool:
        """Nothing has been said by now; asking is no look."""
        return not self.__dict__["_dict"]

    @property
    def said(self) -> dict[str, Any]:
        """What has been said by now; reading it is no look."""
        return self.__dict__["_dict"].copy()  # type: ignore[no-any-return]

    def put(self, attributes: Mapping[str, Any]) -> None:
        """Adds ours; beyond the bound the oldest are dropped, as the SDK does."""
        said = self.__dict__["_dict"]
        said.update(attributes)
        while self.maxlen is not None and len(said) > self.maxlen:
            del said[next(iter(said))]
            self.dropped += 1

    def _setitem_locked(self, key: str, value: Any) -> None:
        """Somebody else sets an attribute, which is no look."""
        self.__dict__["_dict"].pop(key, None)
        self.put({key: value})


_events_class: Any = None


def _late_events() -> Any:
    """`LateEvents`, once the SDK is there: with the API alone there is no span to say anything."""
    global _events_class  # noqa: PLW0603 - fetched once
    if _events_class is None:
        from spanglass.span.late_events import LateEvents

        _events_class = LateEvents
    return _events_class


class Speaker(Protocol):
    """A span that has ended and not said everything yet."""

    #: How many bytes of bodies it holds on to until it speaks.
    size: int

    def say(self) -> None:
        """Says it now."""


class Helper(Protocol):
    """Another thread."""

    def call_soon(self, work: Callable[[], object]) -> object:
        """Does the work there at once."""

    def start_soon(self) -> object:
        """Sees to it that `Backlog.say_all` is called there before long."""


class Backlog:
    """The spans of ended calls that have not said everything yet, oldest first.

    Args:
        max_bytes: how many bytes of bodies they may hold on to; above it the oldest speak at once.
        max_spans: how many they may be; above it, too: fewer than the queue of a batch processor takes. From two
            thirds of it on they speak on the helper's thread.

    Attributes:
        helper: makes them speak on another thread, if there is one.
    """

    def __init__(self, max_bytes: int = 16 << 20, max_spans: int = 1536) -> None:
        self.helper: Helper | None = None
        self._max_bytes = max_bytes
        self._max_spans = max_spans
        self._many = max_spans * 2 // 3
        self._spans: deque[Speaker] = deque()
        self._bytes = 0
        self._called = False
        # Held while a span speaks: who has made all of them speak has also waited for the one that was at it.
        self._lock = threading.RLock()
        _backlogs.add(self)

    def add(self, span: Speaker, size: int) -> None:
        """A span ended that holds on to ``size`` bytes until it speaks."""
        span.size = size
        self._spans.append(span)
        self._bytes += size
        helper, count = self.helper, len(self._spans)
        if helper is not None:
            if count == 1:
                helper.start_soon()
            elif count > self._many and not self._called:
                self._called = True
                helper.call_soon(self._say_some)
        while (self._bytes > self._max_bytes or len(self._spans) > self._max_spans) and self._say_oldest():
            pass

    def has_spans(self) -> bool:
        """Whether there are any."""
        return bool(self._spans)

    def say_all(self, pause: Callable[[], object] = lambda: None) -> None:
        """Makes all of them speak; calls ``pause`` after every few, so that other threads get on."""
        self._called = False
        for number in range(len(self._spans)):
            if not self._say_oldest():
                break
            if number % _PAUSE_EVERY == _PAUSE_EVERY - 1:
                pause()
        with self._lock:
            pass

    def forget(self) -> None:
        """Forgets all of them: after a fork they are the parent's to export."""
        self._lock = threading.RLock()
        self._spans.clear()
        self._bytes = 0
        self._called = False

    def _say_some(self) -> None:
        self.say_all(lambda: time.sleep(0))

    def _say_oldest(self) -> bool:
        with self._lock:
            try:
                span = self._spans.popleft()
            except IndexError:
                self._bytes = 0
                return False
            self._bytes -= span.size
            span.say()
            return True


_backlogs: weakref.WeakSet[Backlog] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for backlog in list(_backlogs):
        backlog.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def exportable(attributes: dict[Any, Any]) -> dict[str, Any]:
    """The attributes with nothing in their texts that UTF-8 cannot say; the same object where that is so already."""
    for value in attributes.values():
        if type(value) is str and not value.isascii():
            return {name: _unicode(value) for name, value in attributes.items()}
    return attributes


def _unicode(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
