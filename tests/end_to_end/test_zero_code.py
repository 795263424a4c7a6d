"""Switched on from outside: the launchers, the variables, and programs that own their tracer provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from end_to_end.program import API_KEY, BIN, INSTRUMENT, PLAIN, run_program

if TYPE_CHECKING:
    from pathlib import Path

    from end_to_end.program import Finished
    from fake_provider import FakeProvider

pytestmark = pytest.mark.slow

ON = {"SPANGLASS_ENABLED": "true"}
ASKS = "say(ask('Hello'))"
ANSWER = "word0 word1 word2 word3 word4"
OWN_PROVIDER = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
import spanglass

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
"""
#: A value that cannot work for each variable.
BAD_VALUES = {
    "SPANGLASS_STORE": "spanglass.db",
    "SPANGLASS_SPAN_CONTENT": "everything",
    "SPANGLASS_REDACT_PATTERNS": "(unclosed",
    "SPANGLASS_JOURNAL_MAX_BYTES": "much",
    "SPANGLASS_MAX_BODY_BYTES": "0",
    "SPANGLASS_RETENTION": "forever",
    "SPANGLASS_ENABELD": "true",
}


def assert_captured_once(done: Finished, provider: FakeProvider) -> None:
    """One call, one span, one record, and the program as ever."""
    assert (done.code, done.said) == (0, [ANSWER]), done.err
    (span,), (record,), (exchange,) = done.spans(), done.records(), provider.exchanges
    assert span["name"] == "chat gpt-4o-mini"
    assert span["attributes"]["spanglass.ref"] == record.ref
    assert f"0x{record.span_id}" == span["context"]["span_id"]
    assert record.state == "done"
    assert [(a.request_body, a.response_body) for a in record.attempts] == [(exchange.body, exchange.said)]
    assert API_KEY not in done.out + done.err


def test_opentelemetry_instrument_captures(tmp_path: Path, provider: FakeProvider) -> None:
    done = run_program(ASKS, tmp_path, provider, INSTRUMENT, ON)
    assert_captured_once(done, provider)
    assert done.err == ""


def test_spanglass_run_captures_without_any_variable(tmp_path: Path, provider: FakeProvider) -> None:
    done = run_program(ASKS, tmp_path, provider, (str(BIN / "spanglass"), "run", "--", "python"))
    assert_captured_once(done, provider)


def test_spanglass_run_passes_the_exit_code_on(tmp_path: Path, provider: FakeProvider) -> None:
    done = run_program("sys.exit(7)", tmp_path, provider, (str(BIN / "spanglass"), "run", "--", "python"))
    assert done.code == 7


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_program_with_a_provider_of_its_own_installs(tmp_path: Path, provider: FakeProvider, order: str) -> None:
    steps = ["spanglass.install(enabled=True)", "trace.set_tracer_provider(provider)"]
    source = "\n".join([OWN_PROVIDER, *(steps if order == "before" else steps[::-1]), ASKS])
    assert_captured_once(run_program(source, tmp_path, provider, PLAIN), provider)


def test_a_variable_alone_does_nothing_without_launcher_or_install(tmp_path: Path, provider: FakeProvider) -> None:
    done = run_program(ASKS, tmp_path, provider, PLAIN, ON)
    assert (done.code, done.said, done.err, done.records()) == (0, [ANSWER], "", [])


def test_a_program_that_wants_its_own_provider_under_the_launcher_is_captured(
    tmp_path: Path, provider: FakeProvider
) -> None:
    """OpenTelemetry keeps the launcher's provider and says so; the call is captured once all the same."""
    source = OWN_PROVIDER + "trace.set_tracer_provider(provider)\n" + ASKS
    assert_captured_once(run_program(source, tmp_path, provider, INSTRUMENT, ON), provider)


def test_without_any_sdk_provider_the_record_is_there_all_the_same(tmp_path: Path, provider: FakeProvider) -> None:
    done = run_program("import spanglass\nspanglass.install(enabled=True)\n" + ASKS, tmp_path, provider, PLAIN)
    assert (done.said, done.prompts()) == ([ANSWER], [("Hello", "done")])


@pytest.mark.parametrize("value", [None, "false", "0", "off"])
def test_switched_off_it_installs_nothing(tmp_path: Path, provider: FakeProvider, value: str | None) -> None:
    source = """
import httpx2
say(type(vars(httpx2.Client)["send"]).__name__, "spanglass.capture.session" in sys.modules, ask("Hello"))
"""
    done = run_program(source, tmp_path, provider, INSTRUMENT, {} if value is None else {"SPANGLASS_ENABLED": value})
    assert (done.code, done.err, done.spans()) == (0, "", [])
    assert done.said[0].startswith("function")
    assert not done.state_dir.exists()


@pytest.mark.parametrize("disabled", ["requests,spanglass", "*"])
def test_opentelemetrys_own_variable_can_switch_it_off(tmp_path: Path, provider: FakeProvider, disabled: str) -> None:
    environ = {**ON, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": disabled}
    done = run_program(ASKS, tmp_path, provider, INSTRUMENT, environ)
    assert (done.code, done.said, done.spans(), done.records()) == (0, [ANSWER], [], [])


def test_each_value_that_cannot_work_gets_one_line_and_the_program_runs(tmp_path: Path, provider: FakeProvider) -> None:
    done = run_program(ASKS, tmp_path, provider, INSTRUMENT, {**ON, **BAD_VALUES})
    assert (done.code, done.said) == (0, [ANSWER])
    for name, value in BAD_VALUES.items():
        lines = [line for line in done.warnings if f"{name}={value!r}" in line or f"{name} is not a setting" in line]
        assert len(lines) == 1, (name, done.err)
    assert "Traceback" not in done.err
    assert [record.state for record in done.records()] == ["done"]


def test_a_switch_that_cannot_be_read_is_said_and_off(tmp_path: Path, provider: FakeProvider) -> None:
    done = run_program(ASKS, tmp_path, provider, INSTRUMENT, {"SPANGLASS_ENABLED": "perhaps"})
    assert (done.code, done.said, done.spans()) == (0, [ANSWER], [])
    (line,) = done.warnings
    assert "SPANGLASS_ENABLED='perhaps'" in line


@pytest.mark.parametrize("store", ["mongodb://nowhere/db", "sqlite:////dev/null/no.db"])
def test_a_store_that_cannot_work_never_stops_the_program(tmp_path: Path, provider: FakeProvider, store: str) -> None:
    done = run_program(ASKS, tmp_path, provider, INSTRUMENT, {**ON, "SPANGLASS_STORE": store})
    assert (done.code, done.said) == (0, [ANSWER])
    assert len(done.warnings) >= 1
    assert "Traceback" not in done.err
    assert [state for _, state in done.prompts()] == ["done"]  # the journal kept it until a store can be had


def test_a_state_directory_that_cannot_be_written_is_said_and_the_program_runs(
    tmp_path: Path, provider: FakeProvider
) -> None:
    blocker = tmp_path / "a-file"
    blocker.write_text("")
    done = run_program(ASKS, tmp_path, provider, INSTRUMENT, {**ON, "SPANGLASS_STATE_DIR": str(blocker / "state")})
    assert (done.code, done.said) == (0, [ANSWER])
    assert "Traceback" not in done.err
    assert any(str(blocker) in line for line in done.warnings), done.err
    assert len(done.warnings) <= 2


def test_a_program_that_crashes_crashes_as_ever(tmp_path: Path, provider: FakeProvider) -> None:
    source = "ask('Hello')\nraise SystemError('the program is broken')"
    done = run_program(source, tmp_path, provider, INSTRUMENT, ON)
    assert done.code == 1
    assert "SystemError: the program is broken" in done.err
    assert done.prompts() == [("Hello", "done")]
