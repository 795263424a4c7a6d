"""The answer to a request for which a test has scripted nothing: by path, and by what the request asks for.

Invariant: a pure function of path and body; ids come from a hash of the body.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from fake_provider import anthropic_wire, openai_wire
from fake_provider.answer import Answer, Pause, Step


def plausible(path: str, body: bytes, *, chunks: int = 5, pause_s: float = 0.0) -> Answer:
    """What a provider might say.

    Args:
        path: the request's path; what it ends with decides the wire format.
        body: the request's body.
        chunks: pieces of text in a streamed answer.
        pause_s: seconds of silence before each event of a stream.
    """
    try:
        asked: dict[str, Any] = json.loads(body)
    except ValueError:
        asked = {}
    seed = hashlib.blake2b(body, digest_size=12).hexdigest()
    if path.endswith("/chat/completions"):
        answer = _chat(asked, seed, chunks)
    elif path.endswith("/responses"):
        answer = _responses(asked, seed, chunks)
    elif path.endswith("/embeddings"):
        answer = Answer.json(openai_wire.embeddings(asked))
    elif path.endswith("/messages"):
        answer = _messages(asked, seed, chunks)
    else:
        return Answer.json({"error": {"message": f"no such path: {path}", "type": "not_found"}}, 404)
    return _paced(answer, pause_s) if pause_s else answer


def _paced(answer: Answer, pause_s: float) -> Answer:
    steps: list[bytes | Step | Pause] = []
    for step in answer.plot:
        steps += [Pause(pause_s), step]
    return Answer(answer.status, answer.headers, tuple(steps), answer.chunked, answer.encoding)


def _chat(asked: dict[str, Any], seed: str, chunks: int) -> Answer:
    tools = [tool["function"] for tool in asked.get("tools", ())]
    reply = openai_wire.Reply(
        seed, asked.get("model", ""), _text(asked, chunks), _calls(asked, [(t["name"], t["parameters"]) for t in tools])
    )
    if asked.get("stream"):
        usage = bool((asked.get("stream_options") or {}).get("include_usage"))
        return Answer.stream(openai_wire.chat_events(reply, chunks, include_usage=usage))
    return Answer.json(openai_wire.chat_completion(reply))


def _responses(asked: dict[str, Any], seed: str, chunks: int) -> Answer:
    reply = openai_wire.Reply(seed, asked.get("model", ""), _text(asked, chunks), ())
    if asked.get("stream"):
        return Answer.stream(openai_wire.response_events(reply, chunks))
    return Answer.json(openai_wire.response(reply))


def _messages(asked: dict[str, Any], seed: str, chunks: int) -> Answer:
    tools = [(tool["name"], tool["input_schema"]) for tool in asked.get("tools", ())]
    reply = openai_wire.Reply(seed, asked.get("model", ""), _text(asked, chunks), _calls(asked, tools))
    if asked.get("stream"):
        return Answer.stream(anthropic_wire.message_events(reply, chunks))
    return Answer.json(anthropic_wire.message(reply))


def _text(asked: dict[str, Any], chunks: int) -> str:
    schema = _output_schema(asked)
    if schema is not None:
        return json.dumps(_instance(schema))
    return " ".join(f"word{number}" for number in range(max(1, chunks)))


def _output_schema(asked: dict[str, Any]) -> dict[str, Any] | None:
    chat = (asked.get("response_format") or {}).get("json_schema") or {}
    responses = (asked.get("text") or {}).get("format") or {}
    messages = (asked.get("output_config") or {}).get("format") or asked.get("output_format") or {}
    schema: dict[str, Any] | None = chat.get("schema") or responses.get("schema") or messages.get("schema")
    return schema


def _calls(asked: dict[str, Any], tools: list[tuple[str, dict[str, Any]]]) -> tuple[tuple[str, str], ...]:
    """Each tool is called once, in parallel; not again once one has answered."""
    last = (asked.get("messages") or [{}])[-1]
    content = last.get("content")
    parts = content if isinstance(content, list) else []
    if last.get("role") == "tool" or any(
        isinstance(part, dict) and part.get("type") == "tool_result" for part in parts
    ):
        return ()
    return tuple((name, json.dumps(_instance(schema))) for name, schema in tools)


def _instance(schema: dict[str, Any]) -> Any:
    """The smallest value that fits a schema of plain objects, lists and scalars."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {name: _instance(inner) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [_instance(schema.get("items", {}))]
    scalars: dict[Any, Any] = {"string": "Bergen", "integer": 11, "number": 11.5, "boolean": True}
    return scalars.get(kind)
