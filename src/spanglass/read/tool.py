"""Tools as a person reads them: a definition as a signature, and which result answers which call.

Invariant: nothing is assumed of a definition's shape; what cannot be read as a function is given as JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from spanglass.read.window import compact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.model.message import ChatMessage


class Asked(NamedTuple):
    """Where a tool was asked for: the message's place in the window, and the tool's name."""

    message: int
    name: str


def signature(tool: Any) -> tuple[str, str]:
    """A tool as ``name(city: string, unit?: string)``, and its description.

    Example:
        >>> schema = {"properties": {"city": {"type": "string"}}, "required": ["city"]}
        >>> signature({"name": "get_weather", "description": "Tomorrow's.", "input_schema": schema})
        ('get_weather(city: string)', "Tomorrow's.")
    """
    inner = tool.get("function") if isinstance(tool, dict) else None
    function = inner if isinstance(inner, dict) else tool
    if not isinstance(function, dict):
        return compact(tool), ""
    name = str(function.get("name") or function.get("type") or "a tool without a name")
    schemas = (function.get(key) for key in ("parameters", "input_schema"))
    schema: dict[str, Any] = next((found for found in schemas if isinstance(found, dict)), {})
    properties, required = schema.get("properties"), schema.get("required") or ()
    arguments = [
        f"{key}{'' if key in required else '?'}: {value.get('type', 'any') if isinstance(value, dict) else 'any'}"
        for key, value in (properties.items() if isinstance(properties, dict) else ())
    ]
    return f"{name}({', '.join(arguments)})", str(function.get("description") or "")


def name_of(call: dict[str, Any]) -> str:
    """The name of the tool that a call asks for."""
    function = call.get("function")
    return str(function.get("name") if isinstance(function, dict) else call.get("type"))


def asked_for(messages: Sequence[ChatMessage]) -> dict[str, Asked]:
    """By the id of each tool call: where it was asked for."""
    return {
        str(call.get("id")): Asked(index, name_of(call))
        for index, message in enumerate(messages)
        for call in message.tool_calls or ()
    }


def ids(message: ChatMessage) -> set[str]:
    """The ids of the tool calls that a message asks for."""
    return {str(call.get("id")) for call in message.tool_calls or () if call.get("id")}
