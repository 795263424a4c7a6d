"""The JSON API: records exactly as Python gives them, lists within bounds, refusals in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from read.made import BEGIN, SECOND, SPAN, TRACE, Made, journal_calls, settings_in, store_calls
from server.conftest import running
from server.viewer.markup import Page
from spanglass.model.record import Record, Summary
from spanglass.read.reader import Reader
from spanglass.server.answer import JsonAnswer
from spanglass.server.openapi import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from server.conftest import Sidecar

FIRST = Made(workflow="nightly/report", step="draft", more={"temperature": 0.5})
SECOND_CALL = Made(
    span_id="00f067aa0ba902b8", at=BEGIN + 10 * SECOND, workflow="nightly/report", step="draft", answer="Sun."
)
FAILED = Made(span_id="a" * 16, trace_id="b" * 32, at=BEGIN + 20 * SECOND, state="error", statuses=(429, 500))
CALLS = (FIRST, SECOND_CALL, FAILED)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """A sidecar over three calls, which no test changes."""
    settings = settings_in(tmp_path_factory.mktemp("served"))
    store_calls(settings, CALLS)
    with running(settings) as sidecar:
        yield sidecar


def ids(answer: httpx.Response) -> list[str]:
    return [call["span_id"] for call in answer.json()["calls"]]


@pytest.mark.parametrize("ref", [SPAN, f"{TRACE}/{SPAN}", f"{TRACE[:6]}/{SPAN}", "aaaa", "b" * 32])
def test_a_record_is_what_python_gives(served: Sidecar, ref: str) -> None:
    with Reader(served.settings) as reader:
        assert served.record(ref) == json.loads(json.dumps(reader.fetch(ref).to_dict()))


def test_a_reference_that_fits_several_calls_is_answered_with_all_of_them(served: Sidecar) -> None:
    answer = served.get("/api/spans/00f067aa")
    assert (answer.status_code, answer.json()["error"]["type"]) == (409, "Ambiguous")
    assert answer.json()["error"]["candidates"] == [SECOND_CALL_REF, f"{TRACE}/{SPAN}"]


SECOND_CALL_REF = f"{TRACE}/{SECOND_CALL.span_id}"


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/api/spans/ffff", 404, "NotFound"),
        ("/api/spans/xyz", 400, "ConfigurationError"),
        ("/api/spans/", 400, "ConfigurationError"),
        ("/api/traces/ffff", 404, "NotFound"),
        ("/api/workflows/none", 404, "NotFound"),
        ("/api/workflows/nightly/report/steps/none", 404, "NotFound"),
        ("/api/nothing", 404, "HTTPException"),
        ("/api/search?state=lost", 400, "ConfigurationError"),
        ("/api/search?limit=0", 400, "ConfigurationError"),
        ("/api/search?limit=1001", 400, "ConfigurationError"),
        ("/api/search?limit=%D9%A1", 400, "ConfigurationError"),
        ("/api/search?since=yesterday", 400, "ConfigurationError"),
        ("/api/search?since=99999999999999999999999d", 400, "ConfigurationError"),
        ("/api/search?until=9999-01-01", 400, "ConfigurationError"),
        ("/api/search?model=", 400, "ConfigurationError"),
        ("/api/search?colour=red", 400, "ConfigurationError"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(served: Sidecar, path: str, status: int, kind: str) -> None:
    answer = served.get(path)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert answer.json()["error"]["message"]


def test_only_reading_is_allowed(served: Sidecar) -> None:
    answer = served.http.delete(f"{served.address.viewer}/api/spans/{SPAN}")
    assert (answer.status_code, sorted(answer.headers["allow"].split(", "))) == (405, ["GET", "HEAD"])


def test_a_trace_and_a_workflow_list_their_calls_by_start(served: Sidecar) -> None:
    with Reader(served.settings) as reader:
        calls = [call.to_dict() for call in reader.calls_of_trace(TRACE)]
    for ref in (TRACE, TRACE[:8], SPAN):
        assert served.get(f"/api/traces/{ref}").json() == {"trace_id": TRACE, "calls": calls}
    for path in ("nightly/report", "nightly%2Freport"):
        assert served.get(f"/api/workflows/{path}").json() == {"workflow_id": "nightly/report", "calls": calls}


def test_a_step_gives_its_most_recent_call(served: Sidecar) -> None:
    found = served.get("/api/workflows/nightly/report/steps/draft").json()
    assert (found["span_id"], found["output"][0]["content"]) == (SECOND_CALL.span_id, "Sun.")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [FAILED, SECOND_CALL, FIRST]),
        ("limit=1", [FAILED]),
        ("state=error", [FAILED]),
        ("text=Sun.", [SECOND_CALL]),
        ("workflow_id=nightly%2Freport&step_name=draft", [SECOND_CALL, FIRST]),
        (f"trace_id={'b' * 32}", [FAILED]),
        ("model=gpt-4o-2024", [SECOND_CALL, FIRST]),
        ("model=gpt-4o&provider=openai", [FAILED, SECOND_CALL, FIRST]),
        ("since=2026-09-21T14:13:30Z&until=2026-09-21T14:13:40", [SECOND_CALL]),
        ("until=2026-09-21T16:13:21%2B02:00", [FIRST]),
    ],
)
def test_a_search_takes_every_field_of_a_query(served: Sidecar, query: str, found: list[Made]) -> None:
    answer = served.get(f"/api/search?{query}")
    assert ids(answer) == [call.span_id for call in found]
    assert answer.json()["more"] is (query == "limit=1")


def test_an_age_is_counted_back_from_now(served: Sidecar) -> None:
    assert ids(served.get("/api/search?since=5200w")) == ids(served.get("/api/search"))
    assert ids(served.get("/api/search?since=1s")) == []


@pytest.mark.parametrize("query", ["", "?state=error&limit=1", "?text=Sun."])
def test_a_search_where_nothing_is_recorded_yet_finds_nothing(sidecar: Sidecar, query: str) -> None:
    answer = sidecar.get(f"/api/search{query}")
    assert (answer.status_code, answer.json()) == (200, {"calls": [], "more": False})
    assert f"Nothing is recorded yet in {sidecar.settings.store}" in Page(sidecar.get("/").text).words()


def test_a_call_of_a_program_of_this_machine_is_seen_at_once(sidecar: Sidecar) -> None:
    assert ids(sidecar.get("/api/search")) == []
    journal = journal_calls(sidecar.settings, [Made(ended=False)])
    try:
        assert sidecar.record(SPAN)["state"] == "started"
    finally:
        journal.close(lambda _: None)


def test_values_that_json_has_no_name_for_are_answered_as_valid_json() -> None:
    hostile = {"nan": float("nan"), "inf": [float("inf")], "lone": "\ud800x", "pair": "\U0001f600", "big": 2**80, 3: ()}
    assert json.loads(bytes(JsonAnswer(hostile).body)) == {
        "nan": None,
        "inf": [None],
        "lone": "\ufffdx",
        "pair": "\U0001f600",
        "big": 2**80,
        "3": [],
    }


def test_the_description_demands_the_very_keys_of_a_record() -> None:
    schemas: dict[str, Any] = describe("1")["components"]["schemas"]
    assert list(schemas["Record"]["properties"]) == sorted(
        Record("", "").to_dict(), key=list(schemas["Record"]["properties"]).index
    )
    assert set(schemas["Summary"]["required"]) == set(Summary("", "").to_dict())


def test_health_and_readiness_say_what_they_are_asked(served: Sidecar, sidecar: Sidecar) -> None:
    for port in (served.address.viewer, served.address.otlp):
        assert [served.http.get(f"{port}{path}").text for path in ("/healthz", "/readyz")] == ["ok\n", "ready\n"]
    assert sidecar.get("/readyz").status_code == 200, "that nothing was recorded yet is no fault"


def test_a_store_that_is_damaged_is_not_ready_and_is_told_of(sidecar: Sidecar) -> None:
    path = sidecar.settings.state_dir / "spanglass.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"no database" * 100)
    assert sidecar.get("/readyz").status_code == 503
    answer = sidecar.get(f"/api/spans/{SPAN}")
    assert (answer.status_code, answer.json()["error"]["type"]) == (500, "StoreCorrupt")
