"""Writes the parts of the documentation that the code decides: tables, help texts, the demo's output.

Invariant: what stands between ``<!-- generated: NAME -->`` and ``<!-- end of NAME -->`` in README.md and docs/ is what
this program writes, and tests hold it against the code. Run it after changing a setting, a command or the demo:

    python docs/generate.py            # write
    python docs/generate.py --check    # say what is out of date, and fail
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import spanglass
from spanglass.cli import build_parser
from spanglass.cli.exits import MEANINGS
from spanglass.settings.option import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
_REGION = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n)(?P<text>.*?)(\n<!-- end of (?P=name) -->)", re.DOTALL)


class Region(NamedTuple):
    """A generated part of a page."""

    page: Path
    name: str
    text: str


def settings_table() -> str:
    """All settings, as they are declared."""
    rows = ["| variable | values | default | meaning |", "|---|---|---|---|"]
    for option in OPTIONS:
        default = f"`{option.default}`" if option.default else "unset"
        rows.append(f"| `{option.variable}` | {option.values} | {default} | {option.meaning} |")
    return "\n".join(rows)


def exit_codes() -> str:
    """What the exit codes of all commands mean."""
    rows = ["| code | meaning |", "|---|---|"]
    return "\n".join(rows + [f"| {int(code)} | {meaning} |" for code, meaning in MEANINGS.items()])


def commands() -> str:
    """The help text of the program and of each command, for a terminal of 100 columns."""
    os.environ["COLUMNS"] = "100"  # argparse asks for it
    parts = [f"```text\n{build_parser().format_help().strip()}\n```"]
    parts += [f"## {name}\n\n```text\n{parser.format_help().strip()}\n```" for name, parser in _subparsers()]
    return "\n\n".join(parts)


def api() -> str:
    """A directive for each public name."""
    parts = []
    for name in spanglass.__all__:
        thing = getattr(spanglass, name)
        if name.startswith("__"):
            continue
        kind = "autoexception" if isinstance(thing, type) and issubclass(thing, Exception) else "autoclass"
        directive = kind if isinstance(thing, type) else "autofunction"
        members = "\n   :members:" if directive == "autoclass" else ""
        parts.append(f".. {directive}:: {thing.__module__}.{name}{members}")
    return "```{eval-rst}\n" + "\n\n".join(parts) + "\n```"


def demo() -> str:
    """What `make demo` prints, but for the lines that say where on this machine."""
    environ = {name: value for name, value in os.environ.items() if name not in {"DEMO_LIVE", "OPENAI_API_KEY"}}
    environ |= {"COLUMNS": "100", "NO_COLOR": "1"}
    command = [sys.executable, "examples/demo.py"]
    with tempfile.TemporaryDirectory() as away:  # it empties the directory that it writes to: not one in use
        shutil.copytree(ROOT / "examples", Path(away, "examples"))
        done = subprocess.run(command, cwd=away, env=environ, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    shown = done.stdout.partition("\nThe others:")[0].strip()
    return "```text\n" + "\n".join(line.rstrip() for line in shown.splitlines()) + "\n```"


def patent_workflow() -> str:
    """What the example of a workflow prints, beside the server that plays its model."""
    return f"```text\n{_example('patent_workflow.py').strip()}\n```"


def dataset() -> str:
    """What the example of a dataset prints."""
    with tempfile.TemporaryDirectory() as made:
        return f"```text\n{_example('dataset.py', made).strip()}\n```"


def failing_agent() -> str:
    """How the agent whose tool fails ends, without the lines that say where on this machine."""
    text = _run("failing_agent.py", launcher=("-m", "spanglass", "run", "--", sys.executable)).stderr
    _, error, rest = text.partition("ConnectionError: ")
    return f"```text\nTraceback (most recent call last):\n  …\n{error}{rest.strip()}\n```"


def _example(name: str, *arguments: str) -> str:
    """What a program of examples/ prints, with a state directory and a provider of its own."""
    done = _run(name, *arguments)
    done.check_returncode()
    return done.stdout


def _run(name: str, *arguments: str, launcher: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """A program of examples/, run beside the server that plays its model."""
    with (
        tempfile.TemporaryDirectory() as away,
        subprocess.Popen(
            [sys.executable, "examples/provider.py"], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as server,
    ):
        try:
            url = server.stdout.readline().strip() if server.stdout else ""
            environ = os.environ | {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none", "SPANGLASS_STATE_DIR": away}
            command = [sys.executable, *launcher, f"examples/{name}", *arguments]
            return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - ours
        finally:
            server.kill()


GENERATED: dict[str, Callable[[], str]] = {
    "api": api,
    "commands": commands,
    "dataset": dataset,
    "demo": demo,
    "exit-codes": exit_codes,
    "failing-agent": failing_agent,
    "patent-workflow": patent_workflow,
    "settings": settings_table,
}


def pages() -> list[Path]:
    """Everything that users read."""
    docs = sorted(page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts)
    return [ROOT / "README.md", *docs]


def regions() -> Iterator[Region]:
    """All generated parts, as they stand on their pages."""
    for page in pages():
        for found in _REGION.finditer(page.read_text(encoding="utf-8")):
            yield Region(page, found["name"], found["text"])


def comparable(text: str) -> str:
    """A generated text without what differs from run to run: ids, times, durations, and the room they take."""
    text = re.sub(r"\b[0-9a-f]{8,32}\b", "<id>", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?", "<time>", text)
    text = re.sub(r"\[ +(?=\d)", "[", text)
    text = re.sub(r"\d+(\.\d+)? ?(ns|µs|ms|s)\b", "<duration>", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "<address>", text)
    return re.sub(r"[ ─-]{2,}", " ", text)


def outdated() -> list[Region]:
    """The parts that are not what the code says; of the demo only what must not differ is compared."""
    return [region for region in regions() if comparable(GENERATED[region.name]()) != comparable(region.text)]


def _subparsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in build_parser()._actions:  # noqa: SLF001 - argparse has no other way to list them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            yield from action.choices.items()


def main() -> int:
    """Writes, or checks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when something is out of date")
    options = parser.parse_args()
    stale = outdated()
    for region in stale:
        name = region.page.relative_to(ROOT)
        advice = "; run: python docs/generate.py" if options.check else ": written anew"
        sys.stderr.write(f"{name}: {region.name} is out of date{advice}\n")
        if not options.check:
            text = region.page.read_text(encoding="utf-8")
            fresh = GENERATED[region.name]()
            marks = (f"<!-- generated: {region.name} -->\n", f"\n<!-- end of {region.name} -->")
            region.page.write_text(text.replace(region.text.join(marks), fresh.join(marks)), encoding="utf-8")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
