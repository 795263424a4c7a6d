"""The pages that set a call beside others: what it was handed, and what changed since another.

Invariant: without being told which other call is meant, the one before it is taken: of its workflow, else of its trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanglass.errors import SpanglassError
from spanglass.server.viewer.call import head, record_of
from spanglass.server.viewer.calls import is_request
from spanglass.server.viewer.difference import diff_view
from spanglass.server.viewer.text import Room, laid_out
from spanglass.server.viewer.upstream import MEANINGS, upstream_view

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from spanglass.model.record import Record, Summary
    from spanglass.server.viewer.page import Site

#: How many calls before this one are offered, and how many are looked through for a sentence.
_OFFERED, _LOOKED_THROUGH = 12, 50
#: Among so many spans before this one they are sought: agents and tools have spans too.
_LOOKED_AT = 500


def upstream(site: Site, request: Request) -> Response:
    """What the steps before handed over, what of it reached the prompt, and where a sentence came from."""
    record = record_of(site, request)
    sentence = request.query_params.get("sentence", "").strip()
    context = head(site, record, "upstream")
    earlier = _before(site, record, _LOOKED_THROUGH) if sentence else []
    return site.page(
        "upstream",
        **context,
        upstream=upstream_view(record, sentence, [site.reader().fetch(call.ref) for call in earlier]),
        handed=None if record.upstream_context is None else Room().fold(laid_out(record.upstream_context)),
        meanings=MEANINGS,
        sentence=sentence,
        looked_through=len(earlier),
    )


def diff(site: Site, request: Request) -> Response:
    """What changed from another call's window to this one's."""
    record = record_of(site, request)
    asked = request.query_params.get("with", "").strip()
    context = head(site, record, "diff")
    offered = _before(site, record, _OFFERED)
    other, fault = _other(site, asked, offered)
    return site.page(
        "diff",
        **context,
        asked=asked,
        fault=fault,
        offered=offered,
        other=other,
        diff=None if other is None else diff_view(other, record),
    )


def _other(site: Site, asked: str, offered: list[Summary]) -> tuple[Record | None, str]:
    """The call to compare with, or what is wrong with the one that was asked for."""
    if not asked:
        return (site.reader().fetch(offered[0].ref), "") if offered else (None, "")
    try:
        return site.reader().fetch(asked), ""
    except SpanglassError as fault:
        return None, str(fault)


def _before(site: Site, record: Record, limit: int) -> list[Summary]:
    """The calls before this one, the nearest first: those of its workflow, then those of its trace."""
    reader = site.reader()
    criteria = [{"workflow_id": record.workflow_id}] if record.workflow_id else []
    criteria.append({"trace_id": record.trace_id})
    found: dict[str, Summary] = {}
    for wanted in criteria:
        for call in reader.find(**wanted, until=record.started_at + 1, limit=_LOOKED_AT):
            if call.ref != record.ref and is_request(call):
                found.setdefault(call.ref, call)
    return list(found.values())[:limit]
