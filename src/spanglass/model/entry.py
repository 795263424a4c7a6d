"""What the write arm says of a span, one entry at a time; the journal carries entries and a store merges them.

Invariant: entries of a span may arrive in any order and more than once, and the record is the same. So each entry says
what it knows whole (an attempt's answer, an outcome), never a difference to an earlier one. Bodies are masked before an
entry is made.

Entries are structs and not dataclasses: made while the host waits, several to a call, they cost a tenth of the time.
Nothing in those of a call can lead back to them, so the garbage collector need not look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeAlias

import msgspec
from msgspec import field

from spanglass.model.record import ErrorInfo, State, Usage
from spanglass.model.step import Step  # noqa: TC001 - the journal's codec resolves annotations at run time

if TYPE_CHECKING:
    from collections.abc import Mapping


class CallFacts(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What is known of a call when it begins; travels in every `RequestEntry` and `OutcomeEntry`.

    ``owner`` is the journal that saw the call begin: when its process is gone, a call still ``started`` was killed.
    Times are ns since the epoch.
    """

    name: str
    started_at: int
    owner: str
    parent_span_id: str | None = None
    service: str = ""
    workflow_id: str | None = None
    step_name: str | None = None
    step_attempt: int | None = None
    format: str = "opaque"
    provider: str | None = None
    operation: str | None = None
    request_model: str | None = None


class RequestEntry(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An attempt is about to leave the process. ``body`` is the request's body.

    A body that the host sends from a generator is not at hand yet: the entry then says None, and comes again with it.
    """

    kind: ClassVar[str] = "request"
    trace_id: str
    span_id: str
    call: CallFacts
    number: int
    method: str
    url: str
    started_at: int
    headers: list[tuple[str, str]] = []
    redactions: int = 0
    missing: list[str] = []
    body: bytes | None = None


class AnswerFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an answer says of itself, as its wire format reads: ids, counts and reasons, none of its messages."""

    response_model: str | None = None
    response_id: str | None = None
    finish_reasons: list[str] = []
    usage: Usage = field(default_factory=Usage)


class AttemptEntry(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An attempt has ended. ``body`` is the response's body, content-encoding undone.

    ``answer`` is read from the body by whoever takes the entry out of the journal (`spanglass.wire.facts`), because
    reading it would be a good part of what capturing a call costs; None until then.

    ``call_ended_at`` is for what nearly every call does: it ended well with this answer, and then. There is no
    `OutcomeEntry` beside it.
    """

    kind: ClassVar[str] = "attempt"
    trace_id: str
    span_id: str
    number: int
    status: int | None
    ended_at: int
    complete: bool
    headers: list[tuple[str, str]] = []
    first_byte_ns: int | None = None
    error: ErrorInfo | None = None
    redactions: int = 0
    missing: list[str] = []
    format: str = "opaque"
    answer: AnswerFacts | None = None
    call_ended_at: int | None = None
    body: bytes | None = None


class OutcomeEntry(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A call has ended."""

    kind: ClassVar[str] = "outcome"
    trace_id: str
    span_id: str
    call: CallFacts
    state: State
    ended_at: int
    error: ErrorInfo | None = None
    redactions: int = 0
    missing: list[str] = []


class EnvelopeEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A gen_ai span of another instrumentation as it was exported. ``body``: JSON of its attributes, events, status.

    For a span without a call of ours it is all there is, and makes the record. ``number`` is 0 for the span itself; its
    log events, which do not know its name, and what else is told of it apart have numbers of their own. ``missing``
    holds while no call is known.
    """

    kind: ClassVar[str] = "envelope"
    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    service: str
    scope: str
    started_at: int
    ended_at: int
    body: bytes | None = None
    number: int = 0
    redactions: int = 0
    missing: list[str] = field(default_factory=list)


class UpstreamEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the steps before handed to this call. ``body`` is a JSON value."""

    kind: ClassVar[str] = "upstream"
    trace_id: str
    span_id: str
    redactions: int = 0
    missing: list[str] = []
    body: bytes | None = None


class StepEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a step-by-step trace. ``index`` orders the steps of a span; a repeated index is the same step."""

    kind: ClassVar[str] = "step"
    trace_id: str
    span_id: str
    index: int
    step: Step
    redactions: int = 0
    body: bytes | None = None


class ExitEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """The process behind the journal ``owner`` is gone: what it left ``started`` was killed. Belongs to no span."""

    kind: ClassVar[str] = "exit"
    owner: str
    trace_id: str = ""
    span_id: str = ""
    body: bytes | None = None


Entry: TypeAlias = "RequestEntry | AttemptEntry | OutcomeEntry | EnvelopeEntry | UpstreamEntry | StepEntry | ExitEntry"

ENTRY_TYPES: Mapping[str, type[Entry]] = {
    cls.kind: cls
    for cls in (RequestEntry, AttemptEntry, OutcomeEntry, EnvelopeEntry, UpstreamEntry, StepEntry, ExitEntry)
}
