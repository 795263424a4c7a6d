"""Columns over rows: several at a time, into a file, interrupted and gone on with."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import spanglass
from generation.made import client_of, says
from spanglass import RunConfig, TextColumn, generate_file, generate_rows, generate_rows_async
from spanglass.errors import ConfigurationError, GenerationError
from spanglass.generation.sheet import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from capture.watch import Watch
    from fake_provider import FakeProvider
    from spanglass.model import JsonObject

QUESTION = TextColumn("question", "Ask about {{ topic }}.", with_trace="all")
ANSWER = TextColumn(
    "answer", "Answer: {{ question }}", system_prompt="Be short, {{ topic }}.", with_trace="last_message"
)
SECRET = "sk-proj-Zt5mQ1wX8cV3nB7kJ2hG6fD9sA4pL0yR"


def echo(messages: list[JsonObject], **_: Any) -> str:
    """A client that says what it heard."""
    return f"<{messages[-1]['content']}>"


def counting(client: Callable[..., Any] = echo) -> tuple[Callable[..., Any], list[str]]:
    """A client, and the prompts that it was asked."""
    asked: list[str] = []

    def ask(messages: list[JsonObject], **more: Any) -> Any:
        asked.append(messages[-1]["content"])
        return client(messages, **more)

    return ask, asked


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def topics(count: int) -> list[dict[str, Any]]:
    return [{"topic": f"t{number}"} for number in range(count)]


def test_a_later_column_has_what_an_earlier_one_made() -> None:
    (row,) = generate_rows([QUESTION, ANSWER], [{"topic": "rain"}], model="m", client=echo)
    assert (row.index, row.given, row.failure) == (0, {"topic": "rain"}, None)
    asked = {"role": "user", "content": "Ask about rain."}
    nothing = {"reasoning_content": None, "tool_calls": None, "tool_call_id": None, "name": None}
    said = {"role": "assistant", "content": "<Ask about rain.>"}
    assert row.values == {
        "topic": "rain",
        "question": "<Ask about rain.>",
        "question__trace": [{**asked, **nothing}, {**said, **nothing}],
        "answer": "<Answer: <Ask about rain.>>",
        "answer__trace": [{**said, "content": "<Answer: <Ask about rain.>>", **nothing}],
    }


@pytest.mark.parametrize(("everything", "written"), [(False, []), (True, ["a__trace"])])
def test_one_setting_keeps_the_traces_of_all_columns(*, everything: bool, written: list[str]) -> None:
    config = RunConfig(debug_override_save_all_column_traces=everything)
    (row,) = generate_rows([TextColumn("a", "Hi")], [{}], model="m", client=echo, config=config)
    assert list(row.values) == ["a", *written]


def test_no_more_rows_are_under_way_than_asked_for_and_as_many_as_that() -> None:
    barrier, lock, now, most = threading.Barrier(3), threading.Lock(), [0], [0]

    def ask(messages: list[JsonObject], **_: Any) -> str:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        barrier.wait(30)  # each time three are here, or the test fails
        with lock:
            now[0] -= 1
        return "ok"

    read: list[int] = []

    def rows() -> Any:
        for number in range(9):
            read.append(number)
            yield {"topic": number}

    made = generate_rows([QUESTION], rows(), model="m", client=ask, config=RunConfig(max_concurrency=3))
    first = next(made)
    assert first.failure is None
    assert len(read) <= 6
    assert {first.index, *(row.index for row in made)} == set(range(9))
    assert most == [3]


async def test_the_async_twin_makes_the_same_rows() -> None:
    async def ask(messages: list[JsonObject], **_: Any) -> str:
        await asyncio.sleep(0)
        return echo(messages)

    rows = topics(20)
    made = [row async for row in generate_rows_async([QUESTION, ANSWER], rows, model="m", client=ask)]
    plain = list(generate_rows([QUESTION, ANSWER], rows, model="m", client=echo))
    assert sorted(made, key=lambda row: row.index) == sorted(plain, key=lambda row: row.index)


async def test_an_async_run_that_is_left_cancels_what_is_under_way() -> None:
    cancelled: list[str] = []

    async def ask(messages: list[JsonObject], **_: Any) -> str:
        if messages[-1]["content"].endswith("t0."):
            return "ok"
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(messages[-1]["content"])
            raise
        return ""

    made = generate_rows_async([QUESTION], topics(3), model="m", client=ask)
    assert (await anext(made)).index == 0
    await made.aclose()  # type: ignore[attr-defined]
    assert sorted(cancelled) == ["Ask about t1.", "Ask about t2."]


def test_a_row_that_fails_is_kept_apart_with_its_conversation(
    provider: FakeProvider, watch: Watch, tmp_path: Path
) -> None:
    watch.install()
    provider.script(says("7"), says("many"), says(SECRET))
    columns = [TextColumn("answer", "How many {{ topic }}?", parser=int)]
    path = tmp_path / "out.jsonl"
    config = RunConfig(max_concurrency=1, max_correction_steps=1)
    report = generate_file(columns, topics(2), path, model="m-1", client=client_of(provider), config=config)
    assert (report.made, report.failed, report.failed_path) == (1, 1, tmp_path / "out.failed.jsonl")
    assert lines(path) == [{"topic": "t0", "answer": 7}]
    (failed,) = lines(tmp_path / "out.failed.jsonl")
    assert (failed["row"], failed["column"], failed["error"]["type"]) == ({"topic": "t1"}, "answer", "GenerationError")
    assert "[REDACTED]" in failed["error"]["message"]
    assert [message["role"] for message in failed["trace"]] == ["user", "assistant", "user", "assistant"]
    assert spanglass.flush(20)
    assert [spanglass.fetch(ref).step_name for ref in failed["span_ids"]] == ["answer", "answer"]


@pytest.mark.parametrize(
    ("columns", "row", "column", "told"),
    [
        ([QUESTION], {}, "question", "the template 'Ask about {{ topic }}.' cannot be filled: 'topic' is undefined"),
        ([QUESTION], {"topic": 1, "question": 2}, "question", "the row has a field 'question' already"),
    ],
)
def test_a_row_that_does_not_fit_fails_alone(columns: Any, row: JsonObject, column: str, told: str) -> None:
    bad, good = sorted(
        generate_rows([*columns, ANSWER], [row, {"topic": "t"}], model="m", client=echo), key=lambda made: made.index
    )
    assert good.failure is None
    assert bad.failure is not None
    assert (bad.failure.column, str(bad.failure.error).startswith(told), bad.values) == (column, True, row)


def test_what_the_client_raises_fails_the_row_with_its_call(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    provider.otherwise(lambda _path, _body: provider_error())
    (row,) = generate_rows([TextColumn("a", "Hi")], [{}], model="m-1", client=client_of(provider))
    assert row.failure is not None
    assert type(row.failure.error).__name__ == "AuthenticationError"
    assert spanglass.flush(20)
    assert [spanglass.fetch(ref).state for ref in row.failure.refs] == ["error"]


def provider_error() -> Any:
    from fake_provider import Answer
    from fake_provider.openai_wire import error

    return Answer.json(error("no such key"), status=401)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ([QUESTION, QUESTION], "two columns are named 'question'"),
        ([ANSWER, QUESTION], "column 'answer' refers to 'question', which is made only after it; put it first"),
        ([TextColumn("a", "{{ a }}")], "column 'a' refers to 'a', which is made only after it"),
    ],
)
def test_columns_that_cannot_work_together_are_refused_before_anything_is_asked(columns: Any, told: str) -> None:
    client, asked = counting()
    with pytest.raises(ConfigurationError, match=told):
        generate_rows(columns, [{"topic": 1}], model="m", client=client)
    with pytest.raises(ConfigurationError, match="column 'question' has no model"):
        generate_rows([QUESTION], [{"topic": 1}], client=client)
    assert asked == []


def test_a_run_goes_on_where_it_was_and_tries_again_what_failed(tmp_path: Path) -> None:
    path, failed = tmp_path / "out.jsonl", tmp_path / "out.failed.jsonl"

    def moody(messages: list[JsonObject], **_: Any) -> str:
        if "t3" in messages[-1]["content"]:
            message = "not now"
            raise ConnectionError(message)
        return echo(messages)

    first = generate_file([QUESTION], topics(5), path, model="m", client=moody)
    assert (first.made, first.resumed, first.failed) == (4, 0, 1)
    client, asked = counting()
    second = generate_file([QUESTION], topics(7), path, model="m", client=client)
    assert (second.made, second.resumed, second.failed, second.failed_path) == (3, 4, 0, None)
    assert sorted(asked) == ["Ask about t3.", "Ask about t5.", "Ask about t6."]
    assert sorted(row["topic"] for row in lines(path)) == [f"t{number}" for number in range(7)]
    assert not failed.exists()


def test_half_a_row_is_cut_off_and_made_again(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    generate_file([QUESTION], topics(3), path, model="m", client=echo, config=RunConfig(max_concurrency=1))
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    client, asked = counting()
    report = generate_file([QUESTION], topics(3), path, model="m", client=client)
    assert (report.torn, report.made, report.resumed, asked) == (True, 1, 2, ["Ask about t2."])
    assert path.read_bytes() == whole


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    rows=st.lists(st.dictionaries(st.sampled_from("abc"), scalars | st.lists(scalars, max_size=2)), max_size=6),
    kept=st.integers(0, 6),
    cut=st.integers(0, 40),
)
def test_however_a_run_is_cut_off_every_row_is_made_once(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], kept: int, cut: int
) -> None:
    path = tmp_path_factory.mktemp("rows") / "out.jsonl"
    column = TextColumn("made", "Hi")
    generate_file([column], rows, path, model="m", client=echo)
    written = path.read_bytes().splitlines(keepends=True)
    whole = sorted(written)
    left = b"".join(written[:kept])
    path.write_bytes(left + b"".join(written[kept:])[:cut])
    report = generate_file([column], rows, path, model="m", client=echo)
    assert sorted(path.read_bytes().splitlines(keepends=True)) == whole
    assert report.made + report.resumed == len(rows)


def test_rows_of_other_columns_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    generate_file([TextColumn("a", "Hi")], topics(1), path, model="m", client=echo)
    with pytest.raises(
        ConfigurationError, match=r"out.jsonl line 1 has no 'question': other columns were written to it"
    ):
        generate_file([QUESTION], topics(1), path, model="m", client=echo)


# A line is one write, so that two threads do not write into each other's.
KILLED = """
import os, sys
from spanglass import RunConfig, TextColumn, generate_file

def client(messages, **_):
    os.write(1, (messages[-1]["content"] + "\\n").encode())
    if messages[-1]["content"] == sys.argv[2]:
        sys.stdin.readline()
    return "ok"

columns = [TextColumn("a", "First {{ n }}"), TextColumn("b", "Second {{ n }}")]
generate_file(columns, [{"n": n} for n in range(6)], sys.argv[1], model="m", client=client,
              config=RunConfig(max_concurrency=2))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_a_run_that_is_killed_leaves_no_half_row_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    command = [sys.executable, "-c", KILLED, str(path), "Second 3"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if line.strip() == "Second 3":
                break
        running.kill()
        running.wait(30)
    assert all(row.keys() == {"n", "a", "b"} for row in lines(path))
    done = {row["n"] for row in lines(path)}
    assert len(done) >= 2  # before the fourth of six was begun, two at a time
    assert 3 not in done
    columns = [TextColumn("a", "First {{ n }}"), TextColumn("b", "Second {{ n }}")]
    client, asked = counting()
    report = generate_file(columns, [{"n": n} for n in range(6)], path, model="m", client=client)
    assert (report.resumed, report.made, len(asked)) == (len(done), 6 - len(done), 2 * (6 - len(done)))
    assert sorted(row["n"] for row in lines(path)) == list(range(6))


def test_what_is_under_way_when_a_run_is_interrupted_is_finished_and_written(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    begun, go_on = threading.Event(), threading.Event()

    def ask(messages: list[JsonObject], **_: Any) -> str:
        if "t1" in messages[-1]["content"]:
            begun.set()
            assert go_on.wait(30)
        return "ok"

    def interrupt(_done: int, _total: int | None) -> None:
        assert begun.wait(30)
        threading.Timer(0.01, go_on.set).start()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_file(
            [QUESTION], topics(9), path, model="m", client=ask, config=RunConfig(max_concurrency=2), progress=interrupt
        )
    assert {"t0", "t1"} <= {row["topic"] for row in lines(path)}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rows.jsonl", '{"a": "1", "b": "x"}\n\n{"a": "2", "b": "y, z"}'),
        ("rows.json", '[{"a": "1", "b": "x"}, {"a": "2", "b": "y, z"}]'),
        ("rows.csv", '\ufeffa,b\r\n1,x\r\n2,"y, z"\r\n'),
    ],
)
def test_rows_are_read_from_files(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    assert list(read_rows(path)) == [{"a": "1", "b": "x"}, {"a": "2", "b": "y, z"}]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("rows.jsonl", '{"a": 1}\n{"a": ', "line 2 is not valid JSON"),
        ("rows.jsonl", "[1]", "line 1 is no object, but list"),
        ("rows.json", "[1]", "is no list of objects"),
        ("rows.json", "[", "is not valid JSON"),
        ("rows.csv", "a,b\n1", "line 2 has another number of fields than the heading"),
        ("rows.csv", 'a,b\n1,"x', "is no CSV after line 1: unexpected end of data"),
        ("rows.txt", "", "the name ends in none of .jsonl, .ndjson, .json, .csv"),
    ],
)
def test_a_file_that_is_none_of_rows_is_said_before_anything_is_asked(
    tmp_path: Path, name: str, text: str, told: str
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    client, asked = counting()
    with pytest.raises(ConfigurationError, match=told):
        generate_file([TextColumn("x", "Hi")], path, tmp_path / "out.jsonl", model="m", client=client)
    assert asked == []


def test_a_failed_generation_can_be_looked_into() -> None:
    columns = [TextColumn("a", "Hi", parser=int)]
    (row,) = generate_rows(columns, [{}], model="m", client=echo, config=RunConfig(max_correction_steps=0))
    assert row.failure is not None
    assert isinstance(row.failure.error, GenerationError)
    assert [message.content for message in row.failure.trace] == ["Hi", "<Hi>"]
