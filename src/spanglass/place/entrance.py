"""How a program enters a place: in a block, or for each call of a function, of whatever kind.

Invariant: no context token is held, so a block may be left in another context (another task's, another thread's) than
it was entered in. A decorated generator runs in its place each time it is resumed, and its caller stays where it was.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from opentelemetry import context as otel_context

from spanglass.place.place import Place, current_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from opentelemetry.context import Context
    from typing_extensions import Self

P = ParamSpec("P")
T = TypeVar("T")


class Entrance(ABC):
    """A context manager, sync and async, and a decorator; may be entered again while it is entered."""

    def __init__(self) -> None:
        self._entered: list[tuple[Context, Context]] = []

    @abstractmethod
    def _context(self) -> Context:
        """The context to be in, made from the current one."""

    @abstractmethod
    def _again(self) -> Self:
        """The same entrance, for another call of a decorated function."""

    def __enter__(self) -> Place:
        before, inside = otel_context.get_current(), self._context()
        self._entered.append((before, inside))
        otel_context.attach(inside)
        return current_place() or Place()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        before, inside = self._entered.pop()
        # A generator may leave in another context than it entered in; there is nothing to undo there.
        if otel_context.get_current() is inside:
            otel_context.attach(before)

    async def __aenter__(self) -> Place:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, tb)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """``function``, each call of which is made inside."""
        return run_in(self._again, function)

    def context(self) -> Context:
        """The context to be in, for those who enter it themselves."""
        return self._context()


def run_in(entrance: Callable[[], Entrance], function: Callable[P, T]) -> Callable[P, T]:
    """``function``, each call of which is made inside a new entrance; a generator's, each time it is resumed."""
    decorated: Any
    if iscoroutinefunction(function):

        @wraps(function)
        async def decorated(*args: P.args, **kwargs: P.kwargs) -> Any:
            with entrance():
                return await function(*args, **kwargs)

    elif isgeneratorfunction(function):

        @wraps(function)
        def decorated(*args: P.args, **kwargs: P.kwargs) -> Any:
            return _Resumed(function(*args, **kwargs), entrance().context())

    elif isasyncgenfunction(function):

        @wraps(function)
        def decorated(*args: P.args, **kwargs: P.kwargs) -> Any:
            return _AsyncResumed(function(*args, **kwargs), entrance().context())

    else:

        @wraps(function)
        def decorated(*args: P.args, **kwargs: P.kwargs) -> Any:
            with entrance():
                return function(*args, **kwargs)

    return cast("Callable[P, T]", decorated)


class _Inside:
    """The context of a generator between its resumptions."""

    __slots__ = ("_inside",)

    def __init__(self, inside: Context) -> None:
        self._inside = inside

    @contextmanager
    def resume(self) -> Iterator[None]:
        token = otel_context.attach(self._inside)
        try:
            yield
        finally:
            self._inside = otel_context.get_current()
            otel_context.detach(token)


class _Resumed(Generator[Any, Any, Any]):
    """A generator that is in its own context whenever it runs."""

    def __init__(self, inner: Generator[Any, Any, Any], inside: Context) -> None:
        self._inner = inner
        self._inside = _Inside(inside)

    def send(self, value: Any) -> Any:
        with self._inside.resume():
            return self._inner.send(value)

    def throw(self, *error: Any) -> Any:
        with self._inside.resume():
            return self._inner.throw(*error)


class _AsyncResumed(AsyncGenerator[Any, Any]):
    """The async twin of `_Resumed`."""

    def __init__(self, inner: AsyncGenerator[Any, Any], inside: Context) -> None:
        self._inner = inner
        self._inside = _Inside(inside)

    async def asend(self, value: Any) -> Any:
        with self._inside.resume():
            return await self._inner.asend(value)

    async def athrow(self, *error: Any) -> Any:
        with self._inside.resume():
            return await self._inner.athrow(*error)
