"""OTLP requests as programs of any language send them, written here by the published schema; in both encodings."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from read.made import BEGIN, SECOND, SPAN, TRACE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

JsonObject = dict[str, Any]
JSON = {"content-type": "application/json"}
PROTOBUF = {"content-type": "application/x-protobuf"}
PARENT = "c0ffee0000000000"
_IDS = frozenset({"traceId", "spanId", "parentSpanId"})
_MESSAGES: dict[str, Any] = {"resourceSpans": ExportTraceServiceRequest, "resourceLogs": ExportLogsServiceRequest}


def any_value(said: Any) -> JsonObject:
    """``AnyValue``."""
    if said is None:
        return {}
    values: dict[type, tuple[str, Callable[[Any], Any]]] = {
        bool: ("boolValue", bool),
        int: ("intValue", str),
        float: ("doubleValue", float),
        str: ("stringValue", str),
        bytes: ("bytesValue", lambda given: base64.b64encode(given).decode()),
        list: ("arrayValue", lambda given: {"values": [any_value(item) for item in given]}),
        dict: ("kvlistValue", lambda given: {"values": key_values(given)}),
    }
    name, convert = values[type(said)]
    return {name: convert(said)}


def key_values(said: Mapping[str, Any]) -> list[JsonObject]:
    """A list of ``KeyValue``."""
    return [{"key": name, "value": any_value(value)} for name, value in said.items()]


def span(attributes: Mapping[str, Any], **more: Any) -> JsonObject:
    """A span, a second long."""
    return {
        "traceId": TRACE,
        "spanId": SPAN,
        "parentSpanId": PARENT,
        "name": "chat gpt-4o",
        "kind": 3,
        "startTimeUnixNano": str(BEGIN),
        "endTimeUnixNano": str(BEGIN + SECOND),
        "attributes": key_values(attributes),
        **more,
    }


def event(name: str, attributes: Mapping[str, Any], after: int = 0) -> JsonObject:
    """An event of a span."""
    return {"name": name, "timeUnixNano": str(BEGIN + after), "attributes": key_values(attributes)}


def log_record(name: str, attributes: Mapping[str, Any], body: Any = None, **more: Any) -> JsonObject:
    """A log event of the span."""
    return {
        "traceId": TRACE,
        "spanId": SPAN,
        "timeUnixNano": str(BEGIN + SECOND),
        "eventName": name,
        "attributes": key_values(attributes),
        "body": any_value(body),
        **more,
    }


def traces(*spans: JsonObject, scope: str = "vendor.lib", service: str = "weather") -> JsonObject:
    """A request with spans."""
    scope_spans = [{"scope": {"name": scope}, "spans": list(spans)}]
    resource = {"attributes": key_values({"service.name": service})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": scope_spans}]}


def logs(*records: JsonObject, scope: str = "vendor.lib", service: str = "weather") -> JsonObject:
    """A request with log records."""
    scope_logs = [{"scope": {"name": scope}, "logRecords": list(records)}]
    resource = {"attributes": key_values({"service.name": service})}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": scope_logs}]}


def encoded(request: JsonObject, headers: Mapping[str, str]) -> bytes:
    """The body of a request in the encoding that its headers name."""
    if headers == JSON:
        return json.dumps(request).encode()
    (name,) = request
    body: bytes = ParseDict(_with_base64_ids(request), _MESSAGES[name]()).SerializeToString()
    return body


def _with_base64_ids(value: Any) -> Any:
    """Protobuf's own JSON writes bytes as base64, where OTLP's has hex."""
    if isinstance(value, list):
        return [_with_base64_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64encode(bytes.fromhex(said)).decode() if name in _IDS else _with_base64_ids(said)
        for name, said in value.items()
    }
