"""What OpenAI's API says: chat completions, responses, embeddings, whole and as events."""

from __future__ import annotations

import base64
import json
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CREATED = 1_760_000_000


class Reply(NamedTuple):
    """What a model has to say, before it is put into an API's form.

    Args:
        seed: what ids are made of.
        model: the model that answers.
        text: its words.
        calls: the tools that it calls, each with its arguments as JSON text.
    """

    seed: str
    model: str
    text: str
    calls: tuple[tuple[str, str], ...] = ()


def event(data: Any, name: str = "") -> bytes:
    """One server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {text}\n\n".encode()


def slices(text: str, count: int) -> Iterator[str]:
    """The text in `count` slices (fewer where it is too short), none empty."""
    count = min(count, len(text))
    for number in range(count):
        yield text[number * len(text) // count : (number + 1) * len(text) // count]


def _tool_calls(reply: Reply) -> list[dict[str, Any]]:
    return [
        {"id": f"call_{reply.seed}_{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(reply.calls)
    ]


def _usage(reply: Reply) -> dict[str, Any]:
    spoken = len(reply.text.split()) + 7 * len(reply.calls)
    return {
        "prompt_tokens": 21,
        "completion_tokens": spoken,
        "total_tokens": 21 + spoken,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }


def chat_completion(reply: Reply, finish_reason: str = "") -> dict[str, Any]:
    """A chat completion."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None, "annotations": []}
    if reply.calls:
        message["tool_calls"] = _tool_calls(reply)
    finish = finish_reason or ("tool_calls" if reply.calls else "stop")
    return {
        "id": f"chatcmpl-{reply.seed}",
        "object": "chat.completion",
        "created": CREATED,
        "model": reply.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": _usage(reply),
        "service_tier": "default",
        "system_fingerprint": "fp_fake",
    }


def chat_events(reply: Reply, chunks: int, *, include_usage: bool = False, finish_reason: str = "") -> list[bytes]:
    """The same as the events of a stream."""
    head = {"id": f"chatcmpl-{reply.seed}", "object": "chat.completion.chunk", "created": CREATED, "model": reply.model}

    def chunk(delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        return event({**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]})

    events = [chunk({"role": "assistant", "content": "", "refusal": None})]
    events += [chunk({"content": piece}) for piece in slices(reply.text, chunks)]
    for index, call in enumerate(_tool_calls(reply)):
        opening = {"index": index, **call, "function": {"name": call["function"]["name"], "arguments": ""}}
        events.append(chunk({"tool_calls": [opening]}))
        events += [
            chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
            for piece in slices(call["function"]["arguments"], 3)
        ]
    events.append(chunk({}, finish_reason or ("tool_calls" if reply.calls else "stop")))
    if include_usage:
        events.append(event({**head, "choices": [], "usage": _usage(reply)}))
    return [*events, event("[DONE]")]


def embeddings(asked: dict[str, Any]) -> dict[str, Any]:
    """An embedding of three numbers for each input, base64 where it is asked for."""
    inputs = asked.get("input") or ""
    count = 1 if isinstance(inputs, str) else len(inputs)
    vectors: list[Any] = [[0.25, -0.5, float(index)] for index in range(count)]
    if asked.get("encoding_format") == "base64":
        vectors = [base64.b64encode(struct.pack("<3f", *vector)).decode() for vector in vectors]
    return {
        "object": "list",
        "model": asked.get("model", ""),
        "data": [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)],
        "usage": {"prompt_tokens": 3 * count, "total_tokens": 3 * count},
    }


def _response_message(reply: Reply, status: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
    content = [part] if status == "completed" else []
    return {"id": f"msg_{reply.seed}", "type": "message", "status": status, "role": "assistant", "content": content}


def response(reply: Reply, status: str = "completed") -> dict[str, Any]:
    """A response of the Responses API."""
    done = status == "completed"
    spoken = len(reply.text.split())
    usage = {
        "input_tokens": 21,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": spoken,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 21 + spoken,
    }
    return {
        "id": f"resp_{reply.seed}",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": reply.model,
        "output": [_response_message(reply, "completed")] if done else [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage if done else None,
    }


def response_events(reply: Reply, chunks: int) -> list[bytes]:
    """The same as the events of a stream, in the order in which the API sends them."""
    item, part = f"msg_{reply.seed}", {"type": "output_text", "annotations": [], "logprobs": []}
    place = {"item_id": item, "output_index": 0, "content_index": 0}
    deltas = [("response.output_text.delta", {**place, "delta": d, "logprobs": []}) for d in slices(reply.text, chunks)]
    script: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": response(reply, "in_progress")}),
        ("response.in_progress", {"response": response(reply, "in_progress")}),
        ("response.output_item.added", {"output_index": 0, "item": _response_message(reply, "in_progress")}),
        ("response.content_part.added", {**place, "part": {**part, "text": ""}}),
        *deltas,
        ("response.output_text.done", {**place, "text": reply.text, "logprobs": []}),
        ("response.content_part.done", {**place, "part": {**part, "text": reply.text}}),
        ("response.output_item.done", {"output_index": 0, "item": _response_message(reply, "completed")}),
        ("response.completed", {"response": response(reply)}),
    ]
    return [event({"type": name, "sequence_number": n, **data}, name) for n, (name, data) in enumerate(script)]


def error(message: str, kind: str = "invalid_request_error", code: str | None = None) -> dict[str, Any]:
    """An error body; in a stream, the data of its error event."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
