"""Reads docker-compose.yml as a container engine would, and turns each service into a native command.

Invariant: nothing is added to a service but the address it listens at; what the file says of commands, variables, files
and ports is what the end-to-end tests run.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = ROOT / "docker-compose.yml"
_SERVICE_NAME = re.compile(r"\b(?:collector|jaeger|spanglass|localhost)(?=:\d)|\b0\.0\.0\.0\b")
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::[?-][^}]*)?\}")


class Native(NamedTuple):
    """What a service runs, on this machine."""

    arguments: list[str]
    environ: dict[str, str]


class Place(NamedTuple):
    """Where services run natively: one loopback address, a directory for volumes, the user's variables."""

    host: str
    volumes: Path
    variables: Mapping[str, str]


def load() -> dict[str, Any]:
    """The file, read."""
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return loaded


def native(service: Mapping[str, Any], place: Place) -> Native:
    """The arguments and the variables of a service, with native paths and addresses."""
    paths = _paths(service, place)

    def here(text: str) -> str:
        text = _VARIABLE.sub(lambda found: place.variables[found["name"]], text)
        for inside, outside in paths.items():
            text = text.replace(inside, outside)
        return _SERVICE_NAME.sub(place.host, text)

    environ = {name: here(str(value)) for name, value in service.get("environment", {}).items()}
    return Native([here(word) for word in service["command"]], environ)


def ports(service: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The published ports as (address, port there, port within)."""
    return [tuple(port.split(":")) for port in service.get("ports", ())]


def _paths(service: Mapping[str, Any], place: Place) -> dict[str, str]:
    """Container paths and what they are here; files first, because a volume's path may begin as theirs."""
    found: dict[str, str] = {}
    for mount in service.get("volumes", ()):
        source, inside = mount.split(":")[:2]
        outside = ROOT / source if source.startswith(".") else place.volumes / source
        if not source.startswith("."):
            outside.mkdir(parents=True, exist_ok=True)
        found[inside] = str(outside)
    return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))
