"""Which workflow and step a call belongs to, and whether its workflow is switched on for capture.

Invariant: the ids travel under a key of our own in the OpenTelemetry context, never in baggage, which goes out in
headers to the provider; and no context token is held across a yield of the host's.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from opentelemetry import context as otel_context

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token
    from pathlib import Path
    from types import TracebackType

    from opentelemetry.context import Context

P = ParamSpec("P")
T = TypeVar("T")

_KEY = otel_context.create_key("spanglass-workflow")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which workflow the program is."""

    workflow: str | None = None
    workflow_id: str | None = None
    debug: bool | None = None
    step_name: str | None = None
    step_attempt: int | None = None


def current_place(context: Context | None = None) -> Place | None:
    """Where the program is in this context (unset: the current one), or None outside any workflow and step."""
    return cast("Place | None", (otel_context.get_current() if context is None else context).get(_KEY))


class _Entered:
    """A place to be in: a context manager, and a decorator of functions and coroutine functions."""

    def __init__(self) -> None:
        self._entered: list[tuple[Context, Token[Context]]] = []

    def _place(self) -> Place:
        raise NotImplementedError

    def __enter__(self) -> Place:
        place = self._place()
        inside = otel_context.set_value(_KEY, place)
        self._entered.append((inside, otel_context.attach(inside)))
        return place

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        inside, token = self._entered.pop()
        # An async generator may leave in another context than it entered in; there is nothing to undo there.
        if otel_context.get_current() is inside:
            otel_context.detach(token)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        if iscoroutinefunction(function):

            @wraps(function)
            async def entered(*args: P.args, **kwargs: P.kwargs) -> Any:
                with self._again():
                    return await function(*args, **kwargs)

            return cast("Callable[P, T]", entered)

        @wraps(function)
        def entered_plainly(*args: P.args, **kwargs: P.kwargs) -> T:
            with self._again():
                return function(*args, **kwargs)

        return entered_plainly

    def _again(self) -> _Entered:
        raise NotImplementedError


class workflow(_Entered):  # noqa: N801 - used as a verb, like contextlib's
    """Says that the calls inside belong to a workflow.

    Args:
        name: the workflow's name; `SPANGLASS_DEBUG_WORKFLOWS` patterns match it and the id.
        id: its id, under which records are found; a new one if None.
        debug: True captures its calls although the rest is off, False does not capture them, None follows the settings.

    Example:
        >>> with workflow("patents", id="p-17") as place:
        ...     place.workflow_id
        'p-17'
    """

    def __init__(self, name: str, *, id: str | None = None, debug: bool | None = None) -> None:  # noqa: A002 - the record's word
        super().__init__()
        self._name, self._id, self._debug = name, id, debug

    def _place(self) -> Place:
        return Place(self._name, self._id or f"{self._name}-{uuid.uuid4().hex[:12]}", self._debug)

    def _again(self) -> workflow:
        return workflow(self._name, id=self._id, debug=self._debug)


class step(_Entered):  # noqa: N801 - used as a verb, like contextlib's
    """Says that the calls inside belong to a step of the current workflow.

    Args:
        name: the step's name, under which its calls are found.
        attempt: which attempt at the step this is, 1 for the first.

    Example:
        >>> with workflow("patents", id="p-17"), step("claims") as place:
        ...     place.workflow_id, place.step_name
        ('p-17', 'claims')
    """

    def __init__(self, name: str, *, attempt: int | None = None) -> None:
        super().__init__()
        self._name, self._attempt = name, attempt

    def _place(self) -> Place:
        return replace(current_place() or Place(), step_name=self._name, step_attempt=self._attempt)

    def _again(self) -> step:
        return step(self._name, attempt=self._attempt)


class DebugSwitch:
    """Which workflows are captured although the rest is off; its file is read again while the program runs.

    Args:
        patterns: shell-style patterns of workflow names or ids.
        file: further patterns, one a line; read again when it has changed, at most once a second.
    """

    _EVERY_S = 1.0

    def __init__(self, patterns: tuple[str, ...], file: Path) -> None:
        self._patterns = patterns
        self._file = file
        self._more: tuple[str, ...] = ()
        self._next_look = 0.0
        self._seen: tuple[int, int] | None = None

    def matches(self, place: Place) -> bool:
        """Whether a pattern matches the workflow's name or id."""
        names = [name for name in (place.workflow, place.workflow_id) if name]
        return any(fnmatchcase(name, pattern) for name in names for pattern in (*self._patterns, *self._from_file()))

    def _from_file(self) -> tuple[str, ...]:
        now = time.monotonic()
        if now < self._next_look:
            return self._more
        self._next_look = now + self._EVERY_S
        try:
            stat = self._file.stat()
            if (stat.st_mtime_ns, stat.st_size) != self._seen:
                text = self._file.read_text(encoding="utf-8", errors="replace")
                self._more = tuple(line.strip() for line in text.splitlines() if line.strip() and line[0] != "#")
                self._seen = (stat.st_mtime_ns, stat.st_size)
        except OSError:
            self._more, self._seen = (), None
        return self._more
