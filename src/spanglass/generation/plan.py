"""A configuration file for columns over rows: what it may say, and what is wrong with it.

Invariant: a plan that is read can be run: every name in it is known, every template and schema compiled, and the client
made. What is wrong is said with its place in the file.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any

from spanglass.errors import ConfigurationError
from spanglass.generation.column import RunConfig, TextColumn
from spanglass.generation.extra import needed
from spanglass.generation.parser import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_KEYS = ("model", "client", "run", "columns")
_PARSERS: dict[str, Callable[[str], Any]] = {"text": str, "json": parse_json}
#: SDKs by name, and the class whose instance, made without arguments, is the client.
_CLIENTS = {"openai": "openai:OpenAI", "anthropic": "anthropic:Anthropic"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a configuration file asks for.

    Args:
        columns: in their order.
        config: how they are made.
        model: asked for the columns that name none.
        client: asks it.
    """

    columns: tuple[TextColumn, ...]
    config: RunConfig
    model: str | None
    client: Any


def read_plan(path: Path) -> Plan:
    """The plan in a YAML or JSON file.

    Raises:
        ConfigurationError: it cannot work; the message says where and why.
        OSError: the file cannot be read.
    """
    value = _read(path)
    try:
        return _plan(value, str(path.resolve().parent))
    except ConfigurationError as why:
        message = f"{path}: {why}"
        raise ConfigurationError(message) from why


def _plan(value: Any, here: str) -> Plan:
    _check_keys(value, _KEYS, "the file")
    given, run = value.get("columns"), value.get("run") or {}
    if not isinstance(given, list) or not given:
        message = "the file has no list of columns"
        raise ConfigurationError(message)
    _check_keys(run, tuple(field.name for field in fields(RunConfig)), "run")
    columns = tuple(_columns(given, here))
    return Plan(columns, RunConfig(**run), value.get("model"), _client(value.get("client", "openai"), here))


def _read(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    try:
        if path.suffix.lower() == ".json":
            value = json.loads(text)
        else:
            yaml = needed("yaml", "configuration files in YAML")
            try:
                value = yaml.safe_load(text)
            except yaml.YAMLError as why:
                raise ValueError(str(why)) from why
    except ValueError as why:
        message = f"{path} cannot be read: {why}"
        raise ConfigurationError(message) from why
    return value


def _columns(given: list[Any], here: str) -> Iterator[TextColumn]:
    known = tuple(field.name for field in fields(TextColumn) if field.init)
    for number, column in enumerate(given):
        where = f"columns[{number}]"
        _check_keys(column, known, where)
        lacking = [name for name in ("name", "prompt") if not isinstance(column.get(name), str)]
        if lacking:
            message = f"{where} has no {lacking[0]}"
            raise ConfigurationError(message)
        arguments = dict(column)
        if "parser" in arguments:
            parser = arguments["parser"]
            arguments["parser"] = _PARSERS.get(parser) or _named(parser, here, f"{where}.parser")
        if "tools" in arguments:
            arguments["tools"] = [_named(tool, here, f"{where}.tools") for tool in arguments["tools"]]
        yield TextColumn(**arguments)


def _check_keys(value: Any, known: tuple[str, ...], where: str) -> None:
    if not isinstance(value, dict):
        message = f"{where} is {type(value).__name__}, not a mapping with the keys {', '.join(known)}"
        raise ConfigurationError(message)
    unknown = [str(key) for key in value if key not in known]
    if unknown:
        message = f"{where} has the unknown key {unknown[0]!r}; the keys are {', '.join(known)}"
        raise ConfigurationError(message)


def _client(named: Any, here: str) -> Any:
    if named not in _CLIENTS:
        return _named(named, here, "client")
    try:
        return _named(_CLIENTS[named], here, "client")()
    except ConfigurationError:
        raise
    except Exception as why:
        message = f"client {named!r} cannot be made: {why}"
        raise ConfigurationError(message) from why


def _named(name: Any, here: str, where: str) -> Any:
    """What ``module:name`` names; modules beside the configuration file are found, too."""
    module, mark, attribute = str(name).partition(":")
    if not mark:
        message = f"{where} {name!r} is neither one of {', '.join((*_PARSERS, *_CLIENTS))} nor of the form module:name"
        raise ConfigurationError(message)
    if here not in sys.path:
        sys.path.append(here)
    try:
        found = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as why:
        message = f"{where} {name!r} cannot be found: {why}"
        raise ConfigurationError(message) from why
    return found
