"""The client for SDKs that Stainless generates (openai, anthropic): their ``request`` is where a logical call begins.

Their retries happen inside it, so they become attempts of one call; their parse errors leave it, so they are seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import wrapt

from spanglass.capture.clients.around import around
from spanglass.capture.intake import begin_unsent

if TYPE_CHECKING:
    from types import ModuleType

    from spanglass.capture.call import Call
    from spanglass.capture.scope import Scope

#: The base class is patched, not each client: ``AnthropicBedrock`` is no subclass of ``Anthropic``.
MODULES = ("openai._base_client", "anthropic._base_client")


def install(module: ModuleType) -> list[tuple[Any, str, Any]]:
    """Patches an SDK's base client; gives what `wrapt.unwrap_object` needs to take it back."""
    request, async_request = around(module.__name__.partition(".")[0], _unsent)
    # anthropic 2 traces itself in `request` and works in `_request`: in there its span can be adopted whatever happens.
    method = "_request" if hasattr(module.SyncAPIClient, "_request") else "request"
    wrappers = {f"SyncAPIClient.{method}": request, f"AsyncAPIClient.{method}": async_request}
    return [(module, name, wrapt.wrap_function_wrapper(module, name, wrapper)) for name, wrapper in wrappers.items()]


def _unsent(client: Any, args: Any, kwargs: Any, scope: Scope) -> Call | None:
    """The call of a request that could not be built, such as one with an argument that is no JSON."""
    options = args[1] if len(args) > 1 else kwargs.get("options")
    body = getattr(options, "json_data", None)
    model = body.get("model") if isinstance(body, dict) else None
    url = str(client._prepare_url(options.url))  # noqa: SLF001 - the SDK's own way from an endpoint to its url
    return begin_unsent(scope, options.method, url, model if isinstance(model, str) else None)
