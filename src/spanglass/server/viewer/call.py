"""The pages of one call: its context window, attempts, steps, upstream context, differences, and ways to take it away.

Invariant: they all begin with the same head, and an address with the whole reference means the same call for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse

from spanglass.errors import NotFound
from spanglass.read.trouble import troubles
from spanglass.read.window import text_of
from spanglass.server.gate import COOKIE
from spanglass.server.viewer.attempt import attempt_views
from spanglass.server.viewer.calls import neighbours
from spanglass.server.viewer.copy import Bytes, copies, last_request
from spanglass.server.viewer.message import tone
from spanglass.server.viewer.text import Room, laid_out, shown
from spanglass.server.viewer.window import window_view

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from spanglass.model.record import Record
    from spanglass.server.viewer.link import Tab, Where
    from spanglass.server.viewer.page import Site

#: Characters of a message on one of its own pages.
_SLICE = 200_000
_MOST_DIGITS = 12


def reference(site: Site, request: Request) -> Response:
    """A span id, or the start of one, or of ``trace_id/span_id``: leads to the call."""
    call = site.reader().resolve(request.path_params["ref"])
    return RedirectResponse(site.links.span(call), 307)


def window(site: Site, request: Request) -> Response:
    """The context window and the answer; a reference that is not whole leads to the one that is."""
    record = record_of(site, request)
    asked = "/".join((request.path_params["trace_id"], request.path_params["span_id"]))
    if record.ref != asked:
        return RedirectResponse(site.links.span(record), 307)
    return site.page("window", **head(site, record, "window"), window=window_view(record, site.links))


def attempts(site: Site, request: Request) -> Response:
    """Every attempt: its time, its headers and its bodies."""
    record = record_of(site, request)
    return site.page("attempts", **head(site, record, "attempts"), attempts=attempt_views(record, site.links))


def steps(site: Site, request: Request) -> Response:
    """What the program did between its calls."""
    record = record_of(site, request)
    room = Room()
    found = [(step, room.fold(laid_out(step.data)) if step.data else None) for step in record.steps]
    return site.page("steps", **head(site, record, "steps"), steps=found)


def copy(site: Site, request: Request) -> Response:
    """The request as a command, as a program, as JSON."""
    record = record_of(site, request)
    attempt = last_request(record)
    body = "" if attempt is None else site.links.body(record, attempt.number, "request")
    guarded = "authorization" in request.headers or COOKIE in request.cookies
    exact = Bytes(f"{str(request.base_url).rstrip('/')}{body}", guarded)
    return site.page("copy", **head(site, record, "copy"), copies=copies(record, exact), attempt=attempt)


def message(site: Site, request: Request) -> Response:
    """One message of the window whole, however long, some pages of it if need be."""
    return _message(site, request, "messages")


def answer(site: Site, request: Request) -> Response:
    """One message of the answer, the same way."""
    return _message(site, request, "answer")


def _message(site: Site, request: Request, where: Where) -> Response:
    record = record_of(site, request)
    index = request.path_params["index"]
    messages = record.messages if where == "messages" else record.output
    if index >= len(messages):
        fault = f"the call {record.ref} has no message {index} there; it has {len(messages)}, counted from 0"
        raise NotFound(fault)
    text = text_of(messages[index])
    start = _start(request, len(text))
    end = min(len(text), start + _SLICE)
    return site.page(
        "message",
        **head(site, record, "window"),
        where=where,
        index=index,
        message=messages[index],
        tone=tone(messages[index].role),
        text=shown(text[start:end]),
        start=start,
        end=end,
        length=len(text),
        before=None if start == 0 else site.links.message(record, where, index, max(0, start - _SLICE)),
        after=None if end == len(text) else site.links.message(record, where, index, end),
    )


def record_of(site: Site, request: Request) -> Record:
    """The record that the address names."""
    return site.reader().fetch("/".join((request.path_params["trace_id"], request.path_params["span_id"])))


def head(site: Site, record: Record, tab: Tab) -> dict[str, Any]:
    """What the head of each of a call's pages needs."""
    reader = site.reader()
    calls = reader.calls_of_trace(record.trace_id)
    return {
        "record": record,
        "tab": tab,
        "troubles": list(troubles(record)),
        "neighbours": neighbours(record, calls),
        "jaeger": site.links.jaeger(record),
        "notes": reader.notes,
    }


def _start(request: Request, length: int) -> int:
    """From which character on a message is asked for; 0 for what is no place in it."""
    asked = request.query_params.get("from", "")
    start = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) <= _MOST_DIGITS else 0
    return start if start < length else 0
