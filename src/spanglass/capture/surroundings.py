"""What a call tells the place that it is made in, and what it takes from there: its reference, the upstream context.

Invariant: an upstream context is encoded and masked once for each place that it was handed to, however many calls are
made there, and it is recorded as it was at the first of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from spanglass.guard import Boundary
from spanglass.model.entry import UpstreamEntry
from spanglass.wire.wording import to_json

if TYPE_CHECKING:
    from spanglass.capture.session import Session
    from spanglass.export.recorder import Masked
    from spanglass.place import Handed, Place
    from spanglass.span.attributes import Attributes
    from spanglass.span.callspan import CallSpan

_TRY = Boundary("surroundings.try")
_WITNESS = Boundary("surroundings.witness")
_CLAIM = Boundary("surroundings.claim")
_UPSTREAM = Boundary("surroundings.upstream")
#: Requests that a program makes besides asking its model: none of them is the call that somebody waits for.
_ASIDES = frozenset({"embeddings", "count_tokens"})


def call_begun(place: Place, span: CallSpan, operation: str) -> None:
    """Tells whoever listens at the place which call has begun, and its span which try of a generation it is."""
    if place.correction is not None:
        with _TRY:
            tried: Attributes = {"spanglass.correction": place.correction, "spanglass.restart": place.restart or 0}
            span.span.set_attributes(cast("dict[str, Any]", tried))
    if place.witness is not None and operation not in _ASIDES:
        with _WITNESS:
            place.witness(span.ref)


def taken_over(place: Place, operation: str) -> CallSpan | None:
    """The span of the call, begun by hand, that turns out to be made over a wire here; None if there is none."""
    if place.claim is None or operation in _ASIDES:
        return None
    with _CLAIM:
        return cast("CallSpan | None", place.claim())
    return None


def upstream_entries(session: Session, place: Place, span: CallSpan) -> tuple[UpstreamEntry, ...]:
    """What was handed to the place, to be recorded with the call; nothing if nothing was."""
    handed = place.handed()
    if handed is None:
        return ()
    with _UPSTREAM:
        masked = _masked(session, handed)
        return (UpstreamEntry(span.trace_id, span.span_id, masked.redactions, list(masked.missing), masked.body),)
    return ()


def _masked(session: Session, handed: Handed) -> Masked:
    kept = handed.kept
    if kept is None or kept[0] is not session.recorder:  # another installation has other rules
        masked = session.recorder.mask(to_json(handed.value), "application/json", "upstream_context")
        kept = handed.kept = (session.recorder, masked)
    return cast("Masked", kept[1])
