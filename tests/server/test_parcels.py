"""Whole records through a sidecar: whatever a way in between does to log records, the record is the same or marked."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from read.made import SPAN, TRACE, Made, journal_calls, settings_in
from server.made import PROTOBUF
from spanglass.server.config import ServerConfig
from spanglass.server.decoding import decode
from spanglass.server.intake import Intake
from spanglass.server.metrics import Metrics
from spanglass.store import open_store
from spanglass.store.parcel import pack
from spanglass.store.remote import _request_body
from store.entries import noise

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from server.conftest import Sidecar
    from spanglass.store.parcel import Chunk

MADE = Made(statuses=(429, 200), messages=[{"role": "user", "content": "Hi " * 50}], workflow="w", step="s")


def expected(made: Made, name: str) -> dict[str, Any]:
    """The record as a store of the same machine has it."""
    store = open_store(f"memory://expected-{name}")
    store.put_many(made.entries())
    record = store.get(made.trace_id, made.span_id)
    assert record is not None
    return record.to_dict()


def take(intake: Intake, chunks: list[Chunk]) -> None:
    taken = intake.take(decode(_request_body(chunks), "json", "logs"), "logs")
    assert (taken.stored, taken.rejected) == (len(chunks), 0)


def found(config: ServerConfig) -> dict[str, Any] | None:
    record = open_store(config.settings.store).get(TRACE, SPAN)
    return None if record is None else record.to_dict()


CHUNKS = [chunk for entry in MADE.entries() for chunk in pack(entry, 120)]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False), st.integers(1, 5))
def test_chunks_in_any_order_and_repeated_in_any_batches_make_the_same_record(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random, size: int
) -> None:
    config = ServerConfig(settings_in(tmp_path_factory.mktemp("depot"), store=f"memory://{uuid.uuid4().hex}"))
    sent = [*CHUNKS, *chance.choices(CHUNKS, k=len(CHUNKS) // 2)]
    chance.shuffle(sent)
    intake = Intake(config, Metrics())
    for start in range(0, len(sent), size):
        if chance.random() < 0.2:
            intake = Intake(config, Metrics())  # as after a restart
        take(intake, sent[start : start + size])
    assert found(config) == expected(MADE, "any-order")


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False), st.data())
def test_a_lost_chunk_leaves_a_record_that_says_what_is_missing_until_it_comes(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random, data: st.DataObject
) -> None:
    config = ServerConfig(settings_in(tmp_path_factory.mktemp("depot"), store=f"memory://{uuid.uuid4().hex}"))
    parts = [chunk for chunk in CHUNKS if chunk.count > 1 and chunk.kind in ("request", "attempt")]
    lost = data.draw(st.sampled_from(parts))
    intake = Intake(config, Metrics())
    take(intake, [chunk for chunk in CHUNKS if chunk is not lost])
    early = found(config)
    assert early is not None
    number = 0 if lost.digest in {c.digest for e in MADE.entries()[:2] for c in pack(e, 120)} else 1
    body = "request_body" if lost.kind == "request" else "response_body"
    told = f"attempts[{number}].{body}: not all of it has arrived here yet"
    assert (early["complete"], early["missing"]) == (False, [told])
    assert early["attempts"][number][body] is None
    take(intake, [lost])
    assert found(config) == expected(MADE, "lost")


def test_a_chunk_whose_bytes_were_changed_is_rejected_and_the_true_ones_are_taken(tmp_path: Path) -> None:
    config = ServerConfig(settings_in(tmp_path, store="memory://changed"))
    intake = Intake(config, Metrics())
    whole = pack(MADE.entries()[0], 120)
    spoiled = [replace(whole[0], data=b"x" * len(whole[0].data)), *whole[1:]]
    taken = intake.take(decode(_request_body(spoiled), "json", "logs"), "logs")
    digest = f"{spoiled[0].digest[:16]}…"
    assert (taken.rejected, taken.reasons) == (
        1,
        [f"the chunks do not have the digest {digest} that they are known by"],
    )
    take(intake, whole)
    record = found(config)
    assert record is not None
    assert record["attempts"][0]["request_body"] == MADE.request.decode()


@pytest.mark.parametrize("name", ["kind", "digest", "number", "count"])
def test_a_record_of_ours_that_lacks_something_is_a_bad_item(sidecar: Sidecar, name: str) -> None:
    sent = json.loads(_request_body(pack(MADE.entries()[0])))
    record = sent["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    record["attributes"] = [pair for pair in record["attributes"] if pair["key"] != f"spanglass.parcel.{name}"]
    for headers in ({"content-type": "application/json"}, PROTOBUF):
        assert sidecar.send(sent, headers).status_code == 200
    answer = sidecar.send(sent).json()["partialSuccess"]
    assert answer == {"rejectedLogRecords": "1", "errorMessage": f"a record of spanglass without its {name}"}


def test_five_megabytes_in_both_directions_arrive_byte_for_byte(sidecar: Sidecar) -> None:
    text = noise(2_500_000).hex()
    made = Made(messages=[{"role": "user", "content": text}], answer=text)
    store = open_store(f"otlp+{sidecar.address.otlp}")
    store.put_many(made.entries())
    store.put_many(made.entries())
    store.close()
    attempt = sidecar.record(SPAN)["attempts"][0]
    assert (attempt["request_body"], attempt["response_body"]) == (made.request.decode(), made.response.decode())
    assert list((sidecar.settings.state_dir / "server" / "parcels").rglob("0")) == []


def test_the_journal_of_a_program_reaches_a_sidecar_that_was_down_at_first(sidecar: Sidecar, tmp_path: Path) -> None:
    journal = journal_calls(settings_in(tmp_path / "program"), [MADE])
    nobody, store = open_store("otlp+http://127.0.0.1:1"), open_store(f"otlp+{sidecar.address.otlp}")
    with pytest.raises(Exception, match="cannot be reached"):
        journal.drain(nobody.put_many)
    journal.close(store.put_many)
    store.close()
    found = sidecar.record(SPAN)
    assert [attempt["status"] for attempt in found["attempts"]] == [429, 200]
    assert found["state"] == "done"
