"""The JSON API: spans, traces, workflows and search.

Invariant: a record is `Record.to_dict`, exactly; every answer without payloads is bounded.
"""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from spanglass.errors import NotFound, StoreMissing
from spanglass.server.answer import JsonAnswer
from spanglass.server.openapi import describe
from spanglass.server.search import parse_search

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from spanglass.model.record import Summary
    from spanglass.read.reader import Reader


class Api:
    """The endpoints.

    Args:
        reader: gives the reader of the calling thread.
    """

    def __init__(self, reader: Callable[[], Reader]) -> None:
        self._reader = reader

    def routes(self) -> list[Route]:
        """What is served under ``/api``."""
        return [
            Route("/api/spans/{ref:path}", self.span),
            Route("/api/traces/{trace_id}", self.trace),
            Route("/api/workflows/{workflow_id:path}/steps/{step_name:path}", self.step),
            Route("/api/workflows/{workflow_id:path}", self.workflow),
            Route("/api/search", self.search),
            Route("/api/openapi.json", self.description),
        ]

    def span(self, request: Request) -> Response:
        """The record of one call."""
        return JsonAnswer(self._reader().fetch(request.path_params["ref"]).to_dict())

    def trace(self, request: Request) -> Response:
        """The calls of a trace, in the order in which they began."""
        reader = self._reader()
        calls = reader.calls_of_trace(request.path_params["trace_id"])
        return JsonAnswer({"trace_id": calls[0].trace_id, **_listed(calls)})

    def workflow(self, request: Request) -> Response:
        """The calls of a workflow, in the order in which they began."""
        workflow_id = request.path_params["workflow_id"]
        calls = self._reader().find(workflow_id=workflow_id, limit=_MOST_CALLS)
        if not calls:
            message = f"no call was recorded in workflow {workflow_id!r}"
            raise NotFound(message)
        calls.sort(key=lambda call: (call.started_at, call.span_id))
        return JsonAnswer({"workflow_id": workflow_id, **_listed(calls)})

    def step(self, request: Request) -> Response:
        """The record of the most recent call of one step of a workflow."""
        path = request.path_params
        return JsonAnswer(self._reader().log_for_step(path["workflow_id"], path["step_name"]).to_dict())

    def search(self, request: Request) -> Response:
        """The calls that answer to a query, newest first; none where nothing was recorded yet."""
        criteria, limit = parse_search(request.query_params)
        calls: list[Summary] = []
        with suppress(StoreMissing):
            calls = self._reader().find(**criteria, limit=limit + 1)
        return JsonAnswer({**_listed(calls[:limit]), "more": len(calls) > limit})

    def description(self, _: Request) -> Response:
        """What there is, in OpenAPI."""
        return JsonAnswer(describe(version("spanglass")))


_MOST_CALLS = 10_000


def _listed(calls: list[Summary]) -> dict[str, Any]:
    return {"calls": [call.to_dict() for call in calls]}
