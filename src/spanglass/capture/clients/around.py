"""What a client puts around its SDK's own call: a scope that is open for exactly as long as the call lasts.

Invariant: results and exceptions of the SDK pass through untouched, whatever fails of ours.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from spanglass.capture.scope import Scope, current_scope
from spanglass.capture.session import active
from spanglass.guard import Boundary

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanglass.capture.call import Call

_OPEN = Boundary("client.open")
_LEAVE = Boundary("client.leave")
_RETURN = Boundary("client.return")
_FAIL = Boundary("client.fail")


def around(package: str, unsent: Callable[[Any, Any, Any, Scope], Call | None]) -> tuple[Any, Any]:
    """Two wrappers, as wrapt takes them: of a method in which one logical call is made, and of a coroutine method.

    Args:
        package: the SDK's package name, such as ``openai``.
        unsent: begins the call of a request that never left the process, given the SDK's client and the method's
            arguments, positional and by name; or gives None if it was none to a model.
    """

    def call(wrapped: Any, client: Any, args: Any, kwargs: Any) -> Any:
        scope = None
        try:
            scope = _open(package, partial(unsent, client, args, kwargs))
        except Exception as fault:  # noqa: BLE001 - the boundary
            _OPEN.took(fault)
        if scope is None:
            return wrapped(*args, **kwargs)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            _fail(scope, error)
            raise
        _return(scope)
        return result

    async def async_call(wrapped: Any, client: Any, args: Any, kwargs: Any) -> Any:
        scope = None
        try:
            scope = _open(package, partial(unsent, client, args, kwargs))
        except Exception as fault:  # noqa: BLE001 - the boundary
            _OPEN.took(fault)
        if scope is None:
            return await wrapped(*args, **kwargs)
        try:
            result = await wrapped(*args, **kwargs)
        except BaseException as error:
            _fail(scope, error)
            raise
        _return(scope)
        return result

    return call, async_call


def _open(package: str, unsent: Callable[[Scope], Call | None]) -> Scope | None:
    session = active()
    outer = current_scope()
    if session is None or (outer is not None and outer.takes(package)):  # older SDKs retry by calling themselves
        return None
    scope = Scope(session, package, unsent)
    scope.enter()
    return scope


def _fail(scope: Scope, error: BaseException) -> None:
    scope.over = True  # whatever happens below, it must not swallow the calls that follow in this context
    with _LEAVE:
        scope.leave()
    with _FAIL:
        scope.failed(error)


def _return(scope: Scope) -> None:
    scope.over = True
    try:
        scope.leave()
    except Exception as fault:  # noqa: BLE001 - the boundary
        _LEAVE.took(fault)
    try:
        scope.returned()
    except Exception as fault:  # noqa: BLE001 - the boundary
        _RETURN.took(fault)
