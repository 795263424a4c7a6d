"""`spanglass generate` from a configuration and a file of rows, against a real client."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import spanglass
from fake_provider import FakeProvider
from generation.made import says

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cli.conftest import Ended
    from spanglass.settings import Settings

PLAN = """
model: m-1
run: {max_concurrency: 1, max_correction_steps: 1}
columns:
  - name: count
    prompt: How many {{ what }}?
    output_schema: {type: integer}
"""


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{running.url}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-tests")
        yield running
    spanglass.uninstall()


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """The arguments: a configuration, rows and an output."""
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    (tmp_path / "rows.csv").write_text("what\ntrains\nferries\n", encoding="utf-8")
    return [str(tmp_path / "plan.yaml"), str(tmp_path / "rows.csv"), "-o", str(tmp_path / "out.jsonl")]


def rows(arguments: list[str]) -> list[object]:
    with open(arguments[-1], encoding="utf-8") as file:  # noqa: PTH123 - the argument is a text
        return [json.loads(line) for line in file]


def test_rows_are_made_and_their_calls_recorded(
    provider: FakeProvider, settings: Settings, command: Callable[..., Ended], files: list[str]
) -> None:
    provider.script(says("3"), says("many"), says("4"))
    done = command("generate", *files)
    assert (done.code, done.out) == (0, "")
    assert done.err == f"spanglass: note: 2 rows written to {files[-1]}\n"
    assert rows(files) == [{"what": "trains", "count": 3}, {"what": "ferries", "count": 4}]

    (pair,) = [
        json.loads(line) for line in command("export", "--format", "trl-dpo", "--step", "count").out.splitlines()
    ]
    assert [pair["rejected"][0]["content"], pair["chosen"][0]["content"]] == ["many", "4"]
    tree = json.loads(command("trace", pair["span_ids"][0], "--json").out)["calls"]
    assert [(call["name"], call["step_attempt"]) for call in tree] == [
        ("generate m-1", None),
        ("chat m-1", 1),
        ("chat m-1", 2),
    ]
    shown = command("trace", pair["span_ids"][0]).out
    assert [line.split("  done")[0].strip() for line in shown.splitlines()[4:]] == [
        "generate m-1",
        "chat m-1  count",
        "chat m-1  count  try 2",
    ]
    assert settings.state_dir.exists()


def test_rows_that_fail_make_the_exit_code_say_so_and_are_tried_again(
    provider: FakeProvider, command: Callable[..., Ended], files: list[str]
) -> None:
    provider.script(says("3"), says("many"), says("a lot"), says("4"))
    failed = files[-1].replace("out.jsonl", "out.failed.jsonl")
    done = command("generate", *files, "--json")
    report = {"path": files[-1], "made": 1, "resumed": 0, "failed": 1, "failed_path": failed, "torn": False}
    assert (done.code, json.loads(done.out)) == (1, report)
    assert json.loads(done.err)["notes"][-1] == f"1 row failed: see {failed}; run it again to try them again"
    again = command("generate", *files)
    assert (again.code, again.err) == (
        0,
        f"spanglass: note: 1 row written to {files[-1]}, 1 there already\n",
    )
    assert rows(files) == [{"what": "trains", "count": 3}, {"what": "ferries", "count": 4}]


def test_options_win_over_the_configuration(
    provider: FakeProvider, command: Callable[..., Ended], files: list[str]
) -> None:
    provider.otherwise(lambda _path, _body: says("3"))
    assert command("generate", *files, "--model", "m-2", "--traces", "--concurrency", "2").code == 0
    assert {exchange.json["model"] for exchange in provider.exchanges} == {"m-2"}
    assert all("count__trace" in row for row in rows(files) if isinstance(row, dict))


def test_a_configuration_that_cannot_work_is_said(
    command: Callable[..., Ended], files: list[str], tmp_path: Path
) -> None:
    (tmp_path / "plan.yaml").write_text("columns: [{name: a, promt: Hi}]", encoding="utf-8")
    done = command("generate", *files)
    assert (done.code, done.out) == (2, "")
    assert "columns[0] has the unknown key 'promt'" in done.err
    assert not (tmp_path / "out.jsonl").exists()


def test_a_file_that_is_not_there_is_said(command: Callable[..., Ended], files: list[str]) -> None:
    done = command("generate", "none.yaml", *files[1:])
    assert (done.code, done.out) == (74, "")
    assert "none.yaml" in done.err


def test_rows_are_not_written_over_themselves(command: Callable[..., Ended], files: list[str]) -> None:
    done = command("generate", files[0], files[1], "-o", files[1])
    assert done.code == 2
    assert "is the file that the rows are read from" in done.err


@pytest.mark.usefixtures("provider")
def test_an_interrupted_run_says_how_to_go_on(
    command: Callable[..., Ended], files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("spanglass.generation.rows.generate_file", interrupted)
    done = command("generate", *files)
    assert (done.code, done.out) == (130, "")
    assert done.err == (
        f"spanglass: note: interrupted; the rows that are done are in {files[-1]}: run it again to go on\n"
    )
