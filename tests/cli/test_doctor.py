from __future__ import annotations

import json
import os
import socket
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from read.made import Made, journal_calls, store_calls
from spanglass import guard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.conftest import Ended
    from spanglass.settings import Settings


def findings(ended: Ended, area: str) -> dict[str, dict[str, Any]]:
    checks = json.loads(ended.out)["checks"]
    return {check["name"]: check for check in checks if check["area"] == area}


def wrong(ended: Ended) -> list[tuple[str, str]]:
    checks = json.loads(ended.out)["checks"]
    assert [check for check in checks if (check["status"] == "wrong") != bool(check["advice"])] == []
    return [(check["area"], check["name"]) for check in checks if check["status"] == "wrong"]


def test_a_sound_installation_has_nothing_wrong(settings: Settings, command: Callable[..., Ended]) -> None:
    store_calls(settings, [Made()])
    ended = command("doctor", "--json")
    assert (ended.code, ended.err, wrong(ended)) == (0, "", [])
    assert json.loads(ended.out)["ok"] is True
    assert set(findings(ended, "redaction")) == {"bodies", "spans", "engine"}
    assert "openai._base_client" in findings(ended, "patches")["when imported"]["value"]
    assert findings(ended, "store")[settings.store]["value"].startswith("1 call, ")
    assert command("doctor").out.endswith("\nnothing is wrong\n")


def test_before_the_first_call_nothing_is_wrong_either(settings: Settings, command: Callable[..., Ended]) -> None:
    ended = command("doctor", "--json")
    assert (ended.code, wrong(ended)) == (0, [])
    assert not settings.state_dir.exists()


def test_what_waits_in_the_journals_is_told_and_left_there(settings: Settings, command: Callable[..., Ended]) -> None:
    journal = journal_calls(settings, [Made()])
    (found,) = findings(command("doctor", "--json"), "journals").values()
    assert found["status"] == "note"
    assert "of 1 journal wait for the store; 'spanglass ls' moves it there" in found["value"]
    assert journal.pending_bytes > 0
    command("ls")
    (found,) = findings(command("doctor", "--json"), "journals").values()
    assert (found["status"], found["value"]) == ("ok", "1 journal, all drained")
    journal.close(None)


def test_entries_that_no_store_took_are_wrong(settings: Settings, command: Callable[..., Ended]) -> None:
    settings.journal_dir.mkdir(parents=True, mode=0o700)
    settings.state_dir.chmod(0o700)
    (settings.journal_dir / "1-1-00000000.dead").write_text("{}\n{}\n")
    ended = command("doctor", "--json")
    assert (ended.code, wrong(ended)) == (1, [("journals", "1-1-00000000.dead")])
    assert findings(ended, "journals")["1-1-00000000.dead"]["value"] == "2 entries that no store took"


def test_a_store_that_cannot_be_read_is_wrong(settings: Settings, command: Callable[..., Ended]) -> None:
    settings.state_dir.mkdir(mode=0o700)
    (settings.state_dir / "spanglass.db").write_text("no database " * 100)
    ended = command("doctor", "--json")
    assert (ended.code, wrong(ended)) == (1, [("store", settings.store)])
    assert "is not a spanglass store" in findings(ended, "store")[settings.store]["advice"]


def test_a_state_directory_that_cannot_be_used_is_wrong(settings: Settings, command: Callable[..., Ended]) -> None:
    settings.state_dir.write_text("a file in its place")
    ended = command("doctor", "--json")
    assert ended.code == 1
    assert ("state directory", str(settings.state_dir)) in wrong(ended)
    assert ("journals", str(settings.journal_dir)) in wrong(ended)


def test_a_link_to_what_is_not_there_is_wrong(settings: Settings, command: Callable[..., Ended]) -> None:
    settings.state_dir.symlink_to(settings.state_dir.with_name("nowhere"))
    found = findings(command("doctor", "--json"), "state directory")[str(settings.state_dir)]
    assert (found["status"], found["value"]) == ("wrong", f"{settings.state_dir} is a link to what is not there")


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
def test_a_directory_that_takes_files_and_nothing_in_them_is_wrong(
    settings: Settings, command: Callable[..., Ended]
) -> None:
    import resource

    store_calls(settings, [Made()])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        ended = command("doctor", "--json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert ("state directory", str(settings.state_dir)) in wrong(ended)


@pytest.mark.skipif(os.name != "posix", reason="needs permissions")
def test_a_state_directory_that_others_may_look_into_is_wrong(
    settings: Settings, command: Callable[..., Ended]
) -> None:
    store_calls(settings, [Made()])
    settings.state_dir.chmod(0o755)
    ended = command("doctor", "--json")
    assert wrong(ended) == [("state directory", "permissions")]
    assert findings(ended, "state directory")["permissions"]["advice"] == f"chmod 700 {settings.state_dir}"


def test_settings_are_shown_with_where_they_come_from(
    settings: Settings, command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SPANGLASS_ENABLED", "true")
    monkeypatch.setenv("SPANGLASS_RETENTION", "7d,10GB")
    store = f"sqlite:///{tmp_path / 'x.db'}"
    found = findings(command("doctor", "--json", "--store", store), "settings")
    shown = {name: found[name]["value"] for name in ("enabled", "store", "state_dir", "span_content", "retention")}
    assert shown == {
        "enabled": "true (SPANGLASS_ENABLED)",
        "store": f"{store} (--store)",
        "state_dir": f"{settings.state_dir} (SPANGLASS_STATE_DIR)",
        "span_content": "preview (default)",
        "retention": "604800 s, 10000000000 bytes (SPANGLASS_RETENTION)",
    }


def test_variables_that_cannot_work_are_wrong(command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANGLASS_SPAN_CONTENT", "some")
    monkeypatch.setenv("SPANGLASS_COLOUR", "blue")
    ended = command("doctor", "--json")
    assert ended.code == 1
    assert wrong(ended) == [("settings", "SPANGLASS_SPAN_CONTENT"), ("settings", "SPANGLASS_COLOUR")]


@pytest.mark.parametrize(
    ("variable", "value", "name"),
    [
        ("OTEL_SDK_DISABLED", "true", "spans"),
        ("OTEL_TRACES_EXPORTER", "otlp2", "OTEL_TRACES_EXPORTER"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://host:nonsense", "OTLP endpoint"),
    ],
)
def test_variables_of_opentelemetry_that_hide_spans_are_wrong(
    command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, variable: str, value: str, name: str
) -> None:
    monkeypatch.setenv(variable, value)
    ended = command("doctor", "--json")
    assert (ended.code, wrong(ended)) == (1, [("opentelemetry", name)])


def test_the_endpoint_is_tried(command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        assert findings(command("doctor", "--json"), "opentelemetry")["OTLP endpoint"]["status"] == "ok"
    ended = command("doctor", "--json")
    assert wrong(ended) == [("opentelemetry", "OTLP endpoint")]
    assert "cannot be reached" in findings(ended, "opentelemetry")["OTLP endpoint"]["value"]


def test_headers_of_the_exporter_are_not_shown(command: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer planted-secret")
    ended = command("doctor")
    assert "OTEL_EXPORTER_OTLP_HEADERS" in ended.out
    assert "planted-secret" not in ended.out


def test_faults_of_ours_are_wrong(command: Callable[..., Ended]) -> None:
    guard.absorb("test.place", ValueError())
    ended = command("doctor", "--json")
    guard.reset()
    assert wrong(ended) == [("faults", "test.place")]


def test_what_is_wrong_stands_with_its_remedy(settings: Settings, command: Callable[..., Ended]) -> None:
    store_calls(settings, [Made()])
    settings.state_dir.chmod(0o755)
    out = command("doctor").out
    assert f"        do: chmod 700 {settings.state_dir}\n" in out
    assert out.endswith("\n1 thing is wrong\n")
