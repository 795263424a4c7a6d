from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

#: What a program that only imports spanglass must not pay for.
HEAVY = {
    "aiohttp",
    "anthropic",
    "botocore",
    "click",
    "google.genai",
    "httpcore",
    "httpcore2",
    "httpx",
    "httpx2",
    "hyperscan",
    "msgspec",
    "openai",
    "opentelemetry.exporter",
    "opentelemetry.sdk",
    "psycopg",
    "requests",
    "rich",
    "sqlite3",
    "starlette",
    "wrapt",
    "zstandard",
}


def imported_by(program: str, **environment: str) -> set[str]:
    """The modules that a fresh interpreter has beyond its own after running `program`."""
    script = f"""
import sys
before = set(sys.modules)
{program}
import json
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SPANGLASS_", "COV_"))}
    finished = subprocess.run(
        [sys.executable, "-c", script],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert finished.stderr == ""
    return set(json.loads(finished.stdout))


def packages_of(modules: set[str]) -> set[str]:
    return {".".join(module.split(".")[:length]) for module in modules for length in (1, 2)}


@pytest.mark.parametrize("enabled", ["true", "workflows", "false", None])
def test_importing_spanglass_pulls_in_nothing_of_weight(enabled: str | None) -> None:
    environment = {} if enabled is None else {"SPANGLASS_ENABLED": enabled}
    assert packages_of(imported_by("import spanglass", **environment)) & HEAVY == set()


def test_importing_spanglass_imports_nothing_but_itself() -> None:
    assert imported_by("import spanglass") - imported_by("") == {"__future__", "spanglass"}


def test_switched_off_under_the_launcher_nothing_of_weight_is_imported() -> None:
    launched = "from spanglass.capture.instrumentor import pre_instrument; pre_instrument()"
    assert packages_of(imported_by(launched, SPANGLASS_ENABLED="false")) & (HEAVY - {"msgspec", "wrapt"}) == set()


def test_importing_every_vocabulary_name_pulls_in_nothing_of_weight() -> None:
    vocabulary = "from spanglass import Attempt, ChatMessage, ErrorInfo, Record, SpanglassError, Step, Summary, Usage"
    assert packages_of(imported_by(vocabulary)) & HEAVY == set()
