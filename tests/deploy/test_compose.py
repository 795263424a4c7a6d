"""docker-compose.yml, the Dockerfile and the Makefile around it: valid, closed to the network, and what the tests run.

The end-to-end tests take every command, variable, file and port from the compose file (end_to_end/backends/compose.py);
what they cannot run here is checked against the files themselves.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from end_to_end.backends import compose
from end_to_end.backends.compose import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FILE = compose.load()
SERVICES: dict[str, Any] = FILE["services"]
BUILDER = (ROOT / "backends" / "otelcol" / "builder.yaml").read_text(encoding="utf-8")


def test_it_fits_the_schema_of_compose_files() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(compose.COMPOSE),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_port_is_published_on_the_loopback_address_only() -> None:
    published = {name: compose.ports(service) for name, service in SERVICES.items()}
    assert {address for ports in published.values() for address, _, _ in ports} == {"127.0.0.1"}
    assert {name: [there for _, there, _ in ports] for name, ports in published.items() if ports} == {
        "collector": ["4317", "4318", "13133"],
        "jaeger": ["16686", "13134"],
        "spanglass": ["8088"],
    }
    assert all(there == within for ports in published.values() for _, there, within in ports)


@pytest.mark.parametrize("service", ["collector", "jaeger", "spanglass"])
def test_every_file_that_is_mounted_exists_and_is_read_only(service: str) -> None:
    mounts = [mount.split(":") for mount in SERVICES[service]["volumes"]]
    files = [mount for mount in mounts if mount[0].startswith(".")]
    assert all((ROOT / source).is_file() and options == ["ro"] for source, _, *options in files)
    assert {source for source, *_ in mounts if not source.startswith(".")} <= set(FILE["volumes"])


def test_every_volume_is_given_to_the_user_of_its_service_first() -> None:
    owner = SERVICES["volumes"]
    _, user, *directories = owner["command"]
    assert {mount.split(":")[0] for mount in owner["volumes"]} == set(FILE["volumes"])
    assert directories == [mount.split(":")[1] for mount in owner["volumes"]]
    assert user == "10001:10001"
    assert f"USER {user}" in _dockerfile()
    for name in ("collector", "jaeger", "spanglass"):
        assert SERVICES[name]["depends_on"] == {"volumes": {"condition": "service_completed_successfully"}}


def test_versions_are_pinned_and_the_collector_is_the_one_that_is_built_natively() -> None:
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    assert all(re.search(r":\d+\.\d+(\.\d+)?$", image) for image in images), images
    (version,) = re.findall(r"version: (\S+) }", BUILDER)
    assert SERVICES["collector"]["image"] == f"otel/opentelemetry-collector-contrib:{version}"


def test_each_health_check_asks_what_the_end_to_end_tests_wait_for() -> None:
    from end_to_end.backends.stack import HEALTH

    _, script = SERVICES["health"]["healthcheck"]["test"]
    assert re.findall(r"http://(\w+):(\d+)(/\w*)", script) == [
        (name, str(port), path) for name, (port, path) in HEALTH.items()
    ]


def test_the_sidecar_runs_as_the_image_says() -> None:
    entry = json.loads(_instruction("ENTRYPOINT"))
    assert entry == ["spanglass"]
    assert json.loads(_instruction("CMD")) == SERVICES["spanglass"]["command"]
    assert SERVICES["spanglass"]["environment"]["SPANGLASS_STATE_DIR"] in _instruction("ENV")
    assert _instruction("USER") == "10001:10001"


def test_the_links_go_to_the_published_port_of_the_sidecar() -> None:
    patterns = json.loads((ROOT / "deploy" / "jaeger-ui.json").read_text(encoding="utf-8"))["linkPatterns"]
    assert {re.match(r"http://[^/]+", pattern["url"])[0] for pattern in patterns} == {"http://localhost:8088"}  # type: ignore[index]
    assert {pattern["type"] for pattern in patterns} == {"traces", "tags", "logs"}


def test_the_page_about_running_them_natively_names_the_variables_that_the_files_read() -> None:
    page = (ROOT / "docs" / "jaeger.md").read_text(encoding="utf-8").partition("## Without containers")[2]
    read = {
        name
        for file in ("collector-config.yaml", "deploy/jaeger.yaml")
        for name in re.findall(r"\$\{env:(\w+)", (ROOT / file).read_text(encoding="utf-8"))
    }
    named = {name for line in page.splitlines() if line.startswith("export ") for name in re.findall(r"(\w+)=", line)}
    assert named == read - {"SPANGLASS_SERVER_TOKEN"}


def test_make_up_makes_a_token_once(tmp_path: Path) -> None:
    """With `true` in the place of the container engine."""
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    command = ["make", "--no-print-directory", "COMPOSE=true", "up"]
    for _ in range(2):
        subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=True)
    written = (tmp_path / ".env").read_text(encoding="utf-8")
    assert re.fullmatch(r"SPANGLASS_SERVER_TOKEN=[0-9a-f]{48}\n", written)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def _dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text(encoding="utf-8")


def _instruction(name: str) -> str:
    found: list[str] = re.findall(rf"^{name} (.*)$", _dockerfile(), re.MULTILINE)
    return found[-1]
