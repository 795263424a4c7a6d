from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from spanglass.cli.run import fill_in, listens, service_name
from spanglass.read import open_reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.conftest import Ended
    from fake_provider import FakeProvider
    from spanglass.settings import Settings

PROGRAM = """
import json, os, sys
names = [name for name in os.environ if name.startswith(("OTEL_", "SPANGLASS_"))]
print(json.dumps({"arguments": sys.argv[1:], "python": sys.executable, **{name: os.environ[name] for name in names}}))
"""


def filled(environ: dict[str, str], *ports: int) -> dict[str, str]:
    found = dict(environ)
    fill_in(found, ["python", "app.py"], lambda port: port in ports)
    return found


def test_what_is_left_open_is_filled_in() -> None:
    assert filled({}) == {
        "SPANGLASS_ENABLED": "true",
        "OTEL_TRACES_EXPORTER": "spanglass",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_SERVICE_NAME": "app",
    }


def test_what_is_set_stands() -> None:
    told = {
        "SPANGLASS_ENABLED": "workflows",
        "OTEL_TRACES_EXPORTER": "console",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "console",
        "OTEL_SERVICE_NAME": "mine",
    }
    assert filled(told, 4317, 4318) == told
    assert "OTEL_SERVICE_NAME" not in filled({"OTEL_RESOURCE_ATTRIBUTES": "a=b,service.name=mine"})


@pytest.mark.parametrize(
    ("environ", "ports", "exporter", "protocol"),
    [
        ({}, (4317,), "otlp,spanglass", None),
        ({}, (4317, 4318), "otlp,spanglass", None),
        ({}, (4318,), "otlp,spanglass", "http/protobuf"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, (4318,), "otlp,spanglass", "grpc"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"}, (), "otlp,spanglass", None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, (), "otlp,spanglass", "http/protobuf"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://host:4318/v1/traces"}, (), "otlp,spanglass", "http/protobuf"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector"}, (), "otlp,spanglass", None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://host:nonsense"}, (), "otlp,spanglass", None),
    ],
)
def test_spans_go_to_an_otlp_endpoint_that_is_set_or_listens(
    environ: dict[str, str], ports: tuple[int, ...], exporter: str, protocol: str | None
) -> None:
    found = filled(environ, *ports)
    assert (found["OTEL_TRACES_EXPORTER"], found.get("OTEL_EXPORTER_OTLP_PROTOCOL")) == (exporter, protocol)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["python", "jobs/report.py"], "report"),
        (["/usr/bin/python3.12", "-u", "-X", "dev", "-W", "error", "a.py", "-m", "x"], "a"),
        (["python", "-m", "package.module", "--flag"], "package.module"),
        (["python", "-c", "print()"], "python"),
        (["python"], "python"),
        (["./serve.sh"], "serve"),
        (["uvicorn", "app:web"], "uvicorn"),
    ],
)
def test_the_service_is_named_after_the_program(command: list[str], name: str) -> None:
    assert service_name(command) == name


def test_whether_a_port_listens_is_seen() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        assert listens(port)
    assert not listens(port)


@pytest.mark.slow
def test_the_program_runs_with_its_arguments_in_the_environment_of_spanglass(
    settings: Settings, process: Callable[..., Ended], tmp_path: Path
) -> None:
    script = tmp_path / "agent.py"
    script.write_text(PROGRAM)
    store = f"sqlite:///{tmp_path / 'other.db'}"
    ended = process("run", "--store", store, "--", "python", str(script), "--json", "--", "-x", PATH="/usr/bin:/bin")
    assert (ended.code, ended.err) == (0, "")
    found = json.loads(ended.out)
    assert found["arguments"] == ["--json", "--", "-x"]
    assert found["python"] == sys.executable
    assert (found["OTEL_SERVICE_NAME"], found["SPANGLASS_ENABLED"]) == ("agent", "true")
    assert (found["SPANGLASS_STORE"], found["SPANGLASS_STATE_DIR"]) == (store, str(settings.state_dir))


@pytest.mark.slow
@pytest.mark.parametrize("before", [[], ["--"]])
def test_the_programs_exit_code_is_ours(process: Callable[..., Ended], before: list[str]) -> None:
    assert process("run", *before, "python", "-c", "raise SystemExit(7)").code == 7


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_the_program_is_the_process_itself_so_signals_reach_it(settings: Settings) -> None:
    program = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    command = [sys.executable, "-m", "spanglass", "run", "--", "python", "-c", program]
    running = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert running.stdout is not None
    assert int(running.stdout.readline()) == running.pid
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    assert running.returncode == -signal.SIGTERM


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_program_that_is_interrupted_ends_by_the_signal_itself(
    settings: Settings, process: Callable[..., Ended], provider: FakeProvider
) -> None:
    program = """
import os, signal, openai
client = openai.OpenAI(api_key="k")
client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
os.kill(os.getpid(), signal.SIGINT)
"""
    ended = process("run", "--", "python", "-c", program, OPENAI_BASE_URL=f"{provider.url}/v1")
    assert (ended.code, ended.err.splitlines()[-1]) == (-signal.SIGINT, "KeyboardInterrupt")
    with open_reader(settings) as reader:
        assert [call.state for call in reader.find()] == ["done"]


def test_a_command_that_is_not_there(command: Callable[..., Ended]) -> None:
    ended = command("run", "--", "no-such-program")
    assert (ended.code, ended.out) == (127, "")
    assert ended.err.startswith("spanglass: there is no command 'no-such-program' beside ")


def test_a_command_that_cannot_be_executed(command: Callable[..., Ended], tmp_path: Path) -> None:
    script = tmp_path / "agent.py"
    script.write_text("print()")
    ended = command("run", "--", str(script))
    assert ended.code == 126
    assert f"run: spanglass run -- python {script}" in ended.err
    assert command("run", "--", str(tmp_path)).code == 126


@pytest.mark.slow
def test_a_file_that_is_no_program(process: Callable[..., Ended], tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x00no program")
    broken.chmod(0o755)
    ended = process("run", "--", str(broken))
    assert ended.code == 126
    assert "cannot be executed" in ended.err
    assert "Traceback" not in ended.err
