"""What a newcomer runs first: the demo, start to end, as `make demo` runs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"


def copy_examples(home: Path) -> None:
    shutil.copytree(EXAMPLES, home / "examples", ignore=shutil.ignore_patterns("__pycache__"))


def environ(home: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {"PATH": path, "HOME": str(home)}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the demo prints, run from a copy so that a demo of the user's stays as it is."""
    home = tmp_path_factory.mktemp("demo")
    copy_examples(home)
    done = subprocess.run(
        [sys.executable, "examples/demo.py"],
        cwd=home,
        env=environ(home),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_demo_answers_the_question(shown: str) -> None:
    assert "find_trains({" in shown
    assert "Take the 08:25 from Oslo" in shown


def test_the_demo_shows_the_tree_and_the_retry(shown: str) -> None:
    calls = re.findall(
        r"^ *(invoke_agent react_agent|execute_tool \w+|chat \S+) .* (\d+)  [0-9a-f]{8}$", shown, re.MULTILINE
    )
    assert calls == [
        ("invoke_agent react_agent", "0"),
        ("chat gpt-4o-mini", "2"),
        ("execute_tool find_trains", "0"),
        ("chat gpt-4o-mini", "1"),
        ("execute_tool get_weather", "0"),
        ("chat gpt-4o-mini", "1"),
    ]


def test_the_demo_shows_the_context_window_and_the_way_to_the_others(shown: str) -> None:
    window = shown.partition("CONTEXT WINDOW")[2]
    for words in ("You plan journeys", "Oslo to Bergen: 06:25", "11 °C, rain from noon", "Take the 08:25"):
        assert words in window
    assert len(re.findall(r"show [0-9a-f]{16}$", window, re.MULTILINE)) == 2


def test_in_a_terminal_the_demo_ends_with_a_page_of_its_trace_until_it_is_interrupted(tmp_path: Path) -> None:
    copy_examples(tmp_path)
    terminal, end = os.openpty()
    command = [sys.executable, "examples/demo.py"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environ(tmp_path), stdin=end, stdout=end, stderr=end, start_new_session=True
    ) as demo:
        os.close(end)
        said = read_until(terminal, rb"until Ctrl-C:\s+http://\S+\s")
        pages = httpx.get(said.split()[-1])
        os.killpg(demo.pid, signal.SIGINT)
        rest = read_until(terminal, rb"\Z.")
        assert demo.wait(30) == 0
    os.close(terminal)
    assert "Traceback" not in rest
    assert pages.status_code == 200
    assert pages.text.count("chat gpt-4o-mini") == 3


def read_until(terminal: int, pattern: bytes) -> str:
    """What a terminal shows until the pattern, or until its program ends."""
    shown = b""
    while not re.search(pattern, shown):
        try:
            piece = os.read(terminal, 65_536)
        except OSError:  # Linux: the other end is closed
            break
        if not piece:
            break
        shown += piece
    return shown.decode()


@pytest.fixture
def demo_server() -> Iterator[str]:
    command = [sys.executable, str(EXAMPLES / "provider.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def test_the_demo_server_streams_what_it_says_whole(demo_server: str) -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    url = f"{demo_server}/chat/completions"
    assert httpx.post(url, json=asked).status_code == 429
    whole = httpx.post(url, json=asked).json()["choices"][0]["message"]
    events = httpx.post(url, json={**asked, "stream": True}).text.split("\n\n")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events if event.startswith("data: {")]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content", "") for delta in deltas) == whole["content"]
    parts = [call["function"]["arguments"] for delta in deltas for call in delta.get("tool_calls", ())]
    assert "".join(parts) == whole["tool_calls"][0]["function"]["arguments"]
