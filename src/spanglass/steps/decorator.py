"""A context around each call of a function, whatever kind of function it is.

Invariant: the function's result is the one that it gives without the context. A generator is in its context only while
it runs: between its steps the context is nobody's current one.
"""

from __future__ import annotations

from functools import partial, wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import TYPE_CHECKING, Any, TypeVar, cast

from spanglass.guard import Boundary

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from types import TracebackType

    from spanglass.steps.context import ErrorContext

T = TypeVar("T", bound="Callable[..., Any]")

_HOLD = Boundary("steps.hold")
_RELEASE = Boundary("steps.release")


def decorate(function: T, make: Callable[[], ErrorContext]) -> T:
    """``function`` with a context, made anew for each call, around what it does."""
    kinds = (
        (isasyncgenfunction, _asynchronous_generator),
        (isgeneratorfunction, _generator),
        (iscoroutinefunction, _coroutine),
    )
    wrap = next((wrap for is_kind, wrap in kinds if is_kind(function)), _plain)
    return cast("T", wraps(function)(wrap(function, make)))


def _plain(function: Callable[..., Any], make: Callable[[], ErrorContext]) -> Callable[..., Any]:
    def entered(*args: Any, **kwargs: Any) -> Any:
        with make():
            return function(*args, **kwargs)

    return entered


def _coroutine(function: Callable[..., Any], make: Callable[[], ErrorContext]) -> Callable[..., Any]:
    async def entered(*args: Any, **kwargs: Any) -> Any:
        with make():
            return await function(*args, **kwargs)

    return entered


class _Held:
    """A context that lasts as long as a generator does, and is entered for each of its steps."""

    def __init__(self, make: Callable[[], ErrorContext]) -> None:
        self.context = make()

    def __enter__(self) -> ErrorContext:
        with _HOLD:
            self.context.hold()
        return self.context

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        with _RELEASE:
            self.context.release(error)


def _generator(function: Callable[..., Any], make: Callable[[], ErrorContext]) -> Callable[..., Any]:
    def entered(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        with _Held(make) as context:
            generator = function(*args, **kwargs)
            resume = partial(next, generator)
            while True:
                try:
                    with context:
                        value = resume()
                except StopIteration as end:
                    return end.value
                try:
                    resume = partial(generator.send, (yield value))
                except GeneratorExit:
                    with context:
                        generator.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever the caller throws in is the generator's
                    resume = partial(generator.throw, error)

    return entered


def _asynchronous_generator(function: Callable[..., Any], make: Callable[[], ErrorContext]) -> Callable[..., Any]:
    async def entered(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        with _Held(make) as context:
            generator = function(*args, **kwargs)
            resume = partial(generator.asend, None)
            while True:
                try:
                    with context:
                        value = await resume()
                except StopAsyncIteration:
                    return
                try:
                    resume = partial(generator.asend, (yield value))
                except GeneratorExit:
                    with context:
                        await generator.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 - as above
                    resume = partial(generator.athrow, error)

    return entered
