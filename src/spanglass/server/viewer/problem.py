"""Pages for what could not be shown: a reference that leads nowhere or to several, a store that cannot be read.

Invariant: such a page says what to do next. A span that is no request to a model itself
leads to the calls of its trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from spanglass.errors import (
    Ambiguous,
    ConfigurationError,
    NotFound,
    SpanglassError,
    StoreBusy,
    StoreError,
    StoreMissing,
)
from spanglass.server.fault import RETRY_AFTER_S

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from spanglass.model.record import Summary
    from spanglass.server.viewer.page import Site

_RETRY = {"retry-after": str(RETRY_AFTER_S)}
_SHOWN = 50


class Saying(NamedTuple):
    """A page's status and title."""

    status: int
    title: str


def problem(site: Site, request: Request, fault: SpanglassError) -> Response:
    """The page for a fault."""
    saying = _saying(fault)
    reader = site.reader()
    trace_id = request.path_params.get("trace_id", "")
    span_id = str(request.path_params.get("span_id") or request.path_params.get("ref", ""))
    near = _near(site, trace_id) if isinstance(fault, NotFound) and not isinstance(fault, Ambiguous) else []
    response = site.page(
        "problem",
        saying.status,
        title=saying.title,
        text=str(fault),
        kind=type(fault).__name__,
        candidates=_candidates(fault),
        calls=near[:_SHOWN],
        below=[call for call in near if call.parent_span_id == span_id.lower()],
        trace_id=near[0].trace_id if near else "",
        jaeger=site.links.jaeger_trace(near[0].trace_id) if near else None,
        store=reader.settings.store,
    )
    if saying.status == 503:  # noqa: PLR2004 - HTTP's own number
        response.headers.update(_RETRY)
    return response


def _saying(fault: SpanglassError) -> Saying:
    sayings: tuple[tuple[type[SpanglassError], Saying], ...] = (
        (Ambiguous, Saying(300, "Several calls answer to this")),
        (NotFound, Saying(404, "No call answers to this")),
        (StoreMissing, Saying(404, "Nothing is recorded yet")),
        (ConfigurationError, Saying(400, "This is no reference to a call")),
        (StoreBusy, Saying(503, "The store is busy")),
        (StoreError, Saying(500, "The store cannot be read")),
    )
    return next((saying for kind, saying in sayings if isinstance(fault, kind)), Saying(500, "This could not be read"))


def _near(site: Site, trace_id: str) -> list[Summary]:
    """The calls of the trace that was asked for, if it has any."""
    if not trace_id:
        return []
    try:
        return site.reader().calls_of_trace(trace_id)
    except SpanglassError:  # the page says already what was wrong with the reference itself
        return []


def _candidates(fault: SpanglassError) -> list[tuple[str, str]]:
    """The references of an ambiguous one, each as trace id and span id; the span's is empty for a trace."""
    found = fault.candidates if isinstance(fault, Ambiguous) else ()
    return [(trace, span) for trace, _, span in (candidate.partition("/") for candidate in found)]
