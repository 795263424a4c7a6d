"""What the bytes of a record say: its messages, tools, options and answer.

Invariant: the bytes are the truth. Reading adds what they say and replaces nothing that was recorded; a body that
cannot be read leaves its fields empty, and stays in its attempt for a person to see.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spanglass.dialect.read import read_window
from spanglass.model.record import Usage
from spanglass.wire.read import read_request, read_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spanglass.model.record import Record
    from spanglass.wire.base import ResponseView


def read_record(record: Record) -> Record:
    """The record with what its last attempts say: the request's reading, the answer's, and figures not recorded yet."""
    request = next((attempt for attempt in reversed(record.attempts) if attempt.request_body is not None), None)
    if request is not None and request.request_body is not None:
        view = read_request(record.format, request.request_body)
        record = replace(
            record,
            messages=view.messages,
            tools=tuple(view.tools),
            options=dict(view.options),
            request_model=record.request_model or view.model,
        )
    answer = next((attempt for attempt in reversed(record.attempts) if attempt.response_body is not None), None)
    if answer is not None and answer.response_body is not None:
        content_type = next(
            (value for name, value in answer.response_headers.items() if name.lower() == "content-type"), ""
        )
        record = _with_answer(
            record,
            read_response(record.format, answer.response_body, content_type=content_type, status=answer.status or 0),
        )
    return record


def _with_answer(record: Record, view: ResponseView) -> Record:
    recorded = {name: getattr(record.usage, name) for name in Usage.__slots__}
    usage = Usage(**{name: getattr(view.usage, name) if value is None else value for name, value in recorded.items()})
    return replace(
        record,
        output=view.output,
        response_model=record.response_model or view.response_model,
        response_id=record.response_id or view.response_id,
        finish_reasons=record.finish_reasons or view.finish_reasons,
        usage=usage,
        error=record.error or (view.error if record.state == "error" else None),
    )


def read_envelope(record: Record, envelope: bytes | None) -> Record:
    """A record made by another vendor's span, read from what its instrumentation says in its own dialect."""
    view = read_window(envelope)
    return replace(record, messages=view.messages, output=view.output, tools=view.tools, options=dict(view.options))


def envelope_attributes(envelope: bytes | None) -> Mapping[str, Any]:
    """The span's attributes as its envelope has them; none if it cannot be read."""
    try:
        value = json.loads(envelope or b"null")
    except (ValueError, RecursionError):
        return {}
    attributes = value.get("attributes") if isinstance(value, dict) else None
    return attributes if isinstance(attributes, dict) else {}
