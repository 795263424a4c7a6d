"""``spanglass run``: a program under OpenTelemetry's launcher, with the defaults filled in.

Invariant: what the environment says already stands; only what it leaves open is filled in. The program replaces this
process, so its exit code and its signals are its own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from spanglass.cli.exits import CommandFailure, Exit
from spanglass.cli.options import common, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping, Sequence

    from spanglass.cli.output import Output

_GRPC_PORT, _HTTP_PORT = 4317, 4318
_PROBE_S = 0.05
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def add_parser(subparsers: Any) -> None:
    """Declares the command."""
    parser = subparsers.add_parser(
        "run",
        parents=[common()],
        help="run a program and record its calls",
        description="Runs a program under OpenTelemetry's launcher and records its calls to models. What the "
        "environment leaves open is filled in: SPANGLASS_ENABLED=true; spans go to spanglass, and to an OTLP endpoint "
        "if one is set or listens on 127.0.0.1:4317 or :4318; metrics and logs go nowhere; the service is named after "
        "the program. A plain 'python' is the one that spanglass is installed in.",
        usage="spanglass run [-h] [--json] [--store URL] [--state-dir DIR] -- COMMAND ...",
    )
    parser.add_argument("command", metavar="COMMAND", nargs=argparse.REMAINDER, help="the program and its arguments")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, output: Output) -> int:
    """Replaces this process by the program."""
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        message = "run needs a program, as in: spanglass run -- python your_program.py"
        raise CommandFailure(message, Exit.USAGE)
    executable = _find(command[0])
    settings_of(args)
    if args.store:
        os.environ["SPANGLASS_STORE"] = args.store
    if args.state_dir:
        os.environ["SPANGLASS_STATE_DIR"] = str(args.state_dir)
    fill_in(os.environ, command, listens)
    output.end()
    _launch(executable, command[1:])
    return Exit.OK


def fill_in(environ: MutableMapping[str, str], command: Sequence[str], listening: Callable[[int], bool]) -> None:
    """Sets what the environment leaves open.

    Args:
        environ: is changed.
        command: the program and its arguments.
        listening: whether something listens on a port of 127.0.0.1.
    """
    defaults = {"SPANGLASS_ENABLED": "true", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    if not environ.get("OTEL_TRACES_EXPORTER"):
        port = _endpoint_port(environ, listening)
        defaults["OTEL_TRACES_EXPORTER"] = "spanglass" if port is None else "otlp,spanglass"
        if port == _HTTP_PORT and not any(environ.get(name) for name in _PROTOCOLS):
            defaults["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf"
    if "service.name=" not in environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        defaults["OTEL_SERVICE_NAME"] = service_name(command)
    for name, value in defaults.items():
        if not environ.get(name):
            environ[name] = value


def service_name(command: Sequence[str]) -> str:
    """What the program is called: its script or module under Python, or else its own name.

    Example:
        >>> service_name(["python", "-u", "jobs/report.py", "--all"]), service_name(["python", "-m", "app.web"])
        ('report', 'app.web')
        >>> service_name(["uvicorn", "app:web"])
        'uvicorn'
    """
    name = Path(command[0]).name
    if name.startswith("python"):
        rest = list(command[1:])
        while rest:
            word = rest.pop(0)
            if word == "-m" and rest:
                return rest[0]
            if word in ("-W", "-X") and rest:
                rest.pop(0)
            elif word in ("-c", "-"):
                break
            elif not word.startswith("-"):
                return Path(word).stem
    return Path(name).stem


def listens(port: int) -> bool:
    """Whether something listens on a port of this machine's loopback."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_PROBE_S):
            return True
    except OSError:
        return False


def _endpoint_port(environ: MutableMapping[str, str], listening: Callable[[int], bool]) -> int | None:
    """The port of the OTLP endpoint that is set or at hand, None if there is none; -1 for one without a port."""
    for name in _ENDPOINTS:
        endpoint = environ.get(name)
        if endpoint:
            try:
                return urlsplit(endpoint if "://" in endpoint else f"//{endpoint}").port or -1
            except ValueError:
                return -1
    return next((port for port in (_GRPC_PORT, _HTTP_PORT) if listening(port)), None)


def _find(name: str) -> str:
    """The executable: beside our own interpreter first, so that it runs where spanglass is installed."""
    if name in ("python", "python3"):
        return sys.executable
    beside = str(Path(sys.executable).parent)
    found = shutil.which(name, path=os.pathsep.join((beside, os.environ.get("PATH", os.defpath))))
    if found is not None:
        return found
    if name.endswith(".py") and Path(name).is_file():
        message = f"{name} is a Python program; run: spanglass run -- python {name}"
        raise CommandFailure(message, Exit.CANNOT_RUN)
    if Path(name).exists() and os.sep in name:
        message = f"{name} cannot be executed; a file needs its execute permission (chmod +x), and a directory has none"
        raise CommandFailure(message, Exit.CANNOT_RUN)
    message = f"there is no command {name!r} beside {sys.executable} or on PATH"
    raise CommandFailure(message, Exit.NO_SUCH_COMMAND)


def _launch(executable: str, arguments: Sequence[str]) -> None:
    """OpenTelemetry's own launcher, which prepares PYTHONPATH and replaces this process."""
    from opentelemetry.instrumentation.auto_instrumentation import run as launch

    sys.stdout.flush()
    sys.stderr.flush()
    sys.argv = ["opentelemetry-instrument", executable, *arguments]
    try:
        launch()
    except OSError as why:
        message = f"{executable} cannot be executed: {why.strerror}"
        raise CommandFailure(message, Exit.CANNOT_RUN) from why
