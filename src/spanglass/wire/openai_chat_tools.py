"""Tool calls in OpenAI's chat format: one shape for all the ways in which servers write and stream them.

Invariant: a tool call is ``{"id", "type", "function": {"name", "arguments"}}``, the arguments as JSON text as sent;
what a server says beyond that stays in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.wire.base import mapping, text
from spanglass.wire.jsontext import json_text, parse_json

if TYPE_CHECKING:
    from spanglass.model import JsonObject

_HEAD = ("id", "type", "index", "function", "custom")
_SHAPE = ("id", "type", "function")


def tool_call(call_id: Any, kind: Any, name: Any, arguments: Any, rest: JsonObject) -> JsonObject:
    """A tool call in the vocabulary's shape; arguments that are no text are written as JSON.

    What ``rest`` says beyond the shape stays in the call; under a name of the shape, in its function.
    """
    if not isinstance(arguments, str):
        arguments = "" if arguments is None else json_text(arguments)
    inner = {key: value for key, value in rest.items() if key in _SHAPE}
    return {
        "id": call_id,
        "type": kind or "function",
        "function": {**inner, "name": name, "arguments": arguments},
        **{key: value for key, value in rest.items() if key not in _SHAPE},
    }


def read_tool_call(call: JsonObject) -> JsonObject:
    """A whole tool call; one that already has the shape is given back itself."""
    function = call.get("function")
    if "id" in call and "type" in call and isinstance(function, dict) and isinstance(function.get("arguments"), str):
        return call
    rest = {key: value for key, value in call.items() if key not in ("id", "type")}
    for key in ("function", "custom"):  # a custom tool's input is its arguments; some servers write the fields flat
        if isinstance(rest.get(key), dict):
            rest = {**rest.pop(key), **rest}
            break
    arguments = rest.pop("arguments", None)
    arguments = rest.pop("input", None) if arguments is None else arguments
    return tool_call(call.get("id"), call.get("type"), rest.pop("name", None), arguments, rest)


class ToolCalls:
    """The tool calls of one choice while they grow.

    Servers differ in what tells one call from the next: an index; an index that is always 0, with a new id; an id
    alone; or nothing but that a name comes again when the arguments so far are whole.
    """

    __slots__ = ("_by_id", "_calls", "_open")

    def __init__(self) -> None:
        self._calls: list[_Growing] = []
        self._open: dict[int | str, _Growing] = {}
        self._by_id: dict[tuple[Any, str], _Growing] = {}  # some servers give all calls one id, and an index each

    def add(self, fragments: list[Any]) -> None:
        """Adds the ``tool_calls`` of one chunk."""
        for place, fragment in enumerate(fragments):
            if not isinstance(fragment, dict):
                continue
            index, function = fragment.get("index"), fragment.get("function")
            key = index if type(index) is int else place
            call = self._open.get(key)
            if call is not None and len(fragment) == 2 and type(function) is dict and [*function] == ["arguments"]:  # noqa: PLR2004
                call.add_arguments(function)  # an index and a piece of the arguments: what most chunks are
                continue
            function = mapping(function) or mapping(fragment.get("custom"))
            call_id = text(fragment.get("id"))
            call = self._by_id.get((index, call_id)) or call
            if call is None or call.is_over(call_id, function):
                call = self._begin(key)
            if call_id and not call.id:
                call.id = call_id
                self._by_id[index, call_id] = call
            call.add(fragment, function)

    def add_legacy(self, function: JsonObject) -> None:
        """Adds the ``function_call`` of one chunk, of which a choice has one at most."""
        if function:
            (self._open.get("function_call") or self._begin("function_call")).add({}, function)

    def whole(self) -> list[JsonObject] | None:
        """The calls, in the order in which they began, or None."""
        return [call.whole() for call in self._calls] or None

    def _begin(self, key: int | str) -> _Growing:
        call = self._open[key] = _Growing()
        self._calls.append(call)
        return call


class _Growing:
    __slots__ = ("arguments", "id", "kind", "name", "rest")

    def __init__(self) -> None:
        self.id = self.name = self.kind = ""
        self.arguments: list[str] = []
        self.rest: JsonObject = {}

    def is_over(self, call_id: str, function: JsonObject) -> bool:
        """Whether a fragment under the same index begins another call."""
        if call_id:
            return bool(self.id) and call_id != self.id
        if not (self.name and self.arguments and function.get("name") and function.get("arguments")):
            return False
        try:
            parse_json("".join(self.arguments).encode("utf-8", "replace"))
        except ValueError:
            return False
        return True

    def add(self, fragment: JsonObject, function: JsonObject) -> None:
        self.add_arguments(function)
        self.name = self.name or text(function.get("name"))
        self.kind = self.kind or text(fragment.get("type"))
        self.rest.update((key, value) for key, value in fragment.items() if key not in _HEAD)

    def add_arguments(self, function: JsonObject) -> None:
        arguments = function.get("arguments", function.get("input"))
        if isinstance(arguments, str):
            self.arguments.append(arguments)
        elif arguments is not None:
            self.arguments.append(json_text(arguments))

    def whole(self) -> JsonObject:
        return tool_call(self.id or None, self.kind, self.name or None, "".join(self.arguments), self.rest)
