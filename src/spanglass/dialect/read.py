"""Whose word counts: what all dialects together make of an envelope.

Invariant: for each field the first dialect counts that says anything, today's conventions first; so a span that speaks
two dialects at once, as many do, is read whole and nothing twice.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from spanglass.dialect import envelope as envelopes
from spanglass.dialect import event, genai, logfire, openinference, openllmetry, vercel
from spanglass.dialect.attribute import first_text
from spanglass.dialect.view import Window
from spanglass.model.record import ErrorInfo, State, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spanglass.dialect.envelope import Envelope

_DIALECTS = (genai, openllmetry, openinference, vercel, logfire, event)
_ERROR_CODES = ("ERROR", "STATUS_CODE_ERROR", "StatusCode.ERROR", 2)


def read_facts(body: bytes | None) -> dict[str, Any]:
    """The fields of a `Summary` that an envelope fills."""
    envelope = envelopes.parse(body)
    told = [dialect.facts(envelope) for dialect in _DIALECTS]
    found = {item.name: _first(getattr(one, item.name) for one in told) for item in fields(told[0])}
    error = _error(envelope)
    state: State = "error" if error else "done"
    usage = Usage(**{name: _first(getattr(one.usage, name) for one in told) for name in Usage.__slots__})
    return {
        **found,
        "usage": usage,
        "finish_reasons": found["finish_reasons"] or (),
        "state": state,
        "error": error,
        "format": "envelope",
    }


def read_window(body: bytes | None) -> Window:
    """The messages, tools, options and answer that an envelope holds."""
    envelope = envelopes.parse(body)
    told = [*(dialect.window(envelope) for dialect in _DIALECTS), openinference.values(envelope)]
    options: dict[str, Any] = {}
    for one in told:
        options = {**one.options, **options}
    messages, output, tools = (_first(getattr(one, name) for one in told) or () for name in _LISTS)
    return Window(messages, output, tools, options)


_LISTS = ("messages", "output", "tools")


def _first(said: Iterable[Any]) -> Any:
    """The first that says something; a count of 0 does."""
    return next((value for value in said if value is not None and value != ()), None)


def _error(envelope: Envelope) -> ErrorInfo | None:
    """What went wrong: the status, the attribute, or the exception that was recorded."""
    attributes, status = envelope.attributes, envelope.status
    code = status.get("code", status.get("status_code"))
    kind = first_text(attributes, "error.type")
    if kind is None and code not in _ERROR_CODES:
        return None
    raised = next((one.attributes for one in reversed(envelope.events) if one.name == "exception"), {})
    kind = kind or first_text(raised, "exception.type") or "error"
    text = first_text(status, "description", "message") or first_text(attributes, "error.message")
    return ErrorInfo(kind, text or first_text(raised, "exception.message") or "")
