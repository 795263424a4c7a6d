"""`llm_call`: a function of the program is a call to a model; its arguments are the request, its result the answer.

Invariant: the function is called once, with its own arguments, and its results and exceptions pass as they are. Of an
answer that comes in pieces, each piece does.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from functools import partial, wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast, overload

from spanglass.capture.chunks import AsyncChunks, Chunks
from spanglass.capture.manual import Handle, begin_call
from spanglass.capture.session import active

P = ParamSpec("P")
T = TypeVar("T")


class _Told(NamedTuple):
    """What the decorator was told."""

    model: str | None
    upstream_context: Any


@overload
def llm_call(function: Callable[P, T], /) -> Callable[P, T]: ...
@overload
def llm_call(
    *, model: str | None = None, upstream_context: Any = None
) -> Callable[[Callable[P, T]], Callable[P, T]]: ...
def llm_call(function: Any = None, /, *, model: str | None = None, upstream_context: Any = None) -> Any:
    """Decorates a function that asks a model, so that each of its calls is captured, over whatever it asks.

    For functions, coroutine functions and generators of either kind, whose pieces are the answer; a generator that a
    function returns counts, too. Pieces pass on as they come; of an answer that was not taken to its end, those that
    came are recorded, and the record is marked as not complete. Should the function ask over a wire that is watched,
    what goes over the wire is recorded instead, once.

    Args:
        function: the function; arguments named ``messages``, ``prompt``, ``model``, ``tools`` and the like are read as
            such, all others are options.
        model: the model's name, where no argument says it.
        upstream_context: what the steps before handed on, if other than the step's own.

    Example:
        >>> @llm_call(model="tiny")
        ... def complete(prompt: str, temperature: float = 0.0) -> str:
        ...     return prompt[::-1]
        >>> complete("stressed")
        'desserts'
    """
    told = _Told(model, upstream_context)
    return partial(_decorate, told) if function is None else _decorate(told, function)


def _decorate(told: _Told, function: Callable[P, T]) -> Callable[P, T]:
    decorated: Any
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def decorated(*args: P.args, **kwargs: P.kwargs) -> Any:
            if not _captures():
                return await function(*args, **kwargs)
            handle = _begin(told, function, args, kwargs)
            with _Failing(handle), handle.offering:
                result = await function(*args, **kwargs)
            return _answered(handle, result)

    elif inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):

        @wraps(function)
        def decorated(*args: P.args, **kwargs: P.kwargs) -> Any:
            stream = function(*args, **kwargs)
            return _watched(stream, partial(_begin, told, function, args, kwargs)) if _captures() else stream

    else:

        @wraps(function)
        def decorated(*args: P.args, **kwargs: P.kwargs) -> Any:
            if not _captures():
                return function(*args, **kwargs)
            handle = _begin(told, function, args, kwargs)
            with _Failing(handle), handle.offering:
                result = function(*args, **kwargs)
            return _answered(handle, result)

    return cast("Callable[P, T]", decorated)


class _Failing:
    """Logs what leaves a block."""

    __slots__ = ("_handle",)

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _tb: object) -> None:
        if error is not None:
            self._handle.fail(error)


def _captures() -> bool:
    session = active()
    return session is not None and session.watching()


def _begin(told: _Told, function: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Handle:
    return begin_call(partial(_payload, told, function, args, kwargs), told.upstream_context)


def _answered(handle: Handle, result: Any) -> Any:
    """The result as the caller gets it: itself, unless it is yet to come, and is watched on its way."""
    if not handle.is_open:
        return result
    if inspect.iscoroutine(result):
        return _awaited(handle, result)
    if isinstance(result, (Generator, AsyncGenerator)):
        return _watched(result, lambda: handle)
    handle.respond(result)
    return result


async def _awaited(handle: Handle, coming: Any) -> Any:
    with _Failing(handle), handle.offering:
        result = await coming
    return _answered(handle, result)


def _watched(stream: Any, begin: Callable[[], Handle]) -> Any:
    return AsyncChunks(stream, begin) if isinstance(stream, AsyncGenerator) else Chunks(stream, begin)


def _payload(told: _Told, function: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]) -> Any:
    """The arguments by their names; ``self`` and ``cls`` say nothing to a model."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except (TypeError, ValueError):  # wrong arguments, as the function will say; or one whose signature nobody knows
        return {"arguments": args, **kwargs}
    bound.apply_defaults()
    payload: dict[str, Any] = {} if told.model is None else {"model": told.model}
    for number, (name, value) in enumerate(bound.arguments.items()):
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            payload.update(value)
        elif not (number == 0 and name in ("self", "cls")) and not (
            kind is inspect.Parameter.VAR_POSITIONAL and not value
        ):
            payload[name] = value
    return payload
