"""Runs `program.py` in the environment of ``make beside``, and gathers what came of it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from spanglass.read.reader import Reader
from spanglass.settings import Settings
from spanglass.span.attributes import MODEL_OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fake_provider import FakeProvider
    from spanglass.model.record import Record

ROOT = Path(__file__).resolve().parents[2]
_REQUIRED = os.environ.get("BESIDE_PYTHON")
_PROGRAM = Path(__file__).with_name("program.py")


class Called(NamedTuple):
    """One call: its shape, and the spans that ended with it."""

    shape: str
    spans: list[dict[str, Any]]

    @property
    def call_spans(self) -> list[dict[str, Any]]:
        """Those that stand for a request to a model, in whatever dialect."""
        return [span for span in self.spans if _is_call(span["attributes"])]


def interpreter() -> str:
    """The Python of that environment; without one the test is skipped, or fails where CI asks for it."""
    if _REQUIRED:
        assert Path(_REQUIRED).exists(), f"BESIDE_PYTHON={_REQUIRED!r} does not exist; run: make beside"
        return _REQUIRED
    found = ROOT / ".venv-beside" / "bin" / "python"
    if not found.exists():
        pytest.skip("there is no environment with other vendors' instrumentations; run: make beside")
    return str(found)


def run_beside(
    vendor: str, state_dir: Path | None, provider: FakeProvider, environ: Mapping[str, str] | None = None
) -> list[Called]:
    """Makes every shape of call with the vendor's instrumentation; spanglass is installed if it has a ``state_dir``."""
    own = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(ROOT),
        "OPENAI_API_KEY": "sk-none",
        "OPENAI_BASE_URL": f"{provider.url}/v1",
        "ANTHROPIC_API_KEY": "none",
        "ANTHROPIC_BASE_URL": provider.url,
        "ANTHROPIC_OPEN_TELEMETRY": "true" if vendor == "itself anthropic" else "false",
        **(environ or {}),
    }
    command = [interpreter(), str(_PROGRAM), vendor, "-" if state_dir is None else str(state_dir)]
    done = subprocess.run(command, env=own, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    return [Called(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith('{"shape"')]


def records(state_dir: Path) -> list[Record]:
    """All records, in the order in which the calls began."""
    with Reader(Settings.from_environment({"SPANGLASS_STATE_DIR": str(state_dir)})) as reader:
        found = [reader.fetch(call.ref) for call in reader.find(limit=100)]
    return sorted(found, key=lambda record: record.started_at)


def _is_call(attributes: Mapping[str, str]) -> bool:
    if attributes.get("logfire.span_type") == "log":
        return False  # Logfire says of a stream once more how long it took
    operation, kind = attributes.get("gen_ai.operation.name"), attributes.get("openinference.span.kind")
    return operation in MODEL_OPERATIONS or kind in {"LLM", "EMBEDDING"} or "llm.request.type" in attributes
