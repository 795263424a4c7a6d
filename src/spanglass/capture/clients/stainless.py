"""The client for SDKs that Stainless generates (openai, anthropic): their ``request`` is where a logical call begins.

Their retries happen inside it, so they become attempts of one call; their parse errors leave it, so they are seen.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import wrapt

from spanglass.capture.intake import begin_unsent
from spanglass.capture.scope import Scope, current_scope
from spanglass.capture.session import active
from spanglass.guard import Boundary

if TYPE_CHECKING:
    from types import ModuleType

    from spanglass.capture.call import Call

#: The base class is patched, not each client: ``AnthropicBedrock`` is no subclass of ``Anthropic``.
MODULES = ("openai._base_client", "anthropic._base_client")

_OPEN = Boundary("client.open")
_LEAVE = Boundary("client.leave")
_RETURN = Boundary("client.return")
_FAIL = Boundary("client.fail")


def install(module: ModuleType) -> list[tuple[Any, str, Any]]:
    """Patches an SDK's base client; gives what `wrapt.unwrap_object` needs to take it back."""
    package = module.__name__.partition(".")[0]

    def request(wrapped: Any, client: Any, args: Any, kwargs: Any) -> Any:
        scope = None
        try:
            scope = _open(package, client, args, kwargs)
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

    async def async_request(wrapped: Any, client: Any, args: Any, kwargs: Any) -> Any:
        scope = None
        try:
            scope = _open(package, client, args, kwargs)
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

    # anthropic 2 traces itself in `request` and works in `_request`: in there its span can be adopted whatever happens.
    method = "_request" if hasattr(module.SyncAPIClient, "_request") else "request"
    wrappers = {f"SyncAPIClient.{method}": request, f"AsyncAPIClient.{method}": async_request}
    return [(module, name, wrapt.wrap_function_wrapper(module, name, wrapper)) for name, wrapper in wrappers.items()]


def _open(package: str, client: Any, args: Any, kwargs: Any) -> Scope | None:
    session = active()
    if session is None or current_scope() is not None:  # older SDKs retry by calling `_request` again from inside
        return None
    options = args[1] if len(args) > 1 else kwargs.get("options")
    scope = Scope(session, package, partial(_unsent, client, options))
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


def _unsent(client: Any, options: Any, scope: Scope) -> Call | None:
    """The call of a request that could not be built, such as one with an argument that is no JSON."""
    body = getattr(options, "json_data", None)
    model = body.get("model") if isinstance(body, dict) else None
    url = str(client._prepare_url(options.url))  # noqa: SLF001 - the SDK's own way from an endpoint to its url
    return begin_unsent(scope, options.method, url, model if isinstance(model, str) else None)
