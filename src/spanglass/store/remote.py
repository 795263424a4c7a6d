"""The store ``otlp+http://host:port``: entries go on as OTLP log records, to a spanglass server or a collector.

Invariant: `put_many` returns only when everything was taken. What may pass (nobody listens, overload, a wrong token) is
a `StoreError`, and the journal keeps the entries; what will never be taken is `StoreRefused`, which the journal puts
aside as dead letters. Nothing is read back from here.

Source: OTLP 1.x over HTTP with JSON (https://opentelemetry.io/docs/specs/otlp/#otlphttp).
"""

from __future__ import annotations

import gzip
import http.client
import logging
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import unquote, urlsplit

import msgspec

from spanglass.errors import ConfigurationError, StoreBusy, StoreError, StoreRefused
from spanglass.store.base import Pruned
from spanglass.store.parcel import pack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from spanglass.model.entry import Entry
    from spanglass.model.record import Record, Summary
    from spanglass.store.base import Progress, PruneRule, Query, StoreStats, Verification
    from spanglass.store.parcel import Chunk

_LOG = logging.getLogger("spanglass")

#: Marks our log records among others.
EVENT_NAME = "spanglass.entry"
SCOPE_NAME = "spanglass"
#: Bytes of chunks in one request.
REQUEST_BYTES = 3 << 20
_PORT = 4318
_TIMEOUT_S = 30.0
_ANSWER_BYTES = 64 << 10
_OK = 200
_TOO_LARGE = 413
_BAD = frozenset({400, 422})
_OVERLOAD = frozenset({429, 502, 503, 504})
_UNKNOWN_US = frozenset({401, 403})


class Endpoint(NamedTuple):
    """Where log records are posted to; ``shown`` is the url without its credentials."""

    secure: bool
    host: str
    port: int
    path: str
    authorization: str | None
    shown: str


class _Answer(NamedTuple):
    status: int
    reason: str
    body: bytes


class RemoteStore:
    """A `Store` that only sends.

    Args:
        url: ``otlp+http://[TOKEN@]host[:port][/path]``, or ``otlp+https://…``; port 4318 unless said. What comes before
            the ``@`` is sent as a bearer token.

    Raises:
        ConfigurationError: the url names no host.
    """

    def __init__(self, url: str) -> None:
        self._endpoint = parse_endpoint(url)
        self.url = self._endpoint.shown
        self._connection: http.client.HTTPConnection | None = None
        self._pid = os.getpid()
        self._told_of_pruning = False

    def put_many(self, entries: Sequence[Entry]) -> None:
        """Sends entries, in as many requests as it takes.

        Raises:
            StoreBusy: nobody answers there, or it asks to come again.
            StoreRefused: it does not take one of them, and never will.
            StoreError: it does not let us in, or is no OTLP receiver.
        """
        for chunks in _batches(chunk for entry in entries for chunk in pack(entry)):
            self._send(gzip.compress(_request_body(chunks), 1))

    def check(self) -> None:
        """Finds out whether entries would be taken, by sending none.

        Raises:
            StoreError: they would not.
        """
        self._send(gzip.compress(_request_body([])))

    def _send(self, body: bytes) -> None:
        answer = self._post(body)
        if answer.status == _OK:
            self._check_partial(answer)
            return
        told = f"{self.url} answered {answer.status} {answer.reason}{_message_of(answer.body)}"
        if _is_refusal(answer):
            raise StoreRefused(told)
        if answer.status in _OVERLOAD:
            raise StoreBusy(told)
        unknown = answer.status in _UNKNOWN_US
        advice = "mind the token before the @ of SPANGLASS_STORE" if unknown else "it has to be OTLP over HTTP"
        message = f"{told}; {advice}"
        raise StoreError(message)

    def _post(self, body: bytes) -> _Answer:
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", "User-Agent": "spanglass"}
        if self._endpoint.authorization:
            headers["Authorization"] = self._endpoint.authorization
        kept, self._connection = self._connection, None
        if kept is not None and self._pid == os.getpid():
            with suppress(OSError, http.client.HTTPException):  # the other side may end a connection that is idle
                return self._exchange(kept, body, headers)
            kept.close()
        try:
            return self._exchange(self._connect(), body, headers)
        except (OSError, http.client.HTTPException) as why:
            reason = why.strerror if isinstance(why, OSError) and why.strerror else str(why) or type(why).__name__
            message = f"{self.url} cannot be reached: {reason}"
            raise StoreBusy(message) from why

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str]) -> _Answer:
        """One request and its answer; the connection is kept for the next if it may be."""
        try:
            connection.request("POST", self._endpoint.path, body, headers)
            response = connection.getresponse()
            answer = _Answer(response.status, response.reason, response.read(_ANSWER_BYTES))
        except BaseException:
            connection.close()
            raise
        if response.isclosed() and not response.will_close:
            self._connection, self._pid = connection, os.getpid()
        else:
            connection.close()
        return answer

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._endpoint.secure else http.client.HTTPConnection
        return kind(self._endpoint.host, self._endpoint.port, timeout=_TIMEOUT_S)

    def _check_partial(self, answer: _Answer) -> None:
        partial = _field(_parse(answer.body), "partialSuccess")
        rejected = _field(partial, "rejectedLogRecords")
        if str(rejected or 0) != "0":
            message = f"{self.url} rejected {rejected} log records: {_field(partial, 'errorMessage') or ''}"
            raise StoreRefused(message)

    def get(self, trace_id: str, span_id: str) -> Record | None:  # noqa: ARG002 - the protocol's
        """Refuses, as all that reads does."""
        self._refuse_reading()

    def envelope(self, trace_id: str, span_id: str) -> bytes | None:  # noqa: ARG002 - the protocol's
        """Refuses."""
        self._refuse_reading()

    def resolve(self, trace_prefix: str | None, span_prefix: str, limit: int = 20) -> list[Summary]:  # noqa: ARG002 - the protocol's
        """Refuses."""
        self._refuse_reading()

    def find(self, query: Query) -> list[Summary]:  # noqa: ARG002 - the protocol's
        """Refuses."""
        self._refuse_reading()

    def prune(self, rule: PruneRule) -> Pruned:  # noqa: ARG002 - the protocol's
        """Prunes nothing: how long calls are kept is for whoever keeps them to say."""
        if not self._told_of_pruning:
            self._told_of_pruning = True
            _LOG.warning(
                "spanglass: nothing is pruned at %s from here; bound the store of the server that receives the calls "
                "(SPANGLASS_RETENTION there, or 'spanglass prune' on its machine).",
                self.url,
            )
        return Pruned()

    def verify(self, progress: Progress | None = None) -> Verification:  # noqa: ARG002 - the protocol's
        """Refuses."""
        self._refuse_reading()

    def stats(self) -> StoreStats:
        """Refuses."""
        self._refuse_reading()

    def close(self) -> None:
        """Ends the connection; the next `put_many` makes one again."""
        connection, self._connection = self._connection, None
        if connection is not None and self._pid == os.getpid():
            connection.close()

    def _refuse_reading(self) -> NoReturn:
        message = (
            f"calls go on to {self.url} and cannot be read from there: open the pages of the spanglass server that "
            "receives them, or read where it keeps them ('spanglass ls --store URL' with the store that it was started "
            "with)"
        )
        raise StoreError(message)


def parse_endpoint(url: str) -> Endpoint:
    """Where the log records of a store url are posted to.

    Raises:
        ConfigurationError: it names no host, or its port is none.

    Example:
        >>> parse_endpoint("otlp+http://secret@collector.example").shown
        'otlp+http://collector.example:4318'
    """
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port or _PORT
    except ValueError:
        host, port = None, _PORT
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if not host:
        message = f"cannot send to {shown!r}: write otlp+http://host:port, such as otlp+http://127.0.0.1:4319"
        raise ConfigurationError(message)
    name = f"[{host}]" if ":" in host else host
    path = parts.path.rstrip("/").removesuffix("/v1/logs")
    token = unquote(parts.password or parts.username or "")
    return Endpoint(
        parts.scheme == "otlp+https",
        host,
        port,
        f"{path}/v1/logs",
        f"Bearer {token}" if token else None,
        f"{parts.scheme}://{name}:{port}{path}",
    )


def _batches(chunks: Iterable[Chunk]) -> Iterator[list[Chunk]]:
    batch: list[Chunk] = []
    size = 0
    for chunk in chunks:
        if batch and size + len(chunk.data) > REQUEST_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(chunk)
        size += len(chunk.data) + len(chunk.header)
    if batch:
        yield batch


def _request_body(chunks: list[Chunk]) -> bytes:
    records = [_log_record(chunk) for chunk in chunks]
    scope_logs = [{"scope": {"name": SCOPE_NAME}, "logRecords": records}]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": SCOPE_NAME}}]}
    return msgspec.json.encode({"resourceLogs": [{"resource": resource, "scopeLogs": scope_logs}]})


def _log_record(chunk: Chunk) -> dict[str, Any]:
    attributes: dict[str, dict[str, Any]] = {
        "spanglass.parcel.kind": {"stringValue": chunk.kind},
        "spanglass.parcel.digest": {"stringValue": chunk.digest},
        "spanglass.parcel.number": {"intValue": str(chunk.number)},
        "spanglass.parcel.count": {"intValue": str(chunk.count)},
    }
    if chunk.header:
        attributes["spanglass.parcel.header"] = {"bytesValue": chunk.header}
    return {
        "observedTimeUnixNano": str(time.time_ns()),
        "eventName": EVENT_NAME,
        "traceId": chunk.trace_id,
        "spanId": chunk.span_id,
        "body": {"bytesValue": chunk.data},
        "attributes": [{"key": key, "value": value} for key, value in attributes.items()],
    }


def _is_refusal(answer: _Answer) -> bool:
    """Whether this very request will never be taken. What is no OTLP receiver (its 400 says nothing of ours) may go."""
    return answer.status == _TOO_LARGE or (answer.status in _BAD and "code" in _object(_parse(answer.body)))


def _message_of(answer: bytes) -> str:
    message = _field(_parse(answer), "message")
    return f" ({message[:500]})" if isinstance(message, str) and message else ""


def _parse(answer: bytes) -> Any:
    try:
        return msgspec.json.decode(answer)
    except (msgspec.DecodeError, RecursionError):
        return None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _field(value: Any, name: str) -> Any:
    return _object(value).get(name)
