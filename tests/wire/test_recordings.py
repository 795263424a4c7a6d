"""Every recorded exchange of the formats here, read by our code and by the recordings' own."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from spanglass.model.record import Usage
from spanglass.wire.read import read_request, read_response
from spanglass.wire.route import route

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from spanglass.model.message import ChatMessage
    from spanglass.wire.base import RequestView

ROOT = Path(os.environ.get("SPANGLASS_RECORDINGS") or Path(__file__).parents[3] / "shared" / "recordings")
FORMATS = {
    "chat": "openai_chat",
    "completions": "openai_completions",
    "responses": "openai_responses",
    "anthropic": "anthropic_messages",
    "embeddings": "embeddings",
    "invoke": "anthropic_messages",  # Bedrock's, of Anthropic's models
}
#: What our vocabulary says in another way: the block types that are tool calls and tool messages there, the role of a
#: message that is nothing but tool results, the types of items that are messages.
STRUCTURE = {"tool_use", "tool_result", "thinking", "message", "function_call", "function_call_output", "reasoning"}
STRUCTURE |= {"summary_text", "reasoning_text"}


def _load_replay() -> ModuleType | None:
    path = ROOT / "replay.py"
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location("spanglass_recordings_replay", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


replay = _load_replay()
EXCHANGES: list[dict[str, Any]] = (
    [
        exchange
        for exchange in replay.load()
        if exchange["format"] in FORMATS and (exchange["format"] != "invoke" or "anthropic" in exchange["path"])
    ]
    if replay is not None
    else []
)

pytestmark = pytest.mark.skipif(not EXCHANGES, reason=f"no recordings at {ROOT}; set SPANGLASS_RECORDINGS")
every_exchange = pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: str(exchange["id"]))


@every_exchange
def test_routes_by_path(exchange: dict[str, Any]) -> None:
    found = route(exchange["method"], exchange["host"], exchange["path"])
    assert found is not None
    assert (found.format, found.provider is not None) == (FORMATS[exchange["format"]], True)


@every_exchange
def test_folds_to_the_truth(exchange: dict[str, Any]) -> None:
    assert replay is not None
    want = replay.truth(exchange)
    view = read_response(
        FORMATS[exchange["format"]],
        replay.body_bytes(exchange),
        content_type=dict(exchange["response_headers"]).get("content-type", ""),
        status=exchange["response_status"],
    )
    error = view.error and (view.error.type, view.error.message)
    got: dict[str, Any] = {
        "texts": [_text(message) for message in view.output if message.role == "assistant"],
        "reasoning": "".join(message.reasoning_content or "" for message in view.output).replace("\n\n", ""),
        "tool_calls": [call for message in view.output for call in _calls(message)],
        "finish": list(view.finish_reasons),
        "usage": view.usage,
        "model": view.response_model,
        "id": view.response_id,
        "vectors": sum(_is_vector(part) for message in view.output for part in message.content or ()),
        "error": error,
        "complete": view.complete,
    }
    expected: dict[str, Any] = {
        "texts": list(want.texts),
        "reasoning": want.reasoning.replace("\n\n", ""),
        "tool_calls": [(name, arguments) for name, arguments in want.tool_calls],
        "finish": want.finish,
        "usage": _usage(want.usage, exclusive=FORMATS[exchange["format"]] == "anthropic_messages"),
        "model": want.model or None,
        "id": want.response_id or None,
        "vectors": want.vectors,
        "error": _error(want, exchange["response_status"]),
        "complete": True,
    }
    if not any(expected["texts"]):  # a message without text, or no message
        got["texts"] = [text for text in got["texts"] if text]
        expected["texts"] = []
    if exchange["format"] == "embeddings":
        expected["id"] = got["id"]  # the recordings' code does not read it
    assert got == expected


@every_exchange
def test_loses_nothing_of_the_request(exchange: dict[str, Any]) -> None:
    assert replay is not None
    view = read_request(FORMATS[exchange["format"]], json.dumps(exchange["request_json"]).encode())
    kept = set(_strings(view))
    lost = [
        (path, value)
        for path, value in replay.request_strings(exchange)
        if value not in kept and not (path.endswith(".type") and value in STRUCTURE)
    ]
    assert lost == []
    assert view.model == exchange["request_json"].get("model")
    assert view.stream == bool(exchange["request_json"].get("stream"))


def _text(message: ChatMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    parts = [part for part in message.content or () if part.get("type") in ("text", "output_text")]
    return "".join(part["text"] for part in parts)


def _calls(message: ChatMessage) -> Iterator[tuple[str, Any]]:
    for call in message.tool_calls or ():
        arguments = call["function"]["arguments"]
        yield call["function"]["name"], _parsed(arguments)


def _parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


def _is_vector(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "embedding"


def _usage(given: dict[str, Any] | None, *, exclusive: bool) -> Usage:
    flat: dict[str, Any] = {}
    for key, value in (given or {}).items():
        if isinstance(value, dict):
            flat |= {name: count for name, count in value.items() if key.endswith("_details")}
    flat |= {key: value for key, value in (given or {}).items() if isinstance(value, int)}

    def first(*names: str) -> int | None:
        return next((flat[name] for name in names if flat.get(name) is not None), None)

    read = first("cached_tokens", "cache_read_input_tokens", "prompt_cache_hit_tokens", "num_cached_tokens")
    written = first("cache_write_tokens", "cache_creation_input_tokens")
    spent = first("prompt_tokens", "input_tokens", "promptTokenCount")
    if exclusive and spent is not None:
        spent += (read or 0) + (written or 0)
    if spent is None:
        spent = first("total_tokens")  # voyage counts nothing else
    return Usage(
        spent,
        first("completion_tokens", "output_tokens"),
        read,
        written,
        first("reasoning_tokens", "thinking_tokens"),
    )


def _error(want: Any, status: int) -> tuple[str, str] | None:
    found = want.error_body["error"] if status >= 400 else want.stream_error
    if found is None:
        return None
    return found.get("type") or str(found.get("code")), found["message"]


def _strings(view: RequestView) -> Iterator[str]:
    yield view.model or ""
    for message in view.messages:
        yield from _walk(message.to_dict())
    yield from _walk(list(view.tools))
    yield from _walk(view.options)


def _walk(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item)
            if key == "arguments" and isinstance(item, str):
                yield from _walk(_parsed(item))
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item)
    elif isinstance(value, str):
        yield value
