"""How a conversation is said to each kind of client: pure functions from messages to the client's arguments.

Invariant: what is given as a dictionary goes on as it is wherever the client takes dictionaries of that shape. A
model's reasoning is not said back to it: APIs refuse it, or want it in a form of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from spanglass.model.message import ChatMessage
from spanglass.wire.jsontext import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: What is taken for a conversation: a prompt, or messages as such or as dictionaries in the shape of OpenAI's chat API.
Messages: TypeAlias = "str | Sequence[ChatMessage | Mapping[str, Any]]"

_SENT = ("role", "content", "tool_calls", "tool_call_id", "name")
_SYSTEM = ("system", "developer")
#: What anthropic's API demands and others do not.
_MAX_TOKENS = 4096


def to_openai(messages: Messages) -> list[dict[str, Any]]:
    """Messages in the shape of OpenAI's chat API, which callables are given too.

    Example:
        >>> to_openai([ChatMessage.as_user("Hi")])
        [{'role': 'user', 'content': 'Hi'}]
    """
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    return [_plain(message) if isinstance(message, ChatMessage) else dict(message) for message in messages]


def to_anthropic(messages: Messages, options: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of Anthropic's ``messages.create``, the model aside, from messages and options in OpenAI's shape.

    System messages become ``system``, tool calls and tool results blocks; ``max_tokens`` is 4096 unless it is given.
    """
    arguments: dict[str, Any] = {"max_tokens": _MAX_TOKENS, **options}
    system: list[Any] = []
    spoken: list[dict[str, Any]] = []
    for message in to_openai(messages):
        if message.get("role") in _SYSTEM:
            system += _blocks(message.get("content"))
        elif message.get("role") == "tool":
            _answer(spoken, message)
        else:
            spoken.append(_speech(message))
    arguments["messages"] = spoken
    if system and "system" not in arguments:
        arguments["system"] = system[0]["text"] if _is_one_text(system) else system
    if isinstance(arguments.get("tools"), list):
        arguments["tools"] = [_tool(tool) for tool in arguments["tools"]]
    return arguments


def _plain(message: ChatMessage) -> dict[str, Any]:
    said = {name: getattr(message, name) for name in _SENT}
    return {name: value for name, value in said.items() if value is not None or name == "content"}


def _blocks(content: Any) -> list[Any]:
    if isinstance(content, list):
        return [{"type": "text", "text": part} if isinstance(part, str) else part for part in content]
    return [] if content in (None, "") else [{"type": "text", "text": content}]


def _is_one_text(blocks: list[Any]) -> bool:
    return len(blocks) == 1 and isinstance(blocks[0], dict) and blocks[0].keys() == {"type", "text"}


def _speech(message: dict[str, Any]) -> dict[str, Any]:
    calls = message.get("tool_calls")
    if not calls:
        return {"role": message["role"], "content": message.get("content")}
    return {"role": message["role"], "content": [*_blocks(message.get("content")), *map(_tool_use, calls)]}


def _tool_use(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function") or {}
    arguments = function.get("arguments") or "{}"
    given = parse_json(arguments.encode()) if isinstance(arguments, str) else arguments
    return {"type": "tool_use", "id": call.get("id"), "name": function.get("name"), "input": given}


def _answer(spoken: list[dict[str, Any]], message: dict[str, Any]) -> None:
    """The results of one turn's tool calls belong into one message."""
    result = {"type": "tool_result", "tool_use_id": message.get("tool_call_id"), "content": message.get("content")}
    last = spoken[-1] if spoken else {}
    content = last.get("content")
    if last.get("role") == "user" and isinstance(content, list) and content[-1].get("type") == "tool_result":
        content.append(result)
    else:
        spoken.append({"role": "user", "content": [result]})


def _tool(tool: Any) -> Any:
    """A tool's definition as Anthropic writes it, if it is written as OpenAI does."""
    function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
    if not isinstance(function, dict):
        return tool
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    said = {"name": function.get("name"), "description": function.get("description"), "input_schema": schema}
    return {name: value for name, value in said.items() if value is not None}
