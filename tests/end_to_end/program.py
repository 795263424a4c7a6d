"""Runs a small program as its user would, and gathers all that came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from spanglass.errors import StoreMissing
from spanglass.read.reader import Reader
from spanglass.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fake_provider import FakeProvider
    from spanglass.model.record import Record

API_KEY = "sk-proj-Zt5mQ1wX8cV3nB7kJ2hG6fD9sA4pL0yR"
#: What every program begins with: one real client, one function that asks, and lines that begin with "app:".
OPENING = """
import os, sys
import openai

client = openai.OpenAI(max_retries=0)

def ask(words):
    messages = [{"role": "user", "content": words}]
    return client.chat.completions.create(model="gpt-4o-mini", messages=messages).choices[0].message.content

def say(*words):
    print("app:", *words, flush=True)

"""
BIN = Path(sys.executable).parent
#: Spans are printed, so that they can be read from standard output.
CONSOLE = {
    "OTEL_TRACES_EXPORTER": "console,spanglass",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
}
INSTRUMENT = (str(BIN / "opentelemetry-instrument"), sys.executable)
PLAIN = (sys.executable,)


class Finished(NamedTuple):
    """A program that has ended."""

    code: int
    out: str
    err: str
    state_dir: Path

    @property
    def said(self) -> list[str]:
        """The program's own lines."""
        return [line.removeprefix("app: ") for line in self.out.splitlines() if line.startswith("app: ")]

    @property
    def warnings(self) -> list[str]:
        """Our lines on standard error."""
        return [line for line in self.err.splitlines() if "spanglass" in line.lower()]

    def spans(self) -> list[dict[str, Any]]:
        """The gen_ai spans that the console exporter printed."""
        found = [value for value in json_objects(self.out) if "context" in value and "attributes" in value]
        return [span for span in found if "gen_ai.operation.name" in span["attributes"]]

    def records(self) -> list[Record]:
        """What another process finds in the state directory, in the order in which the calls began."""
        settings = Settings.from_environment({"SPANGLASS_STATE_DIR": str(self.state_dir)})
        with Reader(settings) as reader:
            try:
                found = [reader.fetch(call.ref) for call in reader.find(limit=10_000)]
            except StoreMissing:
                return []
        return sorted(found, key=lambda record: record.started_at)

    def prompts(self) -> list[tuple[str, str]]:
        """The first message and the state of each call, sorted."""
        return sorted((str(record.messages[0].content), record.state) for record in self.records())


def run_program(
    source: str,
    tmp_path: Path,
    provider: FakeProvider,
    launcher: Sequence[str] = INSTRUMENT,
    environ: Mapping[str, str] | None = None,
) -> Finished:
    """Runs ``source`` after `OPENING`; it must end within a minute."""
    command, own = prepare(source, tmp_path, provider, launcher, environ)
    done = subprocess.run(command, env=own, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    return Finished(done.returncode, done.stdout, done.stderr, Path(own["SPANGLASS_STATE_DIR"]))


def prepare(
    source: str,
    tmp_path: Path,
    provider: FakeProvider,
    launcher: Sequence[str] = INSTRUMENT,
    environ: Mapping[str, str] | None = None,
) -> tuple[list[str], dict[str, str]]:
    """Writes the program; gives the command that runs it, and its environment."""
    script = tmp_path / "app.py"
    script.write_text(OPENING + source, encoding="utf-8")
    own = {
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
        "HOME": str(tmp_path),
        "OPENAI_API_KEY": API_KEY,
        "OPENAI_BASE_URL": f"{provider.url}/v1",
        "SPANGLASS_STATE_DIR": str(tmp_path / "state"),
        **CONSOLE,
        **(environ or {}),
    }
    return [*launcher, str(script)], own


def json_objects(text: str) -> Iterator[dict[str, Any]]:
    """Every JSON object that begins a line."""
    decoder, at = json.JSONDecoder(), 0
    while (at := text.find("{", at)) >= 0:
        if at and text[at - 1] != "\n":
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            at += 1
        else:
            yield value
