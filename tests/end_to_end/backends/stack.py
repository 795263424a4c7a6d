"""Collector, Jaeger and sidecar on one loopback address of their own, as docker-compose.yml describes them.

Invariant: every port is the one of the compose file, because on Linux each test can have an address of its own; all
data is in one directory, and outlives the processes but not the test.
"""

from __future__ import annotations

import random
import socket
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx

from end_to_end.backends import compose
from end_to_end.backends.process import BIN, Process, find_program
from spanglass.read.reader import Reader
from spanglass.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

TOKEN = "end-to-end-token-of-no-worth"
#: Port of each service that answers "are you well?", and the path to ask.
HEALTH = {"collector": (13133, "/"), "jaeger": (13134, "/status"), "spanglass": (8088, "/healthz")}
_PORTS = (4317, 4318, 4319, 8088, 13133, 13134, 14317, 16685, 16686)
_TRIES = 50


class Stack:
    """The three, running.

    Args:
        directory: for everything that they write.
    """

    def __init__(self, directory: Path) -> None:
        self.host = free_address()
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._place = compose.Place(self.host, directory / "volumes", {"SPANGLASS_SERVER_TOKEN": TOKEN})
        services = compose.load()["services"]
        self.collector = self._process("collector", services, [find_program("otelcol")])
        self.jaeger = self._process("jaeger", services, [find_program("jaeger")])
        self.sidecar = self._process("spanglass", services, [str(BIN / "spanglass")])
        self._running = ExitStack()

    def _process(self, name: str, services: dict[str, Any], program: list[str]) -> Process:
        arguments, environ = compose.native(services[name], self._place)
        port, path = HEALTH[name]
        own_address = {"COLLECTOR_HOST": self.host, "JAEGER_HOST": self.host}
        return Process(
            name,
            [*program, *arguments],
            {**own_address, **environ},
            health=f"http://{self.host}:{port}{path}",
            log=self.directory / f"{name}.log",
        )

    def __enter__(self) -> Self:
        with self._running:
            for process in self.processes:
                self._running.callback(process.stop)
                process.start()
            self._running = self._running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def processes(self) -> list[Process]:
        """All three, in the order in which they are started."""
        return [self.jaeger, self.sidecar, self.collector]

    @property
    def otlp(self) -> str:
        """Where programs send to."""
        return f"http://{self.host}:4318"

    def environ(self, service: str, **more: str) -> dict[str, str]:
        """What a program's environment needs: nothing of it is code."""
        return {
            "SPANGLASS_ENABLED": "true",
            "SPANGLASS_STORE": f"otlp+http://{self.host}:4318",
            "OTEL_SERVICE_NAME": service,
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.otlp,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            **more,
        }

    def open(self, url: str, **headers: str) -> httpx.Response:
        """What a browser gets, whose user has given the token once."""
        return httpx.get(url, headers={"authorization": f"Bearer {TOKEN}", **headers}, timeout=30)

    def record(self, ref: str) -> dict[str, Any] | None:
        """The record as the sidecar's API gives it, or None if it has none (yet)."""
        answer = self.open(f"http://{self.host}:8088/api/spans/{ref}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def records(self) -> list[dict[str, Any]]:
        """All calls that the sidecar knows of."""
        answer = self.open(f"http://{self.host}:8088/api/search?limit=1000")
        found: list[dict[str, Any]] = answer.raise_for_status().json()["calls"]
        return found

    def reader(self) -> Reader:
        """A reader of the sidecar's own store, past its API."""
        state_dir = self.directory / "volumes" / "store"
        return Reader(Settings.from_environment({"SPANGLASS_STATE_DIR": str(state_dir)}))

    def said(self) -> str:
        """The end of what each of them said."""
        return "\n".join(process.said() for process in self.processes)


def free_address() -> str:
    """A loopback address none of whose ports in question is taken; where there is only one, that one."""
    if not sys.platform.startswith("linux"):
        return "127.0.0.1"
    chance = random.SystemRandom()
    for _ in range(_TRIES):
        host = f"127.{chance.randrange(1, 255)}.{chance.randrange(1, 255)}.{chance.randrange(1, 255)}"
        with ExitStack() as stack:
            try:
                for port in _PORTS:
                    stack.enter_context(socket.create_server((host, port)))
            except OSError:
                continue
            return host
    message = "no loopback address with free ports was found"
    raise RuntimeError(message)
