"""How a program enters a place: in a block, or for each call of a function, of whatever kind.

Invariant: the way back is in the context that was entered, and no context token is held; so a block may be left in
another context (another task's, another thread's), where it changes nothing. A decorated generator runs in its place
each time it is resumed, and its caller stays where it was.
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

P = ParamSpec("P")
T = TypeVar("T")

_BACK = otel_context.create_key("spanglass-back")


class Entrance(ABC):
    """A context manager, sync and async, and a decorator; one object may be entered often, and by many at once."""

    @abstractmethod
    def context(self) -> Context:
        """The context to be in, made from the current one."""

    def __enter__(self) -> Place:
        back = (self, otel_context.get_current())
        otel_context.attach(otel_context.set_value(_BACK, back, self.context()))
        return current_place() or Place()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        entered, before = cast("tuple[object, Context]", otel_context.get_value(_BACK) or (None, None))
        # A generator may leave in another context than it entered in; there is nothing to undo there.
        if entered is self:
            otel_context.attach(before)

    async def __aenter__(self) -> Place:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, tb)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """``function``, each call of which is made inside."""
        return run_in(self, function)


def run_in(entrance: Entrance, function: Callable[P, T]) -> Callable[P, T]:
    """``function``, each call of which is made inside; a generator's, each time it is resumed."""
    decorated: Any
    if iscoroutinefunction(function):

        @wraps(function)
        async def decorated(*args: P.args, **kwargs: P.kwargs) -> Any:
            with entrance:
                return await function(*args, **kwargs)

    elif isgeneratorfunction(function):

        @wraps(function)
        def decorated(*args: P.args, **kwargs: P.kwargs) -> Any:
            return _Resumed(function(*args, **kwargs), entrance.context())

    elif isasyncgenfunction(function):

        @wraps(function)
        def decorated(*args: P.args, **kwargs: P.kwargs) -> Any:
            return _AsyncResumed(function(*args, **kwargs), entrance.context())

    else:

        @wraps(function)
        def decorated(*args: P.args, **kwargs: P.kwargs) -> Any:
            with entrance:
                return function(*args, **kwargs)

    return cast("Callable[P, T]", decorated)


class Between:
    """The context of a generator, kept between its resumptions: what it enters and leaves is its own.

    Args:
        inside: the context in which it is resumed first.
    """

    __slots__ = ("_inside",)

    def __init__(self, inside: Context) -> None:
        self._inside = inside

    @contextmanager
    def resume(self) -> Iterator[None]:
        """A block in which the generator runs to its next stop."""
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
        self._between = Between(inside)

    def send(self, value: Any) -> Any:
        with self._between.resume():
            return self._inner.send(value)

    def throw(self, *error: Any) -> Any:
        with self._between.resume():
            return self._inner.throw(*error)


class _AsyncResumed(AsyncGenerator[Any, Any]):
    """The async twin of `_Resumed`."""

    def __init__(self, inner: AsyncGenerator[Any, Any], inside: Context) -> None:
        self._inner = inner
        self._between = Between(inside)

    async def asend(self, value: Any) -> Any:
        with self._between.resume():
            return await self._inner.asend(value)

    async def athrow(self, *error: Any) -> Any:
        with self._between.resume():
            return await self._inner.athrow(*error)
