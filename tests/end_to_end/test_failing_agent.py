"""The agent whose tool fails: its traceback tells what it had done, and leads to what the model saw."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from end_to_end.program import BIN
from spanglass.timeline import MARKER
from steps.trace_text import steady

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

QUESTION = (
    "I am in Oslo and want to be in Bergen tomorrow before three. Which train do I take, and do I need an umbrella?"
)
CALL = ["           llm call chat gpt-4o-mini: spanglass show <id>"]
STEPS = [
    ["[ms] generate_thought", "duration: ms", "turn: 1", 'result: "First I need the trains for tomorrow."'],
    CALL,
    [
        "[ms] execute_tool    ",
        "duration: ms",
        'tool: "find_trains"',
        'arguments: {"origin":"Oslo","destination":"Bergen"}',
        'result: "Oslo to Bergen: 06:25 arrives 13:04; 08:25 arrives 14:57; 12:03 arrives 18:54"',
    ],
    [
        "[ms] generate_thought",
        "duration: ms",
        "turn: 2",
        'result: "The 08:25 is in Bergen at 14:57. Now the weather there."',
    ],
    CALL,
    [
        "[ms] execute_tool    ",
        "duration: ms",
        'tool: "get_weather"',
        'arguments: {"city":"Bergen"}',
        f"error: ConnectionError: the weather service has no station in Bergen {MARKER}",
    ],
]
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A machine on which the model of the examples can be asked."""
    spec = spec_from_file_location("examples_provider", EXAMPLES / "provider.py")
    assert spec is not None
    assert spec.loader is not None
    provider = module_from_spec(spec)
    spec.loader.exec_module(provider)
    server = provider.start()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "SPANGLASS_STATE_DIR": str(tmp_path / "state"),
        "OPENAI_BASE_URL": f"http://127.0.0.1:{server.server_port}/v1",
        "OPENAI_API_KEY": "sk-of-the-example",
        "PYTHONWARNINGS": "error",
    }
    server.shutdown()
    server.server_close()
    thread.join(20)


def run(environ: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)


def test_the_traceback_ends_in_what_the_agent_had_done_and_leads_to_what_the_model_saw(environ: dict[str, str]) -> None:
    done = run(environ, "spanglass", "run", "--", sys.executable, str(EXAMPLES / "failing_agent.py"))
    assert done.returncode == 1
    note = done.stderr[done.stderr.rindex("\nConnectionError: ") + 1 :]
    heading, steps = steady(note).splitlines()[:6], steady(note).splitlines()[6:]
    assert heading == [
        "ConnectionError: the weather service has no station in Bergen",
        "Execution trace",
        "  operation:      react_agent",
        "  correlation id: <id>",
        f'  inputs:         question: "{QUESTION}"',
        "  record:         spanglass steps <id>",
    ]
    assert [line.split(" | ") for line in steps] == STEPS

    commands = re.findall(r"llm call chat gpt-4o-mini: (spanglass show [0-9a-f]{16})$", note, re.MULTILINE)
    shown = [run(environ, *command.split()).stdout for command in commands]
    assert ["06:25 arrives 13:04" in page for page in shown] == [False, True]
    assert all(QUESTION in re.sub(r"\s+", " ", page) for page in shown)

    (command,) = re.findall(r"spanglass steps [0-9a-f]{16}", note)
    shown_later = run(environ, *command.split())
    assert (shown_later.returncode, shown_later.stderr) == (0, "")
    assert steady(shown_later.stdout).splitlines()[-len(steps) :] == steps
