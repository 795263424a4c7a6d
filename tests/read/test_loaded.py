"""What is exported loads, as it is, with the libraries that train on it.

They are large, so they are a dependency group of their own; without it these tests say so and are skipped:
``pip install --group dataset`` (TRL only if it is there anyway).
"""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from read.talk import ASSISTANT, TOOL, USER, Talk, calls_tool, says
from spanglass import export_dataset
from spanglass.read.dataset import Dataset
from spanglass.read.shape import FORMATS

if TYPE_CHECKING:
    from pathlib import Path

    from spanglass.model import JsonObject

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # those of pandas, pyarrow, torch and the like are not ours to mend
]
#: Enough for more than one block (10 MiB) of the reader, which infers all types from the first.
MANY = 200
BLOCK = "a long text " * 6000


def tool(name: str, **properties: str) -> JsonObject:
    shaped = {key: {"type": kind} for key, kind in properties.items()}
    schema = {"type": "object", "properties": shaped, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": "", "parameters": schema}}


def converse(talk: Talk) -> None:
    """Conversations of every kind: plain, corrected, with tools that differ, with reasoning, with parts."""
    said = talk.call([says(USER, "How many?")], says(ASSISTANT, "many", reasoning_content="Hm."))
    del said[-1]["reasoning_content"]
    talk.call([*said, says(USER, "ValueError: no number")], says(ASSISTANT, "7", reasoning_content="A figure."))
    for name, argument in (("weather", {"city": "Bergen"}), ("sum", {"numbers": [1, 2], "exact": True})):
        tools = {"tools": [tool(name, **dict.fromkeys(argument, "string"))]}
        said = talk.call([says("system", "Use tools."), says(USER, name)], calls_tool(name, **argument), more=tools)
        result = says(TOOL, "done", tool_call_id=f"call_{name}")
        said = talk.call([*said, result], "well", more=tools)
        talk.call([*said, says(USER, "Not valid JSON: fix the errors")], '"well"', more=tools)
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    talk.call([says(USER, [{"type": "text", "text": "What is it?"}, picture])], "A cat.")


def load(path: Path, cache: Path) -> Any:
    datasets = pytest.importorskip("datasets", reason="the dependency group 'dataset' is not installed")
    datasets.disable_progress_bars()
    return datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(cache))


def said(value: Any) -> Any:
    """A row without what columns of one type have to say of others: the keys that are None."""
    if isinstance(value, dict):
        return {key: said(item) for key, item in value.items() if item is not None}
    return [said(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("form", FORMATS)
def test_datasets_loads_what_was_exported(tmp_path: Path, form: Any) -> None:
    talk = Talk()
    converse(talk)
    with talk.reader(tmp_path / "state") as reader:
        path = tmp_path / "rows.jsonl"
        report = export_dataset(path, form, reader=reader)
        loaded = load(path, tmp_path / "cache")
        assert report.rows == len(loaded) > 2
        made = sorted(said(list(Dataset(reader, form))), key=json.dumps)
        assert sorted(said(list(loaded)), key=json.dumps) == made


@pytest.mark.parametrize("form", FORMATS)
def test_datasets_loads_a_large_file_whose_later_rows_have_more(tmp_path: Path, form: Any) -> None:
    talk = Talk()
    for number in range(MANY):
        asked = talk.call([says(USER, f"{number} {BLOCK}")], "many")
        talk.call([*asked, says(USER, "ValueError: no number")], str(number))
    converse(talk)
    with talk.reader(tmp_path / "state") as reader:
        path = tmp_path / "rows.jsonl"
        export_dataset(path, form, reader=reader)
        assert path.stat().st_size > 10 << 20
        loaded, made = said(list(load(path, tmp_path / "cache"))), said(list(Dataset(reader, form)))
        assert sorted(loaded, key=json.dumps) == sorted(made, key=json.dumps)


def trl() -> Any:
    pytest.importorskip("trl", reason="TRL is not installed; it needs PyTorch")
    return importlib.import_module("trl.data_utils")


@pytest.mark.parametrize("form", ["openai", "trl-sft", "trl-dpo"])
def test_trl_takes_the_rows_for_conversations(tmp_path: Path, form: Any) -> None:
    data_utils = trl()
    talk = Talk()
    converse(talk)
    with talk.reader(tmp_path / "state") as reader:
        path = tmp_path / "rows.jsonl"
        export_dataset(path, form, reader=reader)
    assert all(data_utils.is_conversational(row) for row in load(path, tmp_path / "cache"))
