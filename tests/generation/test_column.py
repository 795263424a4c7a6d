"""Columns, templates, schemas and plans: what works, and what is said of what cannot."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from spanglass import RunConfig, TextColumn
from spanglass.errors import ConfigurationError
from spanglass.generation.parser import parse_json, schema_parser
from spanglass.generation.plan import read_plan
from spanglass.generation.template import Template
from spanglass.generation.tool import by_name

if TYPE_CHECKING:
    from pathlib import Path

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
}


def test_a_template_names_its_fields_and_is_filled() -> None:
    template = Template('Ask {{ who.name }}{% if hard %} something hard{% endif %}; answer as {"a": 1}.\n')
    assert template.fields == {"who", "hard"}
    filled = template.render({"who": {"name": "Ada"}, "hard": True})
    assert filled == 'Ask Ada something hard; answer as {"a": 1}.\n'


@pytest.mark.parametrize("source", ["{{ topic }}", "{{ given.topic }}", "{{ given | missing_filter_of(1) }}"])
def test_a_field_that_is_not_there_is_no_empty_text(source: str) -> None:
    if "filter" in source:
        with pytest.raises(ConfigurationError, match="is no template"):
            Template(source)
    else:
        with pytest.raises(ValueError, match="cannot be filled"):
            Template(source).render({"given": {}})


def test_a_template_cannot_reach_into_the_program() -> None:
    with pytest.raises(ValueError, match="cannot be filled"):
        Template("{{ given.__class__.__mro__ }}").render({"given": "x"})


@pytest.mark.parametrize("text", ['{"age": 36}', '```json\n{"age": 36}\n```', 'Here:\n```\n{"age": 36}\n```\nBye'])
def test_json_is_found_in_an_answer(text: str) -> None:
    assert parse_json(text) == {"age": 36}


def test_an_answer_that_does_not_fit_is_told_what_is_wrong_and_where() -> None:
    parse = schema_parser(PERSON)
    assert parse('{"name": "Ada", "age": 36}') == {"name": "Ada", "age": 36}
    with pytest.raises(ValueError, match=r"^The answer is not valid JSON: Expecting value: line 1 column 1 \(char 0\)"):
        parse("Ada")
    with pytest.raises(ValueError, match="does not match") as caught:
        parse('{"age": -1}')
    assert str(caught.value) == (
        "The answer does not match the schema:\n"
        "- at $: 'name' is a required property\n"
        "- at $.age: -1 is less than the minimum of 0\n"
        "Answer with the corrected JSON alone."
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"name": ""}, "column '': a column cannot be named ''"),
        ({"name": "a__trace"}, "column 'a__trace': a column cannot be named 'a__trace'"),
        ({"with_trace": True}, "column 'a': with_trace=True is none of none, last_message, all"),
        ({"parser": int, "output_schema": {}}, "column 'a': give a parser or an output_schema, not both"),
        ({"output_schema": {"type": "number?"}}, "output_schema is no JSON schema: 'number?' is not valid"),
        ({"prompt": "{{ a"}, "'{{ a' is no template: "),
    ],
)
def test_a_column_that_cannot_work_is_refused_when_it_is_made(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        TextColumn(**{"name": "a", "prompt": "Hi", **arguments})
    assert str(caught.value).startswith(told)


def test_a_number_that_cannot_work_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="max_concurrency=0 is no whole number from 1 on"):
        RunConfig(max_concurrency=0)


@pytest.mark.parametrize(
    ("library", "arguments", "what"),
    [
        ("jinja2", {"prompt": "{{ topic }}"}, "templates"),
        ("jsonschema", {"output_schema": {}}, "output schemas"),
    ],
)
def test_a_library_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, library: str, arguments: dict[str, Any], what: str
) -> None:
    without(monkeypatch, library)
    with pytest.raises(ConfigurationError) as caught:
        TextColumn(**{"name": "a", "prompt": "Hi", **arguments})
    told = f"{what} need {library}, which is not installed; run: pip install 'spanglass[generate]'"
    assert str(caught.value) == told


def without(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """A machine where a library is not installed."""
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)


def test_a_plan_is_read(tmp_path: Path) -> None:
    (tmp_path / "plan_tools_of_the_tests.py").write_text(
        "def weather(city: str) -> str:\n    return city\n\ndef client(messages, *, model, **_):\n    return model\n",
        encoding="utf-8",
    )
    path = tmp_path / "plan.yaml"
    path.write_text(
        """
model: gpt-4o-mini
client: plan_tools_of_the_tests:client
run: {max_concurrency: 3, debug_override_save_all_column_traces: true}
columns:
  - name: question
    prompt: Ask something about {{ topic }}.
    tools: [plan_tools_of_the_tests:weather]
    options: {temperature: 0.2}
  - name: person
    model: gpt-4o
    prompt: Who asked {{ question }}?
    system_prompt: Answer with JSON.
    with_trace: last_message
    output_schema: {type: object}
  - {name: raw, prompt: JSON, parser: json}
""",
        encoding="utf-8",
    )
    plan = read_plan(path)
    assert (plan.model, plan.client([], model="m")) == ("gpt-4o-mini", "m")
    assert plan.config == RunConfig(max_concurrency=3, debug_override_save_all_column_traces=True)
    question, person, raw = plan.columns
    assert (question.name, list(by_name(question.tools))) == ("question", ["weather"])
    assert question.options == {"temperature": 0.2}
    assert (person.model, person.with_trace, person.output_schema) == ("gpt-4o", "last_message", {"type": "object"})
    assert raw.parse('{"a": 1}') == {"a": 1}


def test_a_plan_in_json_needs_no_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "yaml")
    plan = {"client": "json:loads", "columns": [{"name": "a", "prompt": "Hi"}]}
    (tmp_path / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    assert read_plan(tmp_path / "plan.json").columns == (TextColumn("a", "Hi"),)
    (tmp_path / "plan.yaml").write_text(json.dumps(plan), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="configuration files in YAML need yaml, which is not installed"):
        read_plan(tmp_path / "plan.yaml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("columns: [", "cannot be read: while parsing"),
        ("- a", "the file is list, not a mapping with the keys model, client, run, columns"),
        ("model: m", "the file has no list of columns"),
        ("colums: []", "the file has the unknown key 'colums'; the keys are model, client, run, columns"),
        ("columns: [{name: a, promt: Hi}]", "columns[0] has the unknown key 'promt'; the keys are name, prompt,"),
        ("columns: [{name: a}]", "columns[0] has no prompt"),
        ("columns: [a]", "columns[0] is str, not a mapping"),
        (
            "columns: [{name: a, prompt: Hi, parser: number}]",
            "columns[0].parser 'number' is neither one of text, json,",
        ),
        ("columns: [{name: a, prompt: Hi, parser: 'json:none'}]", "columns[0].parser 'json:none' cannot be found: "),
        ("client: none_such:client\ncolumns: [{name: a, prompt: Hi}]", "client 'none_such:client' cannot be found: "),
        ("client: openai\ncolumns: [{name: a, prompt: Hi}]", "client 'openai' cannot be made: "),
        ("run: {concurrency: 3}\ncolumns: [{name: a, prompt: Hi}]", "run has the unknown key 'concurrency'; the keys"),
        ("run: {max_concurrency: many}\ncolumns: [{name: a, prompt: Hi}]", "max_concurrency='many' is no whole number"),
    ],
)
def test_a_plan_that_cannot_work_is_refused_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_plan(path)
    assert str(caught.value).startswith((f"{path}: {told}", f"{path} {told}"))
