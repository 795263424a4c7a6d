"""A function that a model may call, and how it is described to the model.

Invariant: a description is made of what the function itself says (signature, annotations, docstring); what it leaves
open is left open, so that no call is refused for a guess of ours.
"""

from __future__ import annotations

import inspect
import types
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Union

from spanglass.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number"}
_UNIONS = (Union, types.UnionType)
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may call.

    Args:
        name: by which the model calls it.
        description: what it is for, in words.
        parameters: the JSON schema of its arguments.
        function: what is run, with the arguments by name; its result, or its error, is told to the model.

    Example:
        >>> def get_weather(city: str, days: int = 1) -> str:
        ...     "The weather in a city."
        ...     return f"{city}: rain"
        >>> Tool.of(get_weather).parameters["properties"]
        {'city': {'type': 'string'}, 'days': {'type': 'integer'}}
    """

    name: str
    description: str
    parameters: dict[str, Any]
    function: Callable[..., Any]

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Tool:
        """The tool that a function is, described by its signature and docstring."""
        description = inspect.getdoc(function) or ""
        return cls(getattr(function, "__name__", type(function).__name__), description, _schema(function), function)

    @property
    def definition(self) -> dict[str, Any]:
        """As OpenAI's chat format has it."""
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}


def by_name(tools: Iterable[Tool | Callable[..., Any]]) -> dict[str, Tool]:
    """The tools by name; functions become tools.

    Raises:
        ConfigurationError: two have the same name.
    """
    found: dict[str, Tool] = {}
    for given in tools:
        tool = given if isinstance(given, Tool) else Tool.of(given)
        if tool.name in found:
            message = f"two tools are named {tool.name!r}; give one of them another name: Tool(name=…)"
            raise ConfigurationError(message)
        found[tool.name] = tool
    return found


def _schema(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError):  # annotations that only a type checker can resolve
        hints = {}
    signature = inspect.signature(function).parameters.values()
    parameters = [parameter for parameter in signature if parameter.kind not in _VARIADIC]
    return {
        "type": "object",
        "properties": {parameter.name: _type_schema(hints.get(parameter.name)) for parameter in parameters},
        "required": [parameter.name for parameter in parameters if parameter.default is parameter.empty],
    }


def _type_schema(hint: Any) -> dict[str, Any]:
    if hint in _SCALARS:
        return {"type": _SCALARS[hint]}
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in _UNIONS:
        present = [argument for argument in arguments if argument is not type(None)]
        return _type_schema(present[0]) if len(present) == 1 else {"anyOf": [_type_schema(one) for one in present]}
    if (origin or hint) in (list, tuple, set):
        return {"type": "array", **({"items": _type_schema(arguments[0])} if arguments else {})}
    return {"type": "object"} if (origin or hint) is dict else {}
