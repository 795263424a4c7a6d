"""The pages of several calls: a trace as a tree beside its time, a workflow by its steps.

Invariant: the start of an id leads to the page of the whole id, so an address keeps its meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from spanglass.errors import NotFound
from spanglass.server.viewer.calls import rows, sums

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from spanglass.server.viewer.page import Site

#: The most calls of a workflow that one page shows, the newest of them.
_MOST = 2000


def trace(site: Site, request: Request) -> Response:
    """The calls of a trace."""
    reader = site.reader()
    asked = request.path_params["trace_id"]
    calls = reader.calls_of_trace(asked)
    if not calls:
        message = f"no call in {reader.settings.store} belongs to the trace {asked}"
        raise NotFound(message)
    trace_id = calls[0].trace_id
    if trace_id != asked:
        return RedirectResponse(site.links.trace(trace_id), 307)
    return site.page(
        "trace",
        notes=reader.notes,
        trace_id=trace_id,
        rows=rows(calls),
        sums=sums(calls),
        jaeger=site.links.jaeger_trace(trace_id),
    )


def workflow(site: Site, request: Request) -> Response:
    """The calls of a workflow, in the order in which they began."""
    reader = site.reader()
    workflow_id = request.path_params["workflow_id"]
    found = reader.find(workflow_id=workflow_id, limit=_MOST + 1)
    if not found:
        message = f"no call in {reader.settings.store} belongs to the workflow {workflow_id!r}"
        raise NotFound(message)
    calls = sorted(found[:_MOST], key=lambda call: (call.started_at, call.span_id))
    return site.page(
        "workflow",
        notes=reader.notes,
        workflow_id=workflow_id,
        calls=calls,
        sums=sums(calls),
        cut=len(found) > _MOST,
        most=_MOST,
    )
