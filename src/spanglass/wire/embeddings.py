"""Embeddings: OpenAI's format, which most vendors follow, and Google's.

Invariant: each text to embed is a user message; each vector is a part that says its size and leaves the numbers,
thousands of them, in the body.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

from spanglass.model.message import ChatMessage
from spanglass.model.record import Usage
from spanglass.wire.base import RequestView, ResponseView, listing, mapping, take, text
from spanglass.wire.error import error_of
from spanglass.wire.jsontext import decode
from spanglass.wire.usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.model import JsonObject
    from spanglass.wire.base import Event

__all__ = ["decode", "fold", "name", "operation", "read_request", "read_response"]

name = "embeddings"
operation = "embeddings"

#: Where the texts are: openai, cohere (with images, too), google, google in a batch, vertex, old ollama.
_TEXTS = ("input", "texts", "inputs", "content", "requests", "instances", "prompt")
#: Where the vectors are: openai, cohere and google, vertex, watsonx.
_VECTORS = ("data", "embeddings", "predictions", "results")
_FLOAT_BYTES = 4


def read_request(payload: JsonObject) -> RequestView:
    """The view of a request body."""
    options = dict(payload)
    model = take(options, "model")
    messages: list[ChatMessage] = []
    for key in _TEXTS:
        given = options.pop(key, None)
        if given is not None:
            messages += _read_inputs(given)
    return RequestView(model, tuple(messages), (), options, bool(payload.get("stream")))


def _read_inputs(given: Any) -> list[ChatMessage]:
    """A message per text; a list of tokens is one text."""
    if isinstance(given, list) and given and not isinstance(given[0], int):
        return [ChatMessage.as_user(one if isinstance(one, (str, list)) else [one]) for one in given]
    return [ChatMessage.as_user(given if isinstance(given, (str, list)) else [given])]


def read_response(payload: JsonObject) -> ResponseView:
    """The view of a whole answer: one message, a part per vector."""
    one = payload.get("embedding")
    given = next((found for key in _VECTORS if (found := payload.get(key))), [one] if one else [])
    if isinstance(given, dict):  # cohere, by type
        given = [vector for vectors in given.values() for vector in listing(vectors)]
    parts = [_part(place, vector) for place, vector in enumerate(listing(given))]
    usage = payload.get("usage") or payload.get("usageMetadata")
    counts = read_usage(usage)
    if counts.input_tokens is None and type(total := mapping(usage).get("total_tokens")) is int:
        counts = Usage(total)
    return ResponseView(
        (ChatMessage.as_assistant(parts),) if parts else (),
        text(payload.get("model")) or None,
        text(payload.get("id")) or None,
        (),
        counts,
        error_of(payload),
        complete=True,
    )


def fold(events: Sequence[Event]) -> ResponseView:
    """Embeddings are not streamed; the last event that is an object is the answer."""
    payloads = [payload for _, payload in events if isinstance(payload, dict)]
    return read_response(payloads[-1]) if payloads else ResponseView()


def _part(place: int, vector: Any) -> JsonObject:
    fields = mapping(vector)
    fields = mapping(fields.get("embeddings")) or fields  # vertex
    numbers = fields.get("embedding", fields.get("values", vector))
    size: int | None = None
    if isinstance(numbers, list):
        size = len(numbers)
    elif isinstance(numbers, str):
        try:
            size = len(binascii.a2b_base64(numbers)) // _FLOAT_BYTES
        except ValueError:
            size = None
    index = fields.get("index")
    return {"type": "embedding", "index": index if type(index) is int else place, "dimensions": size}
