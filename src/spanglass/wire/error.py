"""What a provider says went wrong, whatever shape it says it in.

Invariant: the type is the provider's own (its error type, status or code), or else the caller's; the message is never
empty.
"""

from __future__ import annotations

import re
from typing import Any

from spanglass.model.record import ErrorInfo
from spanglass.wire import sse
from spanglass.wire.base import mapping
from spanglass.wire.jsontext import json_text, parse_json

_TYPES = ("type", "status", "code", "error_type", "error_code", "__type", "Code")
_MESSAGES = ("message", "Message", "msg", "detail", "error_description", "description", "title", "text")
#: Where one error object holds another: the outer says no more than that there is one.
_NESTS = ("error", "errors", "detail", "message")
_NEST_DEPTH = 4
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_PAGE_LENGTH = 500


def read_error(value: Any, kind: str = "error") -> ErrorInfo:
    """The error in a JSON value: an object, a list of them, or a text.

    Args:
        value: the whole body, an error event, or what stands under its ``error``.
        kind: the type when the provider names none.

    Example:
        >>> read_error({"error": {"type": "overloaded_error", "message": "Overloaded"}})
        ErrorInfo(type='overloaded_error', message='Overloaded')
    """
    message = ""
    for _ in range(_NEST_DEPTH):
        value = next(iter(value), None) if isinstance(value, list) else value
        if not isinstance(value, dict):
            break
        kind = _type(value) or kind
        message = next((v for k in _MESSAGES if isinstance(v := value.get(k), str) and v), message)
        inner = next((v for k in _NESTS if (v := value.get(k)) and (k == "error" or not isinstance(v, str))), None)
        if inner is None:
            break
        value = inner
    if isinstance(value, str) and value:
        message = message or value
    return ErrorInfo(kind, message or (json_text(value) if value else kind))


def read_error_body(body: bytes, status: int) -> ErrorInfo:
    """The error in the body of an HTTP error answer: JSON of any shape, a page, a text, or nothing."""
    if body.startswith((b"data:", b"event:")):
        body = next((data for _, data in sse.split(sse.unify(body))), body)
    try:
        value = parse_json(body)
    except ValueError:
        value = _page_text(body.decode("utf-8", "replace"))
    if value in (None, "", [], {}):
        return ErrorInfo(str(status), f"HTTP status {status} with an empty body")
    return read_error(value, str(status))


def error_of(payload: Any) -> ErrorInfo | None:
    """The error that a payload carries under ``error``, or that it is by its ``object``; or None."""
    fields = mapping(payload)
    error = fields.get("error")
    if error and not isinstance(error, str):
        return read_error(error)
    return read_error(fields) if error or fields.get("object") == "error" else None  # the type stands beside a text


def _type(value: dict[str, Any]) -> str | None:
    """A word, wherever it stands, says more than a number."""
    given = [value.get(key) for key in _TYPES]
    word = next((found for found in given if isinstance(found, str) and found and found != "error"), None)
    return word or next((str(found) for found in given if type(found) is int), None)


def _page_text(page: str) -> str:
    title = _TITLE.search(page)
    plain = title.group(1) if title else _TAG.sub(" ", page)
    plain = " ".join(plain.split())
    return plain if len(plain) <= _PAGE_LENGTH else plain[:_PAGE_LENGTH] + " …"
