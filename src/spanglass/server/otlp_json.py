"""The shape of OTLP in JSON: the messages that the sidecar reads, with the fields that it reads.

Invariant: the names of fields are those of the protobuf messages, so that what walks over the one walks over the other;
fields that are not here are passed over, as OTLP demands, and null is as good as absent, as protobuf's JSON does.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

Message = TypeVar("Message")


class Value(msgspec.Struct, rename="camel"):
    """``AnyValue``: one of its fields."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | str | None = None
    double_value: float | int | str | None = None
    array_value: Values | None = None
    kvlist_value: Pairs | None = None
    bytes_value: bytes | None = None

    def WhichOneof(self, _: str) -> str | None:  # noqa: N802 - protobuf's name for it
        """The field that is set."""
        return next((name for name in self.__struct_fields__ if getattr(self, name) is not None), None)


class Values(msgspec.Struct):
    """``ArrayValue``."""

    values: list[Value] = []


class Pair(msgspec.Struct):
    """``KeyValue``."""

    key: str
    value: Value | None = None


class Pairs(msgspec.Struct):
    """``KeyValueList``."""

    values: list[Pair] = []


class Attributed(msgspec.Struct, rename="camel"):
    """What has attributes; by itself a ``Resource``."""

    attributes: list[Pair] = []


class Scope(msgspec.Struct, rename="camel"):
    """``InstrumentationScope``."""

    name: str = ""


class Status(msgspec.Struct, rename="camel"):
    """``Status`` of a span."""

    code: int | str = 0
    message: str = ""


class Event(Attributed, rename="camel"):
    """``Span.Event``."""

    name: str = ""
    time_unix_nano: int | str = 0


class Span(Attributed, rename="camel"):
    """``Span``."""

    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    name: str = ""
    start_time_unix_nano: int | str = 0
    end_time_unix_nano: int | str = 0
    events: list[Event] = []
    status: Status | None = None


class LogRecord(Attributed, rename="camel"):
    """``LogRecord``."""

    trace_id: str = ""
    span_id: str = ""
    time_unix_nano: int | str = 0
    observed_time_unix_nano: int | str = 0
    event_name: str = ""
    body: Value | None = None


class ScopeSpans(msgspec.Struct, rename="camel"):
    """``ScopeSpans``."""

    scope: Scope | None = None
    spans: list[Span] = []


class ResourceSpans(msgspec.Struct, rename="camel"):
    """``ResourceSpans``."""

    resource: Attributed | None = None
    scope_spans: list[ScopeSpans] = []


class Traces(msgspec.Struct, rename="camel"):
    """``ExportTraceServiceRequest``."""

    resource_spans: list[ResourceSpans] = []


class ScopeLogs(msgspec.Struct, rename="camel"):
    """``ScopeLogs``."""

    scope: Scope | None = None
    log_records: list[LogRecord] = []


class ResourceLogs(msgspec.Struct, rename="camel"):
    """``ResourceLogs``."""

    resource: Attributed | None = None
    scope_logs: list[ScopeLogs] = []


class Logs(msgspec.Struct, rename="camel"):
    """``ExportLogsServiceRequest``."""

    resource_logs: list[ResourceLogs] = []


def parse(body: bytes, kind: type[Message]) -> Message:
    """The request of a kind that a body holds.

    Raises:
        msgspec.DecodeError: it is none.
        RecursionError: it is nested too deeply.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError:
        if b"null" not in body:
            raise
        return msgspec.convert(_without_nulls(msgspec.json.decode(body)), kind)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(said) for name, said in value.items() if said is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
