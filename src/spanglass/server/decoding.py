"""OTLP requests as they come, protobuf or JSON, to spans and log records as the rest of the sidecar sees them.

Invariant: an item is read only when it is asked for, one at a time, so that a large batch of spans that have nothing
to do with models costs little; what an attribute says is kept as it is: a list, a map, bytes.

Source: OTLP (https://opentelemetry.io/docs/specs/otlp/), ``opentelemetry/proto/*/v1/*.proto`` of release 1.x. In JSON
ids are hex and 64-bit numbers may be text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanglass.server import otlp_json

if TYPE_CHECKING:
    from collections.abc import Iterator

Encoding: TypeAlias = Literal["json", "protobuf"]
Signal: TypeAlias = Literal["traces", "logs"]

_TRACE_BYTES, _SPAN_BYTES = 16, 8
_MOST_NS = 2**63 - 1
_MOST_INT = 2**63
_MESSAGES: dict[Signal, Any] = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}
_STRUCTS: dict[Signal, Any] = {"traces": otlp_json.Traces, "logs": otlp_json.Logs}


class NotOtlp(ValueError):
    """The body is no OTLP request, or an item of it is none; the text says why and quotes no payload."""


@dataclass(frozen=True)
class Origin:
    """What items of one scope share: the resource's attributes, and the scope's name."""

    resource: Any
    scope: str

    @cached_property
    def service(self) -> str:
        """The resource's ``service.name``, or nothing."""
        return str(attributes_of(self.resource).get("service.name", "")) if self.resource is not None else ""


@dataclass(frozen=True, slots=True)
class Item:
    """A span or a log record, as it was decoded and not yet read."""

    raw: Any
    origin: Origin


def decode(body: bytes, encoding: Encoding, signal: Signal) -> list[Item]:
    """The items of a request.

    Raises:
        NotOtlp: it is none.
    """
    try:
        request = otlp_json.parse(body, _STRUCTS[signal]) if encoding == "json" else _MESSAGES[signal].FromString(body)
    except (DecodeError, msgspec.DecodeError, UnicodeDecodeError) as why:
        message = f"the body is no OTLP {signal} request in {encoding}: {why}"
        raise NotOtlp(message) from why
    except RecursionError as why:
        message = "the body is nested too deeply"
        raise NotOtlp(message) from why
    return list(_spans(request) if signal == "traces" else _log_records(request))


def _spans(request: Any) -> Iterator[Item]:
    for of_resource in request.resource_spans:
        for of_scope in of_resource.scope_spans:
            origin = _origin(of_resource, of_scope)
            yield from (Item(span, origin) for span in of_scope.spans)


def _log_records(request: Any) -> Iterator[Item]:
    for of_resource in request.resource_logs:
        for of_scope in of_resource.scope_logs:
            origin = _origin(of_resource, of_scope)
            yield from (Item(record, origin) for record in of_scope.log_records)


def _origin(of_resource: Any, of_scope: Any) -> Origin:
    return Origin(of_resource.resource, of_scope.scope.name if of_scope.scope is not None else "")


def attributes_of(raw: Any) -> dict[str, Any]:
    """The attributes of a span, an event, a log record or a resource."""
    return {pair.key: plain(pair.value) for pair in raw.attributes}


def plain(value: Any) -> Any:
    """What an ``AnyValue`` says.

    Raises:
        NotOtlp: it is nested too deeply, or a number in it is none.
    """
    try:
        return _plain(value)
    except RecursionError as why:
        message = "an attribute is nested too deeply"
        raise NotOtlp(message) from why
    except ValueError as why:
        message = "an attribute says that it is a number, and is none"
        raise NotOtlp(message) from why


def _plain(value: Any) -> Any:
    if value is None:
        return None
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    given = getattr(value, kind)
    if kind == "array_value":
        return [_plain(item) for item in given.values]
    if kind == "kvlist_value":
        return {pair.key: _plain(pair.value) for pair in given.values}
    if kind == "int_value":
        return _whole(given)
    return float(given) if kind == "double_value" else given


def _whole(given: int | str) -> int | str:
    try:
        number = int(given)
    except ValueError:
        return given
    return number if -_MOST_INT <= number < _MOST_INT else str(given)


def ids_of(raw: Any) -> tuple[str, str]:
    """The trace and span id of an item, as lower-case hex; both empty where it has none.

    Raises:
        NotOtlp: they are none.
    """
    trace, span = _hex(raw.trace_id), _hex(raw.span_id)
    if not trace and not span:
        return "", ""
    if not (_is_id(trace, _TRACE_BYTES) and _is_id(span, _SPAN_BYTES)):
        message = f"{trace[:40]!r} and {span[:40]!r} are no trace id and span id"
        raise NotOtlp(message)
    return trace, span


def parent_of(raw: Any) -> str | None:
    """The id of a span's parent, or None."""
    parent = _hex(raw.parent_span_id)
    return parent if _is_id(parent, _SPAN_BYTES) else None


def moment(given: int | str) -> int:
    """A time in ns since the epoch.

    Raises:
        NotOtlp: it is none.
    """
    try:
        when = int(given)
    except ValueError:
        when = -1
    if not 0 <= when <= _MOST_NS:
        message = "a time is none, in ns since the epoch"
        raise NotOtlp(message)
    return when


def _hex(value: bytes | str) -> str:
    return value.hex() if isinstance(value, bytes) else value.lower()


def _is_id(text: str, size: int) -> bool:
    return len(text) == 2 * size and set(text) <= set("0123456789abcdef") and text.strip("0") != ""
