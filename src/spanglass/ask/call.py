"""`call_llm`: one call to a model through any client, and its record.

Invariant: the response is the client's own object, and so is every exception. What spanglass cannot do (nothing is
captured, the store is not there) leaves the record None, and the call as it was.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from spanglass.ask.asking import Asking, mark
from spanglass.ask.client import prepare
from spanglass.guard import Boundary
from spanglass.place import handing
from spanglass.read import fetch

if TYPE_CHECKING:
    from spanglass.ask.dialect import Messages
    from spanglass.model.record import Record

_FETCH = Boundary("ask.fetch")


def call_llm(
    messages: Messages, *, model: str, client: Any = None, upstream_context: Any = None, **options: Any
) -> tuple[Any, Record | None]:
    """Calls a model and gives its response together with the record of the call.

    Args:
        messages: a prompt, or messages: `ChatMessage` objects, or dictionaries in the shape of OpenAI's chat API.
        model: the model's name.
        client: an SDK's client (openai's or anthropic's, or any of their shape); or a callable
            ``client(messages, *, model, **options)``, which is given the messages as dictionaries and returns text, a
            `ChatMessage` or an SDK's response; None is the one of `configure_client`.
        upstream_context: what the steps before handed on, if other than the step's own.
        **options: further arguments of the client, such as ``temperature``.

    Returns:
        The client's response, the very object, and the record; None for the record if nothing is captured.

    Raises:
        ConfigurationError: no client, an async one, or ``stream=True``.
        Exception: the client's own, with the record, whose state is ``error``, as ``error.spanglass_record``.

    Example:
        >>> response, record = call_llm("Hi", model="m", client=lambda messages, *, model: f"{model}: Hello")
        >>> response
        'm: Hello'
    """
    asking = Asking(prepare(client, messages, model, options, awaited=False))
    try:
        with handing(upstream_context), asking:
            response = asking.send()
    except Exception as error:
        mark(error, "spanglass_record", fetched(asking.ref))
        raise
    return response, fetched(asking.ref)


async def call_llm_async(
    messages: Messages, *, model: str, client: Any = None, upstream_context: Any = None, **options: Any
) -> tuple[Any, Record | None]:
    """`call_llm`, awaited: the client may be async, or a sync one, which then runs in a thread."""
    asking = Asking(prepare(client, messages, model, options, awaited=True))
    try:
        with handing(upstream_context), asking:
            response = await asking.send_async()
    except Exception as error:
        mark(error, "spanglass_record", await asyncio.to_thread(fetched, asking.ref))
        raise
    return response, await asyncio.to_thread(fetched, asking.ref)


def fetched(ref: str | None) -> Record | None:
    """The record of a call that has just ended, or None if there is none to be had."""
    if ref is not None:
        with _FETCH:
            return fetch(ref)
    return None
