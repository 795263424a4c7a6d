"""Nothing that can be recorded makes a page fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient

from read.made import TRACE
from spanglass.errors import NotFound
from spanglass.model.record import Attempt, ErrorInfo, Record, Summary
from spanglass.model.step import Step
from spanglass.read.reading import read_record
from spanglass.server.viewer import routes
from spanglass.server.viewer.page import Site
from spanglass.wire.read import FORMATS
from wire.test_total import jsons, shapes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.read.reader import Reader

SPANS = ("a" * 16, "b" * 16)
TABS = ("", "/attempts", "/steps", "/upstream?sentence=text", "/diff", "/copy", "/messages/0", "/answer/0")

bodies = st.none() | jsons | st.binary(max_size=40)
records = st.builds(
    Record,
    trace_id=st.just(TRACE),
    span_id=st.just(SPANS[0]),
    state=st.sampled_from(["started", "done", "error", "cancelled", "abandoned", "killed"]),
    started_at=st.integers(0, 2**60),
    ended_at=st.none() | st.integers(0, 2**60),
    format=st.sampled_from(sorted(FORMATS)),
    error=st.none() | st.builds(ErrorInfo, st.text(max_size=5), st.text(max_size=5)),
    missing=st.lists(st.text(max_size=5), max_size=2).map(tuple),
    steps=st.lists(st.builds(Step, st.text(max_size=5), st.dictionaries(st.text(max_size=3), shapes))).map(tuple),
    upstream_context=shapes,
    attempts=st.lists(
        st.builds(
            Attempt,
            number=st.integers(1, 3),
            method=st.text(max_size=5),
            url=st.text(max_size=9),
            started_at=st.integers(0, 2**60),
            ended_at=st.none() | st.integers(0, 2**60),
            first_byte_ns=st.none() | st.integers(0, 2**40),
            status=st.none() | st.integers(100, 599),
            request_body=bodies,
            response_body=bodies,
            response_headers=st.just({"content-type": "application/json"}),
        ),
        max_size=3,
    ).map(tuple),
)


class Given:
    """A reader of nothing but the records it was given."""

    notes: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}

    def fetch(self, ref: str) -> Record:
        """The record of a whole reference."""
        if ref.rpartition("/")[2] not in self.records:
            raise NotFound(ref)
        return self.records[ref.rpartition("/")[2]]

    def calls_of_trace(self, _: str) -> Sequence[Summary]:
        """All of them."""
        return list(self.records.values())

    def find(self, **_: Any) -> Sequence[Summary]:
        """All of them."""
        return list(self.records.values())[::-1]


READER = Given()


@pytest.fixture(scope="module")
def asked() -> TestClient:
    reader: Any = READER

    def given_reader() -> Reader:
        found: Reader = reader
        return found

    return TestClient(Starlette(routes=routes(Site(given_reader))), raise_server_exceptions=True)


@settings(deadline=None)  # a whole server answers
@given(records, jsons)
def test_any_record_has_all_its_pages(asked: TestClient, record: Record, body: bytes) -> None:
    before = Record(TRACE, SPANS[1], format=record.format, attempts=(Attempt(1, "POST", "", 0, request_body=body),))
    READER.records = {call.span_id: read_record(call) for call in (before, record)}
    read = READER.records[record.span_id]
    for tab in TABS:
        there = {"/messages/0": read.messages, "/answer/0": read.output}.get(tab, True)
        assert asked.get(f"/spans/{record.ref}{tab}").status_code == 200 if there else True, tab
    assert asked.get(f"/traces/{TRACE}").status_code == 200
    assert asked.get("/workflows/w").status_code == 200
