"""Spans and logs as programs without spanglass send them: OTLP JSON made by hand, by the published schema."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from end_to_end.backends.stack import Stack


def value(raw: Any) -> dict[str, Any]:
    """OTLP's AnyValue."""
    if isinstance(raw, bool):
        return {"boolValue": raw}
    if isinstance(raw, int):
        return {"intValue": str(raw)}
    if isinstance(raw, float):
        return {"doubleValue": raw}
    if isinstance(raw, str):
        return {"stringValue": raw}
    if isinstance(raw, dict):
        return {"kvlistValue": {"values": attributes(raw)}}
    return {"arrayValue": {"values": [value(item) for item in raw]}}


def attributes(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """OTLP's list of KeyValue."""
    return [{"key": key, "value": value(item)} for key, item in raw.items()]


def span(name: str, raw: Mapping[str, Any], *, events: Sequence[Mapping[str, Any]] = (), **more: Any) -> dict[str, Any]:
    """A CLIENT span of a millisecond, with ids of its own unless ``more`` says otherwise."""
    now = time.time_ns()
    return {
        "traceId": os.urandom(16).hex(),
        "spanId": os.urandom(8).hex(),
        "name": name,
        "kind": 3,
        "startTimeUnixNano": str(now),
        "endTimeUnixNano": str(now + 1_000_000),
        "attributes": attributes(raw),
        "events": [
            {"name": event["name"], "timeUnixNano": str(now), "attributes": attributes(event.get("attributes", {}))}
            for event in events
        ],
        **more,
    }


def send_spans(stack: Stack, service: str, spans: list[dict[str, Any]], **resource: str) -> None:
    """Posts spans to the Collector, which must take them all."""
    body = {
        "resourceSpans": [
            {
                "resource": {"attributes": attributes({"service.name": service, **resource})},
                "scopeSpans": [{"scope": {"name": "by-hand"}, "spans": spans}],
            }
        ]
    }
    answer = httpx.post(f"{stack.otlp}/v1/traces", json=body, timeout=60).raise_for_status()
    assert not answer.json().get("partialSuccess"), answer.text


def send_logs(stack: Stack, service: str, records: list[dict[str, Any]]) -> None:
    """Posts log records to the Collector, which must take them all."""
    body = {
        "resourceLogs": [
            {
                "resource": {"attributes": attributes({"service.name": service})},
                "scopeLogs": [{"scope": {"name": "by-hand"}, "logRecords": records}],
            }
        ]
    }
    answer = httpx.post(f"{stack.otlp}/v1/logs", json=body, timeout=60).raise_for_status()
    assert not answer.json().get("partialSuccess"), answer.text
