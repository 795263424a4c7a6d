"""What is put, what is rejected and what is a reason to come again."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from read.made import BEGIN, SPAN, Made, settings_in
from server.made import log_record, logs, span, traces
from spanglass import guard
from spanglass.errors import StoreBusy
from spanglass.server.config import ServerConfig
from spanglass.server.decoding import decode
from spanglass.server.intake import Intake, Taken
from spanglass.server.metrics import Metrics
from spanglass.store import open_store
from spanglass.store.parcel import pack
from spanglass.store.remote import _request_body
from store.entries import request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from spanglass.model.entry import Entry
    from spanglass.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "state")


@pytest.fixture
def intake(settings: Settings) -> Iterator[Intake]:
    found = Intake(ServerConfig(settings), Metrics())
    yield found
    found.close()


def take(intake: Intake, request: dict[str, Any]) -> Taken:
    signal: Any = "traces" if "resourceSpans" in request else "logs"
    return intake.take(decode(json.dumps(request).encode(), "json", signal), signal)


def parcels(entries: list[Entry], chunk_bytes: int = 1 << 19) -> bytes:
    return _request_body([chunk for entry in entries for chunk in pack(entry, chunk_bytes)])


def test_what_the_store_will_never_take_is_rejected_and_all_else_is_kept(intake: Intake, settings: Settings) -> None:
    entries = [*Made().entries(), request(number=2**70), *Made(span_id="e" * 16).entries()]
    taken = intake.take(decode(parcels(entries), "json", "logs"), "logs")
    told = "the store does not take an entry of kind request: OverflowError"
    assert taken == Taken(stored=6, rejected=1, reasons=[told])
    assert {call.span_id for call in open_store(settings.store).resolve(None, "")} == {SPAN, "e" * 16}
    assert guard.faults() == {"server.put": 1}
    guard.reset()


def test_chunks_that_cannot_be_kept_are_a_reason_to_come_again(intake: Intake, settings: Settings) -> None:
    (settings.state_dir / "server").mkdir(parents=True)
    (settings.state_dir / "server" / "parcels").write_text("a file")
    with pytest.raises(StoreBusy, match="chunks cannot be kept"):
        intake.take(decode(parcels(Made().entries(), chunk_bytes=100), "json", "logs"), "logs")


def test_a_span_without_ids_is_rejected(intake: Intake) -> None:
    assert take(intake, traces(span({"gen_ai.system": "x"}, traceId="", spanId=""))) == Taken(
        rejected=1, reasons=["a span without ids"]
    )


def test_an_item_that_we_fail_to_read_does_not_hold_up_the_others(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spanglass.server import foreign

    def fail(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(foreign, "entry_of_event", fail)
    said = log_record("gen_ai.user.message", {}, {"content": "Hi"})
    whole = logs(said, log_record("", {}, "a line"))
    assert take(intake, whole) == Taken(
        ignored=1, rejected=1, reasons=["a fault of spanglass itself: ZeroDivisionError"]
    )
    assert guard.faults() == {"server.item": 1}
    guard.reset()


def test_only_the_first_reasons_are_told_and_each_once() -> None:
    taken = Taken()
    for why in ("a", "a", "b", "c", "d"):
        taken.reject(why)
    assert taken == Taken(rejected=5, reasons=["a", "b", "c"])


def test_the_store_is_kept_within_its_retention(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "state", retention="1d")
    metrics = Metrics()
    intake = Intake(ServerConfig(settings), metrics)
    take(intake, traces(span({"gen_ai.system": "x"}, startTimeUnixNano=str(BEGIN))))
    intake.tend()
    assert open_store(settings.store).stats().calls == 0
    intake.close()


def test_nothing_of_a_payload_is_logged(intake: Intake, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    take(intake, traces(span({"gen_ai.system": "x", "gen_ai.prompt": "a payload"}, traceId="zz")))
    take(intake, traces(span({"gen_ai.system": "x", "gen_ai.prompt": "a payload"})))
    assert "a payload" not in caplog.text
