"""The documentation is true: its code runs, its tables are the code's, its links lead somewhere."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import spanglass
from docs.pages import ROOT, all_pages, anchors, blocks, first_cells, links, load_generator, name_of, prose
from fake_provider import FakeProvider
from spanglass.model.message import ChatMessage
from spanglass.model.record import Attempt, Record, Usage
from spanglass.settings.option import OPTIONS, OTHERS, PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES = all_pages()
GENERATOR = load_generator()
#: What programs print that ran: it differs from run to run.
RUNS = ("demo", "failing-agent")
REGIONS = [region for region in GENERATOR.regions() if region.name not in RUNS]
MODULES = [f"spanglass.{module.name}" for module in pkgutil.iter_modules(spanglass.__path__)]


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A machine with a provider, and with this interpreter as its Python."""
    with FakeProvider() as provider:
        yield {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "XDG_STATE_HOME": str(tmp_path / "state"),
            "OPENAI_BASE_URL": f"{provider.url}/v1",
            "OPENAI_API_KEY": "sk-of-the-documentation",
            "COLUMNS": "100",
        }


@pytest.mark.parametrize("page", [page for page in PAGES if any(block.runs for block in blocks(page))], ids=name_of)
def test_the_code_of_a_page_runs(page: Path, environ: dict[str, str], tmp_path: Path) -> None:
    for block in blocks(page):
        if block.file is not None:
            (tmp_path / block.file).write_text(block.code, encoding="utf-8")
        elif block.runs:
            program = ["sh", "-euc"] if block.language == "sh" else [sys.executable, "-W", "error", "-c"]
            command = [*program, block.code]
            done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{block.code}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_block_that_does_not_run_says_why(page: Path) -> None:
    marks = {block.mark for block in blocks(page) if block.mark}
    assert {mark for mark in marks if not re.match(r"(not run: \w|file: [\w.]+$|generated: )", mark)} == set()


def test_every_generated_part_has_its_place_on_a_page() -> None:
    assert sorted(region.name for region in GENERATOR.regions()) == sorted(GENERATOR.GENERATED)


@pytest.mark.parametrize("region", REGIONS, ids=lambda region: region.name)
def test_what_is_generated_is_what_the_code_says(region: Any) -> None:
    assert region.text == GENERATOR.GENERATED[region.name]()


@pytest.mark.slow
def test_the_readme_shows_what_the_demo_prints() -> None:
    assert [region.name for region in GENERATOR.regions() if region.page == ROOT / "README.md"] == ["demo"]
    (shown,) = (region for region in GENERATOR.regions() if region.name == "demo")
    assert GENERATOR.comparable(shown.text) == GENERATOR.comparable(GENERATOR.demo())


@pytest.mark.slow
def test_the_page_on_steps_shows_how_the_failing_agent_ends() -> None:
    (shown,) = (region for region in GENERATOR.regions() if region.name == "failing-agent")
    assert GENERATOR.comparable(shown.text) == GENERATOR.comparable(GENERATOR.failing_agent())


def test_every_variable_is_documented_and_every_documented_variable_exists() -> None:
    known = {option.variable for option in OPTIONS}
    assert set(re.findall(rf"`({PREFIX}\w+)`", prose(ROOT / "docs" / "settings.md"))) >= known
    mentioned = {name for page in PAGES for name in re.findall(rf"{PREFIX}[A-Z_]+\b", page.read_text(encoding="utf-8"))}
    assert mentioned - known - OTHERS == set()


def test_every_command_is_documented_and_every_documented_command_exists() -> None:
    known = {name for name, _ in GENERATOR._subparsers()}
    assert anchors(ROOT / "docs" / "cli.md") >= known
    texts = [prose(page) for page in PAGES]
    shell = [block.code for page in PAGES for block in blocks(page) if block.language == "sh"]
    mentioned = {name for text in texts for name in re.findall(r"`spanglass ([a-z]+)\b", text)}
    mentioned |= {name for code in shell for name in re.findall(r"^spanglass ([a-z]+)\b", code, re.MULTILINE)}
    assert mentioned - known == set()


def test_every_command_can_be_had_as_json_and_has_an_example() -> None:
    parsers = dict(GENERATOR._subparsers())
    assert [name for name, parser in parsers.items() if "--json" not in parser.format_help()] == []
    shell = "".join(block.code for page in PAGES for block in blocks(page) if block.language == "sh")
    assert set(parsers) - set(re.findall(r"^spanglass ([a-z]+)\b", shell, re.MULTILINE)) == set()


def test_the_record_is_documented_key_by_key() -> None:
    page = ROOT / "docs" / "record.md"
    documented = {heading: first_cells(page, heading) for heading in ("Record", "Message", "Usage", "Attempt")}
    assert documented == {
        "Record": list(Record("", "").to_dict()),
        "Message": list(ChatMessage.as_user("").to_dict()),
        "Usage": list(Usage.__slots__),
        "Attempt": list(Attempt(1, "POST", "", 0).to_dict()),
    }


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for target in links(page):
        if target.startswith(("https://", "http://")):
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            dead.append(target)
    assert dead == []


@pytest.mark.parametrize("page", [page for page in PAGES if (ROOT / "docs") in page.parents], ids=name_of)
def test_every_page_can_be_reached_from_the_index_above_it(page: Path) -> None:
    above = page.parent.parent if page.stem == "index" else page.parent
    entry = page.relative_to(above).with_suffix("").as_posix()
    assert above == ROOT or f"\n{entry}\n" in (above / "index.md").read_text(encoding="utf-8")


def modules_with_examples() -> list[str]:
    """Every module whose docstrings show an example."""
    found = pkgutil.walk_packages(spanglass.__path__, "spanglass.")
    files = {module.name: getattr(module.module_finder, "path", "") for module in found}
    return [
        name
        for name, directory in sorted(files.items())
        if any(">>>" in path.read_text(encoding="utf-8") for path in _sources(directory, name.rpartition(".")[2]))
    ]


def _sources(directory: str, name: str) -> list[Path]:
    return [path for path in (Path(directory, f"{name}.py"), Path(directory, name, "__init__.py")) if path.exists()]


@pytest.mark.parametrize("name", modules_with_examples())
def test_the_examples_of_docstrings_run(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert (failed, tried > 0) == (0, True)
