"""What a call tells the place that it is made in, and what it takes from there: its reference, the upstream context.

Invariant: an upstream context is encoded and masked once for each place that it was handed to, however many calls are
made there, and it is recorded as it was at the first of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanglass.guard import Boundary
from spanglass.model.entry import UpstreamEntry
from spanglass.span.sink import set_attributes
from spanglass.wire.wording import to_json

if TYPE_CHECKING:
    from spanglass.capture.session import Session
    from spanglass.export.recorder import Masked
    from spanglass.place import Handed, Place
    from spanglass.span.callspan import CallSpan

_TRY = Boundary("surroundings.try")
_WITNESS = Boundary("surroundings.witness")
_UPSTREAM = Boundary("surroundings.upstream")


def call_begun(place: Place, span: CallSpan) -> None:
    """Tells whoever listens at the place which call has begun, and its span which try of a generation it is."""
    if place.correction is not None:
        with _TRY:
            set_attributes(
                span.span, {"spanglass.correction": place.correction, "spanglass.restart": place.restart or 0}
            )
    if place.witness is not None:
        with _WITNESS:
            place.witness(span.ref)


def record_upstream(session: Session, place: Place, span: CallSpan) -> None:
    """Records what was handed to the place, if anything was, with the call."""
    handed = place.handed()
    if handed is None:
        return
    with _UPSTREAM:
        masked = _masked(session, handed)
        session.recorder.append(UpstreamEntry(span.trace_id, span.span_id, masked.redactions, masked.body))


def _masked(session: Session, handed: Handed) -> Masked:
    kept = handed.kept
    if kept is None or kept[0] is not session.recorder:  # another installation has other rules
        masked = session.recorder.mask(to_json(handed.value), "application/json", "upstream_context")
        kept = handed.kept = (session.recorder, masked)
    body: Masked = kept[1]
    return body
