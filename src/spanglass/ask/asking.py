"""Asks a model through whatever client there is, and tells which recorded call it was.

Invariant: the call is recorded once. What an SDK sends is seen on the wire. The client's exceptions pass as they are,
with the call's reference as their ``spanglass_ref``.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

from spanglass.ask.answer import read_answer
from spanglass.ask.client import prepare
from spanglass.errors import ConfigurationError
from spanglass.guard import Boundary
from spanglass.place import listening

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from spanglass.ask.client import Request
    from spanglass.ask.dialect import Messages
    from spanglass.model.message import ChatMessage

_MARK = Boundary("ask.mark_error")


class Asked(NamedTuple):
    """An answer.

    Args:
        message: the answer as a message.
        response: what the client returned, the very object.
        ref: ``trace_id/span_id`` of the recorded call, which `spanglass.fetch` takes; None if nothing was captured.
    """

    message: ChatMessage
    response: Any
    ref: str | None

    @property
    def text(self) -> str:
        """The answer's text: the texts of its parts one after the other, where it has parts."""
        content = self.message.content
        parts = content if isinstance(content, list) else [content]
        texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
        return "".join(text for text in texts if isinstance(text, str))


class Asking:
    """One question: a block around the client's call, during which it is known which call is begun."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._refs: list[str] = []
        self._listening = listening(self._refs.append)

    @property
    def ref(self) -> str | None:
        """The call that gave the answer: of several that the client made, the last."""
        return self._refs[-1] if self._refs else None

    def send(self) -> Any:
        """The client's answer.

        Raises:
            ConfigurationError: the client is to be awaited.
        """
        response = self._request.send()
        if inspect.isawaitable(response):
            if inspect.iscoroutine(response):
                response.close()
            message = "the client is async: await ask_async() or call_llm_async(), or give a sync client"
            raise ConfigurationError(message)
        return response

    async def send_async(self) -> Any:
        """The same of a client of either kind; a sync one runs in a thread, so that the event loop goes on."""
        response = self._request.send() if self._request.is_async else await asyncio.to_thread(self._request.send)
        return await response if inspect.isawaitable(response) else response

    def __enter__(self) -> Self:
        self._listening.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._listening.__exit__(kind, error, tb)
        if error is not None and self.ref is not None:
            with _MARK:
                _mark(error, "spanglass_ref", self.ref)


def ask(messages: Messages, *, model: str, client: Any = None, **options: Any) -> Asked:
    """Asks a model and reads its answer.

    Args:
        messages: a prompt, or messages: `ChatMessage` objects, or dictionaries in the shape of OpenAI's chat API.
        model: the model's name.
        client: an SDK's client (openai's or anthropic's, or any of their shape), a callable
            ``client(messages, *, model, **options)``, which is given the messages as dictionaries and returns text, a
            `ChatMessage` or an SDK's response; None is the one of `spanglass.configure_client`.
        **options: further arguments of the client, such as ``temperature``; ``tools`` in OpenAI's shape.

    Raises:
        ConfigurationError: no client, or an async one.
        Unanswered: the client returned nothing that can be read as a message.
        Exception: the client's own, with the recorded call as ``error.spanglass_ref``.

    Example:
        >>> ask("Hi", model="m", client=lambda messages, *, model: f"{model}: Hello").message.content
        'm: Hello'
    """
    with Asking(prepare(client, messages, model, options)) as asking:
        response = asking.send()
    return Asked(read_answer(response), response, asking.ref)


async def ask_async(messages: Messages, *, model: str, client: Any = None, **options: Any) -> Asked:
    """`ask`, awaited: the client may be async, or a sync one, which then runs in a thread."""
    with Asking(prepare(client, messages, model, options)) as asking:
        response = await asking.send_async()
    return Asked(read_answer(response), response, asking.ref)


def _mark(error: BaseException, name: str, value: Any) -> None:
    """Hangs a value on an exception; one that takes no attributes stays without."""
    try:
        setattr(error, name, value)
    except (AttributeError, TypeError):
        return
