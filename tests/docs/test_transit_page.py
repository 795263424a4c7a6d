"""What the page about losses in transit shows is what its own commands print."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from docs.pages import ROOT, blocks, load_generator
from fake_provider import FakeProvider

PAGE = ROOT / "docs" / "concepts" / "transit.md"


def test_the_page_shows_what_its_commands_print(tmp_path: Path) -> None:
    comparable = load_generator().comparable
    printed, shown = "", []
    with FakeProvider() as provider:
        environ = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "XDG_STATE_HOME": str(tmp_path / "state"),
            "OPENAI_BASE_URL": f"{provider.url}/v1",
            "OPENAI_API_KEY": "sk-of-the-documentation",
        }
        for block in blocks(PAGE):
            if block.file is not None:
                (tmp_path / block.file).write_text(block.code, encoding="utf-8")
            elif block.language == "sh" and block.runs:
                command = ["sh", "-euc", block.code]
                printed = subprocess.run(
                    command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True, timeout=60
                ).stdout
            elif block.language == "text":
                shown.append((comparable(block.code), comparable(printed)))
    assert len(shown) == 2
    assert [page for page, _ in shown] == [output for _, output in shown]
