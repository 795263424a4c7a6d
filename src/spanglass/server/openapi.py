"""The description of the JSON API, in OpenAPI.

Invariant: it is what the endpoints do: every parameter that they take is here and no other, every status too, and the
schemas of records demand exactly the keys that ``docs/record.md`` promises (tests hold it against the running server).

Source: https://spec.openapis.org/oas/v3.1.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from spanglass.model.record import State
from spanglass.server.search import DEFAULT_LIMIT, MOST

if TYPE_CHECKING:
    from spanglass.model import JsonObject

_TEXT: JsonObject = {"type": "string"}
_TEXT_OR_NULL: JsonObject = {"type": ["string", "null"]}
_COUNT: JsonObject = {"type": "integer", "minimum": 0}
_COUNT_OR_NULL: JsonObject = {"type": ["integer", "null"]}
_TIME: JsonObject = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: JsonObject = {"type": ["string", "null"], "format": "date-time"}
_FLAG: JsonObject = {"type": "boolean"}
_OBJECT: JsonObject = {"type": "object"}
_ANYTHING: JsonObject = {}
_REFERENCE: JsonObject = {**_TEXT, "pattern": "^[0-9a-fA-F]{4,32}(/[0-9a-fA-F]{4,16})?$", "examples": ["00f067aa"]}
_DAY = "20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?Z?"
_MOMENT: JsonObject = {**_TEXT, "pattern": f"^([1-9][0-9]{{0,3}}[smhdw]|{_DAY}(T{_CLOCK})?)$", "examples": ["10m"]}
_HEADERS: JsonObject = {"type": "object", "additionalProperties": _TEXT}

_FAULTS = {
    400: "A parameter that cannot work.",
    401: "The token is missing or wrong.",
    404: "No call answers to this, or nothing was recorded yet.",
    409: "Several calls do; `candidates` lists them.",
    421: "The Host header names another machine.",
    500: "The store cannot be read, or a fault of spanglass itself.",
    503: "The store is busy; try again.",
}


def describe(version: str) -> JsonObject:
    """The whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "spanglass",
            "version": version,
            "description": "Recorded calls to language models, by span, trace and workflow.",
        },
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _paths() -> JsonObject:
    reference = "A span id, its first 4 digits or more, or trace_id/span_id."
    trace = "A trace id, its first 4 digits or more, or a reference to a call of the trace."
    workflow = _path("workflow_id", "The workflow.")
    return {
        "/api/spans/{ref}": _get("The record of one call", "Record", [_path("ref", reference, _REFERENCE)], 404, 409),
        "/api/traces/{trace_id}": _get(
            "The calls of a trace, in the order in which they began",
            "Trace",
            [_path("trace_id", trace, _REFERENCE)],
            404,
            409,
        ),
        "/api/workflows/{workflow_id}": _get(
            "The calls of a workflow, in the order in which they began", "Workflow", [workflow], 404
        ),
        "/api/workflows/{workflow_id}/steps/{step_name}": _get(
            "The record of the most recent call of a step", "Record", [workflow, _path("step_name", "The step.")], 404
        ),
        "/api/search": _get("The calls that answer to all parameters, newest first", "Found", _search()),
        "/api/openapi.json": _get("This description", "Description", []),
    }


def _get(summary: str, schema: str, parameters: list[JsonObject], *statuses: int) -> JsonObject:
    refused = sorted({400, 401, 421, 500, 503, *statuses})
    fault = {"application/json": {"schema": _ref("Fault")}}
    operation: JsonObject = {
        "summary": summary,
        "responses": {
            "200": {"description": summary, "content": {"application/json": {"schema": _ref(schema)}}},
            **{str(status): {"description": _FAULTS[status], "content": fault} for status in refused},
        },
    }
    return {"get": {**operation, "parameters": parameters} if parameters else operation}


def _path(name: str, meaning: str, schema: JsonObject | None = None) -> JsonObject:
    shape = schema or {**_TEXT, "minLength": 1}
    return {"name": name, "in": "path", "required": True, "description": meaning, "schema": shape}


def _search() -> list[JsonObject]:
    filled = {**_TEXT, "minLength": 1}
    model = "Equal to the requested or the answering model."
    told = "Occurs, letter for letter, in a request, an answer, a step, the upstream context or the error."
    when = "an age such as 10m or 7d, or a time such as 2026-11-21T04:30 (UTC unless said)."
    return [
        _query("trace_id", "Equal to this.", filled),
        _query("workflow_id", "Equal to this.", filled),
        _query("step_name", "Equal to this.", filled),
        _query("state", "Equal to this.", {**_TEXT, "enum": list(get_args(State))}),
        _query("model", model, filled),
        _query("provider", "Equal to this.", filled),
        _query("text", told, filled),
        _query("since", f"Begun at or after: {when}", _MOMENT),
        _query("until", f"Begun before: {when}", _MOMENT),
        _query(
            "limit", "At most so many.", {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT_LIMIT}
        ),
    ]


def _query(name: str, meaning: str, schema: JsonObject) -> JsonObject:
    return {"name": name, "in": "query", "required": False, "description": meaning, "schema": schema}


def _schemas() -> JsonObject:
    calls = _list(_ref("Summary"))
    return {
        "Description": _OBJECT,
        "Fault": _shape({"error": _shape({"type": _TEXT, "message": _TEXT}, candidates=_list(_TEXT))}),
        "Found": _shape({"calls": calls, "more": _FLAG}),
        "Trace": _shape({"trace_id": _TEXT, "calls": calls}),
        "Workflow": _shape({"workflow_id": _TEXT, "calls": calls}),
        "Summary": _shape({**_head(), "attempt_count": _COUNT, **_tail()}),
        "Record": _shape({**_head(), **_payload(), **_tail()}),
        "Message": _shape(
            {
                "role": _TEXT,
                "content": {"type": ["string", "array", "null"]},
                "reasoning_content": _TEXT_OR_NULL,
                "tool_calls": {"type": ["array", "null"], "items": _OBJECT},
                "tool_call_id": _TEXT_OR_NULL,
                "name": _TEXT_OR_NULL,
            }
        ),
        "Attempt": _attempt(),
        "Step": _shape(
            {"step_name": _TEXT, "data": _OBJECT, "timestamp": _TIME, "duration_ns": _COUNT_OR_NULL},
        ),
        "Usage": _shape(
            dict.fromkeys(
                (
                    "input_tokens",
                    "output_tokens",
                    "cache_read_input_tokens",
                    "cache_write_input_tokens",
                    "reasoning_output_tokens",
                ),
                _COUNT_OR_NULL,
            )
        ),
        "Error": {"type": ["object", "null"], "properties": {"type": _TEXT, "message": _TEXT}},
    }


def _head() -> JsonObject:
    return {
        "trace_id": _TEXT,
        "span_id": _TEXT,
        "parent_span_id": _TEXT_OR_NULL,
        "name": _TEXT,
        "service": _TEXT,
        "state": {**_TEXT, "enum": list(get_args(State))},
        "started_at": _TIME,
        "ended_at": _TIME_OR_NULL,
        "duration_ns": _COUNT_OR_NULL,
        "workflow_id": _TEXT_OR_NULL,
        "step_name": _TEXT_OR_NULL,
        "step_attempt": _COUNT_OR_NULL,
        "format": _TEXT,
        "provider": _TEXT_OR_NULL,
        "operation": _TEXT_OR_NULL,
        "request_model": _TEXT_OR_NULL,
        "response_model": _TEXT_OR_NULL,
        "response_id": _TEXT_OR_NULL,
        "finish_reasons": _list(_TEXT),
        "usage": _ref("Usage"),
    }


def _payload() -> JsonObject:
    return {
        "messages": _list(_ref("Message")),
        "tools": _list(_ANYTHING),
        "options": _OBJECT,
        "output": _list(_ref("Message")),
        "attempts": _list(_ref("Attempt")),
        "steps": _list(_ref("Step")),
        "upstream_context": _ANYTHING,
    }


def _tail() -> JsonObject:
    return {"error": _ref("Error"), "redactions": _COUNT, "complete": _FLAG, "missing": _list(_TEXT)}


def _attempt() -> JsonObject:
    return _shape(
        {
            "number": _COUNT,
            "method": _TEXT,
            "url": _TEXT,
            "status": _COUNT_OR_NULL,
            "request_headers": _HEADERS,
            "request_body": _TEXT_OR_NULL,
            "response_headers": _HEADERS,
            "response_body": _TEXT_OR_NULL,
            "started_at": _TIME,
            "first_byte_ns": _COUNT_OR_NULL,
            "ended_at": _TIME_OR_NULL,
            "complete": _FLAG,
            "error": _ref("Error"),
        },
        encoding={**_TEXT, "enum": ["base64"]},
        request_encoding={**_TEXT, "enum": ["base64"]},
    )


def _shape(required: JsonObject, **optional: Any) -> JsonObject:
    return {"type": "object", "required": list(required), "properties": {**required, **optional}}


def _list(of: JsonObject) -> JsonObject:
    return {"type": "array", "items": of}


def _ref(name: str) -> JsonObject:
    return {"$ref": f"#/components/schemas/{name}"}
