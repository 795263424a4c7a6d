"""Asks a model through whatever client there is, and tells which recorded call it was.

Invariant: the call is recorded once, over whatever it goes. The client's exceptions pass as they are, with the call's
reference as their ``spanglass_ref``.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from spanglass.ask.answer import read_answer
from spanglass.ask.client import IS_ASYNC, prepare
from spanglass.capture.manual import Handle, begin_call
from spanglass.errors import ConfigurationError
from spanglass.place import listening

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from spanglass.ask.client import Request
    from spanglass.ask.dialect import Messages
    from spanglass.model.message import ChatMessage


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
    """One question: a block around the client's call, during which it is known which call is begun.

    What an SDK sends is seen on the wire. Of any other client nobody knows before; so what it is asked is logged by
    hand, ahead, and gives way to the call on the wire if there is one. An SDK's client that no wire is watched of (a
    stand-in, another transport) is logged afterwards.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._refs: list[str] = []
        self._inside = ExitStack()
        self._handle = Handle()
        self._started_at = 0

    @property
    def ref(self) -> str | None:
        """The call that gave the answer: of several that the client made over a wire, the last."""
        if self._handle.ref is not None and not self._handle.is_taken:
            return self._handle.ref
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
            raise ConfigurationError(IS_ASYNC)
        return self._answered(response)

    async def send_async(self) -> Any:
        """The same of a client of either kind; a sync one runs in a thread, so that the event loop goes on."""
        response = self._request.send() if self._request.is_async else await asyncio.to_thread(self._request.send)
        return self._answered(await response if inspect.isawaitable(response) else response)

    def _answered(self, response: Any) -> Any:
        self._ensure_logged()
        self._handle.respond(response)
        return response

    def _ensure_logged(self) -> None:
        if not self._refs:
            self._handle = begin_call(self._request.payload, started_at=self._started_at)

    def __enter__(self) -> Self:
        self._started_at = time.time_ns()
        self._inside.enter_context(listening(self._refs.append))
        if not self._request.by_wire:
            self._handle = begin_call(self._request.payload)
            self._inside.enter_context(self._handle.offering)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._inside.close()
        if error is None:
            return
        self._ensure_logged()
        self._handle.fail(error)
        if self.ref is not None:
            mark(error, "spanglass_ref", self.ref)


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
    with Asking(prepare(client, messages, model, options, awaited=False)) as asking:
        response = asking.send()
    return Asked(read_answer(response), response, asking.ref)


async def ask_async(messages: Messages, *, model: str, client: Any = None, **options: Any) -> Asked:
    """`ask`, awaited: the client may be async, or a sync one, which then runs in a thread."""
    with Asking(prepare(client, messages, model, options, awaited=True)) as asking:
        response = await asking.send_async()
    return Asked(read_answer(response), response, asking.ref)


def mark(error: BaseException, name: str, value: Any) -> None:
    """Hangs a value on an exception; one that takes no attributes stays without."""
    with contextlib.suppress(AttributeError, TypeError):
        setattr(error, name, value)
