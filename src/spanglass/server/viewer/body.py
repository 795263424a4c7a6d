"""The exact bytes of a request or a response, as they are in the record.

Invariant: they come as text that no browser takes for anything else, or, if they are no text, as a file to save.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from spanglass.errors import NotFound
from spanglass.server.viewer.attempt import as_text

if TYPE_CHECKING:
    from starlette.requests import Request

    from spanglass.server.viewer.page import Site

_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}


def request_body(site: Site, request: Request) -> Response:
    """What was sent in one attempt."""
    return _body(site, request, "request")


def response_body(site: Site, request: Request) -> Response:
    """What one attempt received."""
    return _body(site, request, "response")


def _body(site: Site, request: Request, which: str) -> Response:
    path = request.path_params
    record = site.reader().fetch("/".join((path["trace_id"], path["span_id"])))
    attempt = next((attempt for attempt in record.attempts if attempt.number == path["number"]), None)
    if attempt is None:
        numbers = ", ".join(str(attempt.number) for attempt in record.attempts) or "none"
        message = f"the call {record.ref} has no attempt {path['number']}; its attempts: {numbers}"
        raise NotFound(message)
    content = attempt.request_body if which == "request" else attempt.response_body
    if content is None:
        message = f"the {which} of attempt {attempt.number} has no body in the record {record.ref}"
        raise NotFound(message)
    if as_text(content) is not None:
        return Response(content, headers={**_HEADERS, "content-type": "text/plain; charset=utf-8"})
    disposition = {"content-disposition": f'attachment; filename="{record.span_id}-{attempt.number}-{which}.bin"'}
    return Response(content, headers={**_HEADERS, **disposition, "content-type": "application/octet-stream"})
