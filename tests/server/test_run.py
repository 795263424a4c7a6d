"""The life of a sidecar as a process: it says where it is, ends what it began, and ends with 0."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from read.made import SPAN, Made
from server.made import JSON, span, traces
from spanglass.errors import ConfigurationError
from spanglass.server.config import ServerConfig
from spanglass.server.run import serving
from spanglass.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from spanglass.settings import Settings


@contextmanager
def process(state_dir: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """``spanglass serve`` as a process of its own, and what it says of itself."""
    command = [sys.executable, "-m", "spanglass", "serve", "--json", "--port", "0", "--otlp-port", "0", *arguments]
    environ = {**os.environ, "SPANGLASS_STATE_DIR": str(state_dir)}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        try:
            assert started.stdout is not None
            told = ""
            while not told.endswith("}\n"):
                line = started.stdout.readline()
                assert line, started.communicate()[1]
                told += line
            yield started, json.loads(told)
        finally:
            started.kill()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_requests_that_were_begun(tmp_path: Path, number: signal.Signals) -> None:
    body = json.dumps(traces(span({"gen_ai.system": "openai"}))).encode()
    with process(tmp_path) as (sidecar, address):
        host, port = address["otlp"].removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            lines = ("POST /v1/traces HTTP/1.1", "Host: localhost", "Content-Type: application/json")
            head = "\r\n".join((*lines, f"Content-Length: {len(body)}", "", ""))
            connection.sendall(head.encode() + body[:10])
            assert httpx.get(f"{address['otlp']}/healthz").status_code == 200
            sidecar.send_signal(number)
            assert is_gone(address["otlp"])
            connection.sendall(body[10:])
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert sidecar.wait(30) == 0
        assert sidecar.stderr is not None
        assert sidecar.stderr.read() == ""
    assert open_store(address["store"]).resolve(None, SPAN)[0].provider == "openai"


@pytest.mark.slow
def test_what_was_taken_is_there_after_a_kill(tmp_path: Path) -> None:
    with process(tmp_path) as (sidecar, address):
        store = open_store(f"otlp+{address['otlp']}")
        store.put_many(Made().entries())
        store.close()
        sidecar.kill()
        assert sidecar.wait(30) == -signal.SIGKILL
    with process(tmp_path) as (_, address):
        assert httpx.get(f"{address['viewer']}/api/spans/{SPAN}").json()["complete"]


def test_a_port_in_use_is_said_in_one_line(settings: Settings) -> None:
    with serving(ServerConfig(settings, port=0, otlp_port=0)) as address:
        taken = int(address.otlp.rpartition(":")[2])
        with pytest.raises(ConfigurationError, match=rf"cannot listen at 127.0.0.1:{taken}: .*--port$"):
            with_port(settings, port=taken, otlp_port=0)
        with pytest.raises(ConfigurationError, match=r"--otlp-port$"):
            with_port(settings, port=0, otlp_port=taken)


def is_gone(url: str) -> bool:
    """Whether nothing new is answered there before long."""
    return any(not answers(url) for _ in range(1000))


def answers(url: str) -> bool:
    try:
        httpx.get(f"{url}/healthz")
    except httpx.TransportError:
        return False
    return True


def with_port(settings: Settings, **ports: Any) -> None:
    with serving(ServerConfig(settings, **ports)):
        pytest.fail("it listens")


def test_an_address_that_is_none_is_said_in_one_line(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot listen at nowhere\.invalid:0: "):
        with_port(settings, host="nowhere.invalid", port=0, otlp_port=0, token="x" * 16)


def test_it_listens_where_it_is_told_and_counts_what_it_did(settings: Settings) -> None:
    with serving(ServerConfig(settings, host="::1", port=0, otlp_port=0)) as address:
        assert address.viewer.startswith("http://[::1]:")
        assert httpx.post(f"{address.otlp}/v1/traces", content=b"{", headers=JSON).status_code == 400
        told = httpx.get(f"{address.viewer}/metrics")
    assert told.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'spanglass_otlp_requests_total{signal="traces",status="400"} 1\n' in told.text
