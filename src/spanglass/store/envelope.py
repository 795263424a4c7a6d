"""What the envelope of a foreign gen_ai span says of a call that we did not see on the wire.

Invariant: reading never raises; an attribute of an unexpected shape is as good as absent.
"""

from __future__ import annotations

from typing import Any

import msgspec

from spanglass.model.record import ErrorInfo, State, Usage

_TOKENS = {
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "cache_read_input_tokens": ("gen_ai.usage.cache_read.input_tokens",),
    "cache_write_input_tokens": ("gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens"),
    "reasoning_output_tokens": ("gen_ai.usage.reasoning.output_tokens",),
}
_TEXTS = {
    "provider": ("gen_ai.provider.name", "gen_ai.system"),
    "operation": ("gen_ai.operation.name",),
    "request_model": ("gen_ai.request.model",),
    "response_model": ("gen_ai.response.model",),
    "response_id": ("gen_ai.response.id",),
}
_ERROR_CODES = ("ERROR", "STATUS_CODE_ERROR", "StatusCode.ERROR", 2)


def read_envelope(body: bytes | None) -> dict[str, Any]:
    """The fields of a `Summary` that an envelope's attributes and status fill."""
    envelope = _object(_parse(body))
    attributes = _object(envelope.get("attributes"))
    error = _error(_object(envelope.get("status")), attributes)
    state: State = "error" if error else "done"
    reasons = attributes.get("gen_ai.response.finish_reasons")
    return {
        **{field: _first(attributes, names, str) for field, names in _TEXTS.items()},
        "usage": Usage(**{field: _first(attributes, names, int) for field, names in _TOKENS.items()}),
        "finish_reasons": tuple(r for r in reasons if isinstance(r, str)) if isinstance(reasons, list) else (),
        "state": state,
        "error": error,
        "format": "envelope",
    }


def _parse(body: bytes | None) -> Any:
    try:
        return msgspec.json.decode(body or b"null")
    except (msgspec.DecodeError, RecursionError):
        return None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(attributes: dict[str, Any], names: tuple[str, ...], kind: type) -> Any:
    return next((v for name in names if type(v := attributes.get(name)) is kind), None)


def _error(status: dict[str, Any], attributes: dict[str, Any]) -> ErrorInfo | None:
    kind = _first(attributes, ("error.type",), str)
    code = status.get("code", status.get("status_code"))
    if kind is None and code not in _ERROR_CODES:
        return None
    text = _first({**attributes, **status}, ("description", "message", "error.message"), str)
    return ErrorInfo(kind or "error", text or "")
