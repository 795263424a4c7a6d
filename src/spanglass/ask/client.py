"""Which kind of client something is, by its shape, and what to call on it.

Invariant: no SDK is imported, and a client is called as a program would call it; what it returns and raises is its own.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

from spanglass.ask.dialect import to_anthropic, to_openai
from spanglass.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spanglass.ask.dialect import Messages

IS_ASYNC = "the client is async: await call_llm_async(), or give a sync client"
_configured: Any = None


class Request(NamedTuple):
    """A call that is ready to be made.

    Args:
        function, args, kwargs: what to call, and with what.
        is_async: what it returns is to be awaited, as far as can be told before.
        by_wire: an SDK's method, which is captured on the wire.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    is_async: bool
    by_wire: bool

    def send(self) -> Any:
        """Calls the client."""
        return self.function(*self.args, **self.kwargs)

    def payload(self) -> dict[str, Any]:
        """What the model is given, for a client of which no wire is watched."""
        return {**self.kwargs, **({"messages": self.args[0]} if self.args else {})}


def configure_client(client: Any) -> None:
    """Sets the client that `call_llm`, `call_llm_async` and the like use when they are given none.

    Args:
        client: an SDK's client or a callable, as `call_llm` takes it; None forgets the one that was set.

    Example:
        >>> configure_client(lambda messages, *, model: f"{model} heard {messages[0]['content']!r}")
        >>> configure_client(None)
    """
    global _configured  # noqa: PLW0603 - one default for a process, behind this function
    _configured = client


def prepare(client: Any, messages: Messages, model: str, options: Mapping[str, Any], *, awaited: bool) -> Request:
    """The call of ``client``, or of the configured one, that asks ``model``.

    Raises:
        ConfigurationError: there is no client, it is none, it is async and not ``awaited``, or the answer is to be
            streamed.
    """
    request = _prepare(client, messages, model, options)
    if request.is_async and not awaited:
        raise ConfigurationError(IS_ASYNC)
    return request


def _prepare(client: Any, messages: Messages, model: str, options: Mapping[str, Any]) -> Request:
    client = _configured if client is None else client
    if client is None:
        message = "no client: give client=, or set one for the program with spanglass.configure_client(client)"
        raise ConfigurationError(message)
    if options.get("stream"):
        message = "stream=True: the answer is read whole here; to stream, call the client itself, which is captured too"
        raise ConfigurationError(message)
    for path, said in ((("chat", "completions", "create"), _openai), (("messages", "create"), _anthropic)):
        method = _method(client, path)
        if method is not None:
            return Request(method, (), {"model": model, **said(messages, options)}, _is_async(method), by_wire=True)
    if not callable(client):
        message = (
            f"{type(client).__qualname__} is no client: it has neither chat.completions.create nor messages.create, "
            "and cannot be called as client(messages, model=..., **options)"
        )
        raise ConfigurationError(message)
    kwargs = {"model": model, **options}
    return Request(client, (to_openai(messages),), kwargs, _is_async(client), by_wire=False)


def _openai(messages: Messages, options: Mapping[str, Any]) -> dict[str, Any]:
    return {"messages": to_openai(messages), **options}


def _anthropic(messages: Messages, options: Mapping[str, Any]) -> dict[str, Any]:
    return to_anthropic(messages, options)


def _method(client: Any, path: tuple[str, ...]) -> Callable[..., Any] | None:
    found = client
    for name in path:
        found = getattr(found, name, None)
    return found if callable(found) else None


def _is_async(function: Any) -> bool:
    call = inspect.unwrap(function) if hasattr(function, "__wrapped__") else function
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004
