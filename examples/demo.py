"""What `make demo` runs: an unchanged agent under spanglass, and then what its model saw.

With ``OPENAI_API_KEY`` set and ``DEMO_LIVE=1`` the agent asks the real API; otherwise a small server on loopback plays
the model (`provider.py`). All it writes goes to one directory, which is emptied at the start. In a terminal it ends
with the address of the trace's page in the viewer, served until Ctrl-C; in a pipe it ends by itself.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import provider

HERE = Path(__file__).resolve().parent
STATE_DIR = HERE.parent / "build" / "demo"
SPANGLASS = str(Path(sys.executable).with_name("spanglass"))


def main() -> None:
    """Runs the agent, then shows its trace and one context window."""
    shutil.rmtree(STATE_DIR, ignore_errors=True)
    environ = {**os.environ, "SPANGLASS_STATE_DIR": str(STATE_DIR), "PYTHONUNBUFFERED": "1"}
    if not (os.environ.get("DEMO_LIVE") == "1" and os.environ.get("OPENAI_API_KEY")):
        server = provider.start()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environ["OPENAI_BASE_URL"] = f"http://127.0.0.1:{server.server_port}/v1"
        environ["OPENAI_API_KEY"] = "sk-demo-key-that-opens-nothing"

    agent = str(Path(os.path.relpath(HERE / "react_agent.py")))
    show(environ, "An agent program, unchanged", "run", "--", "python", agent)
    calls = [call for call in listed(environ) if call["operation"] == "chat"]
    if not calls:
        sys.exit("no call was recorded; 'spanglass doctor' says why")
    last = max(calls, key=lambda call: call["started_at"])
    show(environ, "Its calls, each one span; the first was turned away once and tried again", "trace", last["trace_id"])
    show(environ, "What the model saw in the last call", "show", last["span_id"])
    print(
        f"\nThe others:\n  export SPANGLASS_STATE_DIR={STATE_DIR}\n  {SPANGLASS} ls\n"
        + "".join(f"  {SPANGLASS} show {call['span_id']}\n" for call in calls if call is not last)
    )
    if sys.stdout.isatty():
        serve(environ, last["trace_id"])


def show(environ: dict[str, str], title: str, *command: str) -> None:
    """Runs a spanglass command, with what it does above it."""
    print(f"\n# {title}\n$ spanglass {' '.join(command)}\n", flush=True)
    subprocess.run([SPANGLASS, *command], env=environ, check=True)  # noqa: S603 - the commands above


def listed(environ: dict[str, str]) -> list[dict[str, str]]:
    """All calls, newest first."""
    command = [SPANGLASS, "ls", "--json"]
    done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)  # noqa: S603 - the line above
    calls: list[dict[str, str]] = json.loads(done.stdout)
    return calls


def serve(environ: dict[str, str], trace_id: str) -> None:
    """Serves the viewer until Ctrl-C, and says where the trace is in it."""
    command = [SPANGLASS, "serve", "--port", "0", "--otlp-port", "0"]
    server = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)  # noqa: S603 - the line above
    try:
        address = re.search(r"http://[\d.:]+", server.stdout.readline() if server.stdout else "")
        if address:
            print(f"In a browser, until Ctrl-C:\n  {address[0]}/traces/{trace_id}", flush=True)
        server.wait()
    except KeyboardInterrupt:  # the server has it from the terminal too
        print()
        server.wait()


if __name__ == "__main__":
    main()
