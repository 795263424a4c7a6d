from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from read.made import BEGIN, SECOND, SPAN, TRACE, Made, journal_calls, settings_in, store_calls
from spanglass import read
from spanglass.errors import Ambiguous, ConfigurationError, NotFound, StoreCorrupt, StoreError, StoreMissing
from spanglass.model.entry import EnvelopeEntry
from spanglass.read import open_reader
from spanglass.read.reader import Reader
from spanglass.settings import put_in_force
from spanglass.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from spanglass.settings import Settings

OTHER = "00f067aa11111111"
LATER = BEGIN + 60 * SECOND


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "state")


@pytest.fixture
def reader(settings: Settings) -> Iterator[Reader]:
    with Reader(settings) as opened:
        yield opened


@pytest.mark.parametrize("ref", [SPAN, SPAN[:10], SPAN.upper(), f"{TRACE}/{SPAN}", f"{TRACE[:4]}/{SPAN[:9]}"])
def test_a_call_is_fetched_by_any_reference_that_names_it_alone(settings: Settings, reader: Reader, ref: str) -> None:
    store_calls(settings, [Made(), Made(OTHER)])
    record = reader.fetch(ref)
    assert record.span_id == SPAN
    assert [message.content for message in (*record.messages, *record.output)] == [
        "What is the weather in Bergen?",
        "Rain, 11 degrees.",
    ]


def test_a_trace_id_names_the_call_of_a_trace_that_has_one(settings: Settings, reader: Reader) -> None:
    store_calls(settings, [Made()])
    assert reader.fetch(TRACE).span_id == SPAN


def test_a_reference_that_fits_several_lists_them_newest_first(settings: Settings, reader: Reader) -> None:
    store_calls(settings, [Made(), Made(OTHER, at=LATER)])
    with pytest.raises(Ambiguous, match="'00f0' is not one call: the reference fits 2 calls") as refused:
        reader.fetch("00f0")
    assert refused.value.candidates == (f"{TRACE}/{OTHER}", f"{TRACE}/{SPAN}")


def test_a_reference_that_fits_none_says_where_was_looked(settings: Settings, reader: Reader) -> None:
    store_calls(settings, [Made()])
    with pytest.raises(
        NotFound, match=rf"no call in {settings.store} has a span id that starts with 'abcd'; 'spanglass ls'"
    ):
        reader.fetch("abcd")
    with pytest.raises(NotFound, match="has a trace id that starts with 'abcd' and a span id that starts with '00f0'"):
        reader.fetch("abcd/00f0")


def test_what_is_journaled_is_seen_at_once_by_this_and_another_process(settings: Settings, reader: Reader) -> None:
    journal = journal_calls(settings, [Made(ended=False)])
    assert reader.fetch(SPAN).state == "started"
    for entry in Made(OTHER).entries(journal.owner):
        journal.append(entry)
    program = f"""
import json, pathlib
from spanglass.read import open_reader
print(json.dumps(open_reader(state_dir={str(settings.state_dir)!r}).fetch({OTHER!r}).to_dict()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout)["messages"][0]["content"] == "What is the weather in Bergen?"
    assert reader.fetch(OTHER).state == "done"
    assert reader.notes == []
    journal.close(None)


def test_a_call_whose_process_was_killed_is_told_as_killed(settings: Settings, reader: Reader) -> None:
    program = f"""
import os, pathlib, sys
sys.path[:0] = {sys.path!r}
from read.made import Made, journal_calls, settings_in
journal_calls(settings_in(pathlib.Path({str(settings.state_dir)!r})), [Made(ended=False)])
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    record = reader.fetch(SPAN)
    assert (record.state, record.complete, len(record.messages)) == ("killed", False, 1)


def test_calls_that_the_store_will_not_take_are_noted_and_hide_nothing(settings: Settings, reader: Reader) -> None:
    store_calls(settings, [Made()])
    blocked = settings.override({"store": f"sqlite:///{settings.state_dir / 'spanglass.db'}/no"})
    journal = journal_calls(settings, [Made(OTHER)])
    with Reader(blocked) as other, pytest.raises(StoreError):
        other.find()
    assert "1 call is still in the journal" in other.notes[0]
    assert {call.span_id for call in reader.find()} == {SPAN, OTHER}
    assert reader.notes == []
    journal.close(None)


def test_a_read_only_store_is_read_and_what_waits_for_it_is_noted(
    settings: Settings, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_calls(settings, [Made()])
    journal = journal_calls(settings, [Made(OTHER), Made("00f067aa22222222", ended=False)])
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode, **more: mode != os.W_OK and access(path, mode, **more))
    assert [call.span_id for call in reader.find()] == [SPAN]
    assert len(reader.notes) == 1
    assert "2 calls or more are still in the journal" in reader.notes[0]
    assert "cannot write the store" in reader.notes[0]
    monkeypatch.undo()
    assert len(reader.find()) == 3
    assert reader.notes == []
    journal.close(None)


def test_a_journal_that_cannot_be_read_hides_nothing_of_the_store(settings: Settings, reader: Reader) -> None:
    store_calls(settings, [Made()])
    settings.journal_dir.write_text("a file in its place")
    assert [call.span_id for call in reader.find()] == [SPAN]
    assert len(reader.notes) == 1
    assert "newer calls may be missing: cannot read the journals" in reader.notes[0]


def test_a_store_that_is_not_there_or_is_none_is_said(settings: Settings, reader: Reader) -> None:
    with pytest.raises(StoreMissing):
        reader.find()
    settings.state_dir.mkdir()
    (settings.state_dir / "spanglass.db").write_bytes(b"no database, whatever its name says" * 100)
    with pytest.raises(StoreCorrupt):
        reader.find()


def test_reading_does_not_make_a_store(settings: Settings, reader: Reader) -> None:
    with pytest.raises(StoreMissing):
        reader.find()
    assert not settings.state_dir.exists()


def test_the_calls_of_a_trace_come_in_the_order_in_which_they_began(settings: Settings, reader: Reader) -> None:
    store_calls(settings, [Made(OTHER, at=LATER), Made(), Made("ffff067aa0ba902b", "f" * 32)])
    for ref in (TRACE, TRACE[:6], SPAN, f"{TRACE}/{OTHER}"):
        assert [record.span_id for record in reader.trace(ref)] == [SPAN, OTHER]
    assert all(record.messages for record in reader.trace(TRACE))


def test_a_trace_that_is_unknown_or_ambiguous_is_refused(settings: Settings, reader: Reader) -> None:
    store_calls(settings, [Made(), Made(OTHER, "4bf9" + "0" * 28)])
    with pytest.raises(Ambiguous, match="'4bf9' fits 2 traces") as refused:
        reader.trace("4bf9")
    assert refused.value.candidates == ("4bf9" + "0" * 28, TRACE)
    for unknown in ("a" * 32, "a" * 20, "abcd", "abcd/abcd"):
        with pytest.raises(NotFound, match="no call in"):
            reader.trace(unknown)


def test_the_most_recent_call_of_a_step_is_its_log(settings: Settings, reader: Reader) -> None:
    store_calls(
        settings,
        [
            Made(SPAN, workflow="w1", step="plan"),
            Made(OTHER, at=LATER, workflow="w1", step="plan"),
            Made("00f067aa22222222", at=LATER + 1, workflow="w2", step="plan"),
        ],
    )
    assert reader.log_for_step("w1", "plan").span_id == OTHER
    assert reader.context_window(workflow_id="w1", step_name="plan").span_id == OTHER
    assert [record.span_id for record in reader.logs_for_workflow("w1")] == [SPAN, OTHER]
    assert reader.logs_for_workflow("w3") == []
    with pytest.raises(NotFound, match="no call was recorded in step 'act' of workflow 'w1'"):
        reader.log_for_step("w1", "act")


def test_a_context_window_is_asked_for_by_reference_or_by_place(settings: Settings, reader: Reader) -> None:
    store_calls(settings, [Made()])
    assert reader.context_window(SPAN) == reader.fetch(SPAN)
    for arguments in (
        {},
        {"workflow_id": "w"},
        {"step_name": "s"},
        {"ref": SPAN, "workflow_id": "w", "step_name": "s"},
    ):
        with pytest.raises(ConfigurationError, match="takes either a span id, or workflow_id= and step_name= together"):
            reader.context_window(**arguments)


def test_more_calls_than_a_query_gives_by_default_are_all_found(settings: Settings, reader: Reader) -> None:
    store_calls(settings, [Made(f"{number:016x}", at=BEGIN + number, workflow="w") for number in range(150)])
    assert len(reader.calls_of_trace(TRACE)) == len(reader.logs_for_workflow("w")) == 150


def test_another_vendors_span_is_read_from_its_envelope(settings: Settings, reader: Reader) -> None:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]',
    }
    store = open_store(settings.store)
    body = json.dumps({"attributes": attributes, "events": [], "status": {}}).encode()
    store.put_many([EnvelopeEntry(TRACE, SPAN, None, "chat m", "s", "vendor", BEGIN, LATER, body)])
    store.close()
    assert [message.content for message in reader.fetch(SPAN).messages] == ["Hi"]


def test_arguments_of_open_reader_win_over_the_settings(settings: Settings, tmp_path: Path) -> None:
    assert open_reader(settings, state_dir=tmp_path / "other").settings.store.endswith("/other/spanglass.db")
    assert open_reader(settings, store="memory://x").settings.store == "memory://x"
    with pytest.raises(ConfigurationError, match="a store is a url"):
        open_reader(settings, store="spanglass.db")


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The functions of the room, in a process in which nothing was installed yet."""
    monkeypatch.setattr("spanglass.settings.settings._in_force", None)
    yield
    read.close()


def test_the_functions_read_where_the_settings_in_force_say_and_follow_when_they_change(
    functions: None, settings: Settings, tmp_path: Path
) -> None:
    elsewhere = settings_in(tmp_path / "elsewhere")
    store_calls(settings, [Made(workflow="w", step="s")])
    store_calls(elsewhere, [Made(answer="Elsewhere it is dry.", workflow="w", step="s")])
    answers = []
    for one in (settings, elsewhere):
        put_in_force(one)
        records = [
            read.fetch(SPAN),
            read.context_window(SPAN),
            read.trace(TRACE)[0],
            read.log_for_step("w", "s"),
            read.logs_for_workflow("w")[0],
        ]
        answers.append({record.output[0].content for record in records})
    assert answers == [{"Rain, 11 degrees."}, {"Elsewhere it is dry."}]


def test_the_functions_follow_the_environment_when_nothing_is_installed(
    functions: None, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store_calls(settings, [Made()])
    monkeypatch.setenv("SPANGLASS_STATE_DIR", str(tmp_path / "empty"))
    with pytest.raises(StoreMissing):
        read.fetch(SPAN)
    monkeypatch.setenv("SPANGLASS_STATE_DIR", str(settings.state_dir))
    assert read.fetch(SPAN).span_id == SPAN


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_reads_with_a_reader_of_its_own(functions: None, settings: Settings) -> None:
    store_calls(settings, [Made()])
    put_in_force(settings)
    assert read.fetch(SPAN).span_id == SPAN
    child = os.fork()
    if child == 0:
        os._exit(0 if read.fetch(SPAN).span_id == SPAN else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert read.fetch(SPAN).span_id == SPAN
