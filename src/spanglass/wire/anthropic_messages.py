"""Anthropic's messages, and its legacy text completions.

Invariant: nothing of a message is lost, and the order stays. In our vocabulary

- ``system`` is a system message, the first;
- a ``tool_result`` block is a ``tool`` message of its own, and the blocks before and after it in the same message are
  messages too. Its content is the result's content; of an error (``is_error``) it is the whole block, as the one part;
- ``tool_use`` is a tool call of type ``function``; a tool that the server runs (``server_tool_use``, ``mcp_tool_use``)
  is one too, with its block's type, and its result is a part of the same message;
- ``thinking`` is the reasoning content; its signature stays among the parts. All other blocks are parts as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.model.message import ChatMessage
from spanglass.model.record import Usage
from spanglass.wire.anthropic_stream import join_events
from spanglass.wire.base import RequestView, ResponseView, filled, split_thinking, take, text
from spanglass.wire.error import error_of, read_error
from spanglass.wire.jsontext import decode
from spanglass.wire.openai_chat_tools import tool_call
from spanglass.wire.usage import read_exclusive_usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spanglass.model import JsonObject
    from spanglass.wire.base import Event

__all__ = ["decode", "fold", "name", "operation", "read_request", "read_response"]

name = "anthropic_messages"
operation = "chat"

_TOOL_USES = ("tool_use", "server_tool_use", "mcp_tool_use")
_CALL_FIELDS = ("type", "id", "name", "input")


def read_request(payload: JsonObject) -> RequestView:
    """The view of a request body."""
    options = dict(payload)
    model = take(options, "model")
    messages: list[ChatMessage] = []
    system, given = options.pop("system", None), options.pop("messages", None)
    if system is not None:
        messages.append(ChatMessage.as_system(system if isinstance(system, (str, list)) else [system]))
    prompt = take(options, "prompt")  # legacy text completions
    if prompt is not None:
        messages.append(ChatMessage.as_user(prompt))
    rests: JsonObject = {}
    for place, value in enumerate(given if isinstance(given, list) else [] if given is None else [given]):
        rest = dict(value) if isinstance(value, dict) else {"content": value}
        role, content = take(rest, "role") or "user", rest.pop("content", None)
        if content is None or isinstance(content, str):
            messages.append(ChatMessage(role, content))
        else:
            blocks = content if isinstance(content, list) else [content]
            rest["content"] = {}
            messages += _read_content(role, blocks, rest["content"])
        if rest := filled(rest):
            rests[str(place)] = rest
    if rests:
        options["messages"] = rests
    tools = tuple(options.pop("tools")) if isinstance(options.get("tools"), list) else ()
    return RequestView(model, tuple(messages), tools, options, bool(payload.get("stream")))


def _read_content(role: str, content: list[Any], rests: JsonObject) -> Iterator[ChatMessage]:
    """The messages that one message's blocks are; ``rests`` takes, by a result's place, what its message cannot say."""
    blocks: list[Any] = []
    for place, block in enumerate(content):
        if not isinstance(block, dict) or block.get("type") != "tool_result":
            blocks.append(block)
            continue
        if blocks:
            yield _read_blocks(role, blocks)
            blocks = []
        result, rest = _read_result(block)
        yield result
        if rest:
            rests[str(place)] = rest
    if blocks or not content:
        yield _read_blocks(role, blocks)


def _read_result(block: JsonObject) -> tuple[ChatMessage, JsonObject]:
    rest = {key: value for key, value in block.items() if key != "type"}
    call_id, content = take(rest, "tool_use_id"), rest.pop("content", None)
    if rest.pop("is_error", None):
        return ChatMessage("tool", [block], tool_call_id=call_id), {}
    if content is not None and not isinstance(content, (str, list)):
        content = [content]
    return ChatMessage("tool", content, tool_call_id=call_id), filled(rest)


def _read_blocks(role: str, blocks: list[Any]) -> ChatMessage:
    parts, reasoning = split_thinking(blocks)
    calls = [part for part in parts if isinstance(part, dict) and part.get("type") in _TOOL_USES]
    if not calls:
        return ChatMessage(role, parts or None, reasoning)
    kept = [part for part in parts if not (isinstance(part, dict) and part.get("type") in _TOOL_USES)]
    return ChatMessage(role, kept or None, reasoning, [_read_tool_use(call) for call in calls])


def _read_tool_use(block: JsonObject) -> JsonObject:
    """A tool call, with all else that the block says."""
    kind = "function" if block["type"] == "tool_use" else block["type"]
    rest = {key: value for key, value in block.items() if key not in _CALL_FIELDS}
    return tool_call(block.get("id"), kind, block.get("name"), block.get("input"), rest)


def read_response(payload: JsonObject) -> ResponseView:
    """The view of a whole answer; also of a count of tokens, which has only usage."""
    content = payload.get("content", payload.get("completion"))
    output: tuple[ChatMessage, ...] = ()
    if isinstance(content, list):
        output = (_read_blocks("assistant", content),)
    elif isinstance(content, str):
        output = (ChatMessage.as_assistant(content),)
    reason = text(payload.get("stop_reason"))
    counted = payload if "usage" not in payload and "input_tokens" in payload else payload.get("usage")
    return ResponseView(
        output,
        text(payload.get("model")) or None,
        text(payload.get("id")) or None,
        (reason,) if reason else (),
        read_exclusive_usage(counted) if counted else Usage(),
        error_of(payload),
        complete=True,
    )


def fold(events: Sequence[Event]) -> ResponseView:
    """The answer that a stream's events make."""
    joined = join_events(events)
    view = read_response(joined.message)
    error = None if joined.error is None else read_error(joined.error)
    return ResponseView(
        view.output,
        view.response_model,
        view.response_id,
        view.finish_reasons,
        view.usage,
        error,
        complete=joined.stopped,
    )
