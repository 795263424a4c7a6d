"""The store that sends on: what it sends, and how it takes each answer. The receiver here is a bare loopback server."""

from __future__ import annotations

import gzip
import json
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from spanglass.errors import ConfigurationError, StoreBusy, StoreError, StoreRefused
from spanglass.journal import Journal
from spanglass.store import Pruned, PruneRule, Query, open_store
from spanglass.store.remote import REQUEST_BYTES, RemoteStore, parse_endpoint
from store.entries import SPAN, TRACE, noise, outcome, request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Receiver:
    """Answers as a test says, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.connections = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.requests.append((self.path, dict(self.headers), json.loads(gzip.decompress(body))))
                status, answer = outer.answers.pop(0) if outer.answers else (200, b'{"partialSuccess":{}}')
                self.send_response(status)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]

    @property
    def url(self) -> str:
        return f"otlp+http://127.0.0.1:{self.port}"

    def records(self) -> list[dict[str, Any]]:
        return [
            record
            for _, _, sent in self.requests
            for of_resource in sent["resourceLogs"]
            for of_scope in of_resource["scopeLogs"]
            for record in of_scope["logRecords"]
        ]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@pytest.fixture
def store(receiver: Receiver) -> Iterator[RemoteStore]:
    with closing(RemoteStore(receiver.url)) as found:
        yield found


def test_entries_are_log_records_of_their_span(receiver: Receiver, store: RemoteStore) -> None:
    store.put_many([request(b'{"a": 1}'), outcome()])
    (path, headers, _), *more = receiver.requests
    assert (path, headers["Content-Type"], headers["Content-Encoding"], more) == (
        "/v1/logs",
        "application/json",
        "gzip",
        [],
    )
    assert [(r["eventName"], r["traceId"], r["spanId"], r["attributes"][0]) for r in receiver.records()] == [
        ("spanglass.entry", TRACE, SPAN, {"key": "spanglass.parcel.kind", "value": {"stringValue": kind}})
        for kind in ("request", "outcome")
    ]


def test_large_batches_are_cut_into_requests_below_a_bound_on_one_connection(
    receiver: Receiver, store: RemoteStore
) -> None:
    store.put_many([request(noise(1 << 20, seed=number), number=number) for number in range(1, 9)])
    sizes = [len(json.dumps(sent)) for _, _, sent in receiver.requests]
    assert len(sizes) > 2
    assert max(sizes) < REQUEST_BYTES * 3 // 2
    assert receiver.connections == 1


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (429, StoreBusy, "answered 429"),
        (503, StoreBusy, "answered 503"),
        (400, StoreRefused, r"answered 400 Bad Request \(no\)"),
        (413, StoreRefused, "answered 413"),
        (401, StoreError, "mind the token"),
        (404, StoreError, "OTLP over HTTP"),
        (302, StoreError, "answered 302"),
        (418, StoreError, "answered 418"),
    ],
)
def test_each_refusal_is_told_as_what_it_is(
    receiver: Receiver, store: RemoteStore, status: int, kind: type[Exception], words: str
) -> None:
    receiver.answers.append((status, b'{"code": 3, "message": "no"}'))
    with pytest.raises(kind, match=words) as raised:
        store.put_many([outcome()])
    assert type(raised.value) is kind
    store.put_many([outcome()])


def test_what_is_rejected_of_a_request_that_succeeded_is_not_passed_over(
    receiver: Receiver, store: RemoteStore
) -> None:
    partial = {"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "too odd"}}
    receiver.answers.append((200, json.dumps(partial).encode()))
    with pytest.raises(StoreRefused, match="rejected 1 log records: too odd"):
        store.put_many([outcome()])
    receiver.answers.append((200, b"no json"))
    store.put_many([outcome()])


def test_nobody_there_is_a_reason_to_wait(store: RemoteStore, receiver: Receiver) -> None:
    with closing(RemoteStore("otlp+http://127.0.0.1:1")) as nobody, pytest.raises(StoreBusy, match="cannot be reached"):
        nobody.put_many([outcome()])


def test_a_connection_that_the_other_side_gave_up_is_made_anew(receiver: Receiver, store: RemoteStore) -> None:
    store.put_many([outcome()])
    assert store._connection is not None
    store._connection.sock.close()
    store.put_many([outcome()])
    assert len(receiver.requests) == 2
    assert receiver.connections == 2


def test_the_token_is_sent_and_never_shown(receiver: Receiver) -> None:
    with closing(RemoteStore(f"otlp+http://a%2Ftoken@127.0.0.1:{receiver.port}/prefix/")) as store:
        receiver.answers.append((401, b""))
        with pytest.raises(StoreError) as raised:
            store.put_many([outcome()])
    path, headers, _ = receiver.requests[0]
    assert (path, headers["Authorization"]) == ("/prefix/v1/logs", "Bearer a/token")
    assert "token" not in str(raised.value).replace("mind the token", "") + store.url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("otlp+http://collector", "otlp+http://collector:4318"),
        ("otlp+https://user:secret@collector:1/a", "otlp+https://collector:1/a"),
        ("otlp+http://[::1]:4319", "otlp+http://[::1]:4319"),
        ("otlp+http://h:4319/v1/logs", "otlp+http://h:4319"),
    ],
)
def test_an_endpoint_is_a_url(url: str, shown: str) -> None:
    assert open_store(url).url == parse_endpoint(url).shown == shown


@pytest.mark.parametrize("url", ["otlp+http://", "otlp+http://h:port", "otlp+http://:4318", "otlp+http:///path"])
def test_a_url_without_a_host_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"write otlp\+http://host:port"):
        open_store(url)


def test_reading_says_where_to_read_instead(store: RemoteStore) -> None:
    reads = (
        lambda: store.get(TRACE, SPAN),
        lambda: store.envelope(TRACE, SPAN),
        lambda: store.resolve(None, SPAN),
        lambda: store.find(Query()),
        store.verify,
        store.stats,
    )
    for read in reads:
        with pytest.raises(StoreError, match="cannot be read from there: open the pages of the spanglass server"):
            read()


def test_how_long_calls_are_kept_is_not_said_from_here(store: RemoteStore, caplog: pytest.LogCaptureFixture) -> None:
    assert [store.prune(PruneRule(older_than_ns=1)) for _ in range(2)] == [Pruned(), Pruned()]
    assert caplog.text.count("nothing is pruned at") == 1


def test_the_journal_keeps_what_waits_and_puts_aside_what_is_refused(
    receiver: Receiver, store: RemoteStore, tmp_path: Path
) -> None:
    journal = Journal(tmp_path, max_bytes=1 << 20)
    for number in (1, 2, 3):
        journal.append(outcome(span=f"{number}" * 16))
    receiver.answers += [(503, b"")]
    with pytest.raises(StoreBusy):
        journal.drain(store.put_many)
    assert journal.pending_bytes
    refused = (400, b'{"code": 3, "message": "no"}')
    receiver.answers += [refused, refused, refused]  # all three, twice, and then the first alone
    journal.close(store.put_many)
    (dead,) = tmp_path.glob("*.dead")
    letters = [json.loads(line) for line in dead.read_text().splitlines()]
    assert [json.loads(letter["entry"])["span_id"] for letter in letters] == ["1" * 16]


def test_a_400_of_what_is_no_otlp_receiver_is_no_refusal_of_an_entry(receiver: Receiver, store: RemoteStore) -> None:
    receiver.answers.append((400, b"<h1>Bad Request</h1>"))
    with pytest.raises(StoreError, match="OTLP over HTTP") as raised:
        store.put_many([outcome()])
    assert not isinstance(raised.value, StoreRefused)


def test_it_finds_out_whether_it_would_be_let_in(receiver: Receiver, store: RemoteStore) -> None:
    store.check()
    assert receiver.records() == []
    receiver.answers.append((403, b""))
    with pytest.raises(StoreError, match="answered 403"):
        store.check()
