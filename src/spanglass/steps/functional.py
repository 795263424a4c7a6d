"""Contexts and steps as functions.

Invariant: each gives the context back, so that calls can be chained.
"""

from __future__ import annotations

from inspect import isawaitable, iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar, overload

from spanglass.steps.context import ErrorContext

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

T = TypeVar("T")


def error_context(
    operation: str, /, *, correlation_id: str | None = None, parent: ErrorContext | None = None, **metadata: Any
) -> ErrorContext:
    """Notes what an operation does, so that an exception which leaves it tells what had happened.

    A context manager, for ``with`` and ``async with``, and a decorator of functions, coroutine functions and
    generators. While spanglass is installed, the steps are also events of the current span and part of its record;
    where no span is current, or another context has it, the operation gets a span of its own.

    Args:
        operation: what the program does, such as ``answer``.
        correlation_id: what ties it to others; unset, the outer context's, or a new one.
        parent: the outer context; unset, the one that the program is in. A thread that is started without the context
            of its starter needs it.
        **metadata: the inputs: anything, kept as JSON and masked.

    Returns:
        The context. It works without being entered as well; its steps then go to the span that is current at its first
        step, if there is one, and no exception gets a note.

    Example:
        >>> from spanglass import error_context
        >>> try:
        ...     with error_context("answer", question="Which train?") as context:
        ...         context.add_step("think", thought="I need the trains.")
        ...         with context.measure("find_trains", origin="Oslo") as step:
        ...             step.result = 1 / 0
        ... except ZeroDivisionError as error:
        ...     print(error.__notes__[0])
        Execution trace
          operation:      answer
          correlation id: ...
          inputs:         question: "Which train?"
        [   0ms] think       |               | thought: "I need the trains."
        [   0ms] find_trains | duration: 0ms | origin: "Oslo" | error: ZeroDivisionError: division by zero <-- Error ...
    """
    return ErrorContext(operation, metadata, correlation_id, parent)


def add_trace_step(context: ErrorContext, name: str, data: Mapping[str, Any] | None = None) -> ErrorContext:
    """Adds a step to a context, as `ErrorContext.add_step` does.

    Args:
        context: where it is added.
        name: what was done.
        data: what else is to be known of it.

    Returns:
        The context.

    Example:
        >>> from spanglass import error_context
        >>> context = error_context("answer")
        >>> add_trace_step(context, "think", {"thought": "I need the trains."}) is context
        True
    """
    context.add_step(name, **_named(data))
    return context


@overload
def measure_trace_step(  # type: ignore[overload-overlap] # T may be an awaitable too; then this one is meant
    context: ErrorContext, name: str, metadata: Mapping[str, Any] | None, function: Callable[[], Awaitable[T]]
) -> Awaitable[tuple[ErrorContext, T]]: ...
@overload
def measure_trace_step(
    context: ErrorContext, name: str, metadata: Mapping[str, Any] | None, function: Callable[[], T]
) -> tuple[ErrorContext, T]: ...
def measure_trace_step(
    context: ErrorContext, name: str, metadata: Mapping[str, Any] | None, function: Callable[[], Any]
) -> Any:
    """Calls a function as a measured step of a context.

    Args:
        context: where the step is added.
        name: what is done.
        metadata: what else is to be known of it.
        function: is called without arguments. What it returns is kept with the step, and what it raises is raised.

    Returns:
        The context, and what the function returned. For a coroutine function, an awaitable of both.

    Example:
        >>> from spanglass import error_context
        >>> context, trains = measure_trace_step(error_context("answer"), "find_trains", {"origin": "Oslo"}, lambda: 3)
        >>> trains
        3
    """
    if iscoroutinefunction(function):
        return _measure(context, name, metadata, function)
    with context.measure(name, **_named(metadata)) as step:
        result = function()
        if not isawaitable(result):
            step.result = result
    return context, result


async def _measure(
    context: ErrorContext, name: str, metadata: Mapping[str, Any] | None, function: Callable[[], Awaitable[T]]
) -> tuple[ErrorContext, T]:
    with context.measure(name, **_named(metadata)) as step:
        result = await function()
        step.result = result
    return context, result


def _named(data: Mapping[str, Any] | None) -> dict[str, Any]:
    return {str(name): value for name, value in (data or {}).items()}
