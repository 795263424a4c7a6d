"""The API that a shape calls, through one real client, sync or async alike.

Invariant: a shape is written once. With a sync client nothing in it ever waits, so `run` drives it without a loop.
"""

from __future__ import annotations

import asyncio
import inspect
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import anthropic
import openai

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from opentelemetry.trace import TracerProvider

    from fake_provider import FakeProvider

Sdk: TypeAlias = Literal["openai", "anthropic", "anthropic-untraced"]
Mode: TypeAlias = Literal["sync", "async"]

#: The key that every client is given. It must never be found.
API_KEY = "sk-proj-Kq3vN8xZ2mT7wB5rY9cD4fG6hJ1kL0pQsUaEiOnMbVt"
MODEL = "gpt-4o-mini"
PROMPT = "Where does the 08:25 from Oslo go?"
#: Shared, because to read all root certificates for each client costs more than all else.
_TLS = ssl.create_default_context()


@dataclass
class Endpoint:
    """One client, and the provider that it talks to."""

    sdk: Sdk
    mode: Mode
    provider: FakeProvider
    client: Any

    @property
    def api(self) -> Any:
        """The client's resource for conversations."""
        return self.api_of(self.client)

    def api_of(self, client: Any) -> Any:
        """The same resource of a client derived from this one."""
        return client.chat.completions if self.sdk == "openai" else client.messages

    def ask(self, **more: Any) -> dict[str, Any]:
        """The arguments of a plain question."""
        limit = {} if self.sdk == "openai" else {"max_tokens": 64}
        return {"model": MODEL, "messages": [{"role": "user", "content": PROMPT}], **limit, **more}


def open_endpoint(
    sdk: Sdk, mode: Mode, provider: FakeProvider, tracer_provider: TracerProvider | None, url: str = ""
) -> Endpoint:
    """An endpoint with a client of its own; an ``anthropic`` client traces itself, with ``tracer_provider``."""
    options: dict[str, Any] = {"api_key": API_KEY, "max_retries": 0, "timeout": 60.0, "base_url": url or provider.url}
    package: Any = openai if sdk == "openai" else anthropic
    http = package.DefaultHttpxClient if mode == "sync" else package.DefaultAsyncHttpxClient
    options["http_client"] = http(verify=_TLS)
    if sdk == "openai":
        options["base_url"] += "/v1"
        return Endpoint(sdk, mode, provider, (openai.OpenAI if mode == "sync" else openai.AsyncOpenAI)(**options))
    options["open_telemetry"] = {"traces": False} if sdk == "anthropic-untraced" else {}
    if sdk == "anthropic" and tracer_provider is not None:
        options["open_telemetry"] = {"tracer_provider": tracer_provider}
    made = anthropic.Anthropic if mode == "sync" else anthropic.AsyncAnthropic
    return Endpoint(sdk, mode, provider, made(**options))


def run(endpoint: Endpoint, shape: Callable[[Endpoint], Coroutine[Any, Any, list[Any]]]) -> list[Any]:
    """Drives a shape to its end and closes the client; raises what the shape raises."""
    if endpoint.mode == "async":
        return asyncio.run(_closing(endpoint, shape))
    steps = _closing(endpoint, shape)
    try:
        steps.send(None)
    except StopIteration as end:
        found: list[Any] = end.value
        return found
    message = "a shape waited for something although its client is sync"
    raise AssertionError(message)


async def _closing(endpoint: Endpoint, shape: Callable[[Endpoint], Coroutine[Any, Any, list[Any]]]) -> list[Any]:
    try:
        return await shape(endpoint)
    finally:
        await settle(endpoint.client.close())


async def settle(value: Any) -> Any:
    """The value itself, or what comes of awaiting it."""
    return await value if inspect.isawaitable(value) else value


async def take(stream: Any, count: int | None = None) -> list[Any]:
    """Iterates over an SDK's object, and breaks after ``count`` items."""
    items: list[Any] = []
    if hasattr(stream, "__aiter__"):
        async for item in stream:
            items.append(item)
            if len(items) == count:
                break
    else:
        for item in stream:
            items.append(item)
            if len(items) == count:
                break
    return items


class Entered:
    """A context manager of either kind, entered with ``async with``."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._is_async = hasattr(manager, "__aenter__")

    async def __aenter__(self) -> Any:
        return await self._manager.__aenter__() if self._is_async else self._manager.__enter__()

    async def __aexit__(self, *error: object) -> Any:
        return await self._manager.__aexit__(*error) if self._is_async else self._manager.__exit__(*error)


async def cancelled(task: asyncio.Task[Any]) -> type[object]:
    """Cancels a task and says what it ended with."""
    task.cancel()
    await asyncio.wait([task])
    return asyncio.CancelledError if task.cancelled() else type(task.exception())
