"""How entries make a record: pure functions, so that every store merges alike.

Of two versions of one part of a span the better one is kept, by a total order (`spanglass.store.part`); the record is a
function of the parts. So the merge is associative, commutative and idempotent, and a store needs to keep nothing else.

Invariant: any order and any repetition of a span's entries, in any number of batches, gives the same record.
"""

from __future__ import annotations

import json
from dataclasses import fields
from dataclasses import replace as replace_fields
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec

from spanglass.model.entry import (
    AttemptEntry,
    CallFacts,
    EnvelopeEntry,
    OutcomeEntry,
    RequestEntry,
    StepEntry,
    UpstreamEntry,
)
from spanglass.model.record import Attempt, Record, Summary
from spanglass.store.part import ENVELOPE, OUTCOME, UPSTREAM, Key, describe, rank_outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from spanglass.model.entry import AnswerFacts
    from spanglass.model.record import ErrorInfo, State
    from spanglass.model.step import Step
    from spanglass.store.part import Load, Parts


class _End(NamedTuple):
    state: State
    ended_at: int
    error: ErrorInfo | None


_SUMMARY_FIELDS = tuple(item.name for item in fields(Summary))
_UNSAID = (None, "", "opaque")


def summarize(trace_id: str, span_id: str, parts: Parts, load: Load, *, owner_gone: bool) -> Summary:
    """The line about a span. ``owner_gone``: the process behind `owner_of` its parts is known to be gone."""
    facts = _facts(parts)
    head = _told_head(facts, parts) if facts else _envelope_head(parts, load)
    head.update(_end_head(parts))
    if facts and head.get("state", "started") == "started":
        head["state"] = "killed" if owner_gone else "started"
    numbers = {key.number for key in parts if key.kind in ("request", "attempt")}
    return Summary(
        trace_id=trace_id,
        span_id=span_id,
        attempt_count=len(numbers),
        redactions=sum(getattr(part.entry, "redactions", 0) for key, part in parts.items() if _counts(key, facts)),
        missing=tuple(dict.fromkeys(_missing(parts))),
        **head,
    )


def _counts(key: Key, facts: CallFacts | None) -> bool:
    """Whether what was masked in a part was masked in the record: of a call that we saw the envelope shows nothing."""
    return key.kind != "envelope" or facts is None


def owner_of(parts: Parts) -> str:
    """The journal that saw the call begin, or ``""`` while none has said so."""
    facts = _facts(parts)
    return facts.owner if facts else ""


def _facts(parts: Parts) -> CallFacts | None:
    """What is known of the call: for each fact what the outcome says, or else the first attempt that says anything."""
    ordered = sorted((key.kind != "outcome", key.number, key) for key in parts if key.kind in ("outcome", "request"))
    told = [cast("RequestEntry | OutcomeEntry", parts[key].entry).call for _, _, key in ordered]
    if not told:
        return None
    if all([facts == told[0] for facts in told]):  # noqa: C419 - nearly always, and it takes a tenth of the time
        return told[0]
    return CallFacts(**{name: _first_said(told, name) for name in CallFacts.__struct_fields__})


def _first_said(told: list[CallFacts], name: str) -> Any:
    values = [getattr(facts, name) for facts in told]
    return next((value for value in values if value not in _UNSAID), values[0])


def _told_head(facts: CallFacts, parts: Parts) -> dict[str, Any]:
    """A call that we saw. An envelope adds only what it alone knows."""
    head: dict[str, Any] = {name: getattr(facts, name) for name in CallFacts.__struct_fields__ if name != "owner"}
    envelope = parts[ENVELOPE].entry if ENVELOPE in parts else None
    if isinstance(envelope, EnvelopeEntry):
        for name in ("name", "service", "parent_span_id"):
            head[name] = head[name] or getattr(envelope, name)
    return head


def _end_head(parts: Parts) -> dict[str, Any]:
    """How the call ended, and what its answer says of itself; nothing while it has not ended."""
    end = _end(parts)
    if end is None:
        return {}
    head: dict[str, Any] = {"state": end.state, "error": end.error}
    if end.state != "started":  # an operation says that it has begun; there is no end yet
        head["ended_at"] = end.ended_at
    answer = _last_answer(parts)
    if answer is not None:
        for name in ("response_model", "response_id", "usage"):
            head[name] = getattr(answer, name)
        head["finish_reasons"] = tuple(answer.finish_reasons)
    return head


def _end(parts: Parts) -> _End | None:
    """How the call ended: as its outcome says, or well and with the answer that says so."""
    outcome = parts[OUTCOME].entry if OUTCOME in parts else None
    ends = [_End(outcome.state, outcome.ended_at, outcome.error)] if isinstance(outcome, OutcomeEntry) else []
    answers = (part.entry for key, part in parts.items() if key.kind == "attempt")
    ends += [_End("done", at, None) for at in (cast("AttemptEntry", entry).call_ended_at for entry in answers) if at]
    return max(ends, key=lambda end: rank_outcome(end.state, end.ended_at), default=None)


def _last_answer(parts: Parts) -> AnswerFacts | None:
    """What the answer of the last attempt that had one says of itself."""
    ordered = sorted((key for key in parts if key.kind == "attempt"), reverse=True)
    answers = (cast("AttemptEntry", parts[key].entry).answer for key in ordered)
    return next((answer for answer in answers if answer is not None), None)


def _envelope_head(parts: Parts, load: Load) -> dict[str, Any]:
    """A span of which no call of ours is known: its envelope, or no more than when something was first heard of it."""
    envelopes = [cast("EnvelopeEntry", parts[key].entry) for key in _envelopes(parts)]
    if not envelopes:
        return {"started_at": min(_times(parts), default=0)}
    from spanglass.dialect.read import read_facts  # here, because most records have no envelope

    head = read_facts(envelope_body(parts, load))
    for name in ("parent_span_id", "name", "service", "started_at", "ended_at"):
        said = [getattr(envelope, name) for envelope in envelopes]
        head[name] = next(filter(None, said), said[0])
    if not any(map(_is_of_span, envelopes)):
        head["name"] = " ".join(filter(None, (head["operation"], head["request_model"])))
        head["started_at"] = min(envelope.started_at for envelope in envelopes)
        head["ended_at"] = max(envelope.ended_at for envelope in envelopes)
    return head


def _is_of_span(envelope: EnvelopeEntry) -> bool:
    """Whether it knows the span itself, as a log event does not."""
    return envelope.number == 0 or envelope.name != ""


def _envelopes(parts: Parts) -> list[Key]:
    """What was exported of the span, the span itself first."""
    return sorted(key for key in parts if key.kind == "envelope")


def envelope_body(parts: Parts, load: Load) -> bytes | None:
    """Everything that was exported of the span as one envelope: its own, its log events', its previews."""
    keys = [key for key in _envelopes(parts) if parts[key].digest is not None]
    bodies = [body for key in keys if (body := load(key)) is not None]
    if len(bodies) < 2:  # noqa: PLR2004 - nothing to join
        return bodies[0] if bodies else None
    from spanglass.dialect.envelope import join

    return join(bodies)


def _times(parts: Parts) -> Iterator[int]:
    for part in parts.values():
        if isinstance(part.entry, StepEntry):
            yield part.entry.step.timestamp
        elif isinstance(part.entry, AttemptEntry):
            yield part.entry.ended_at


def _missing(parts: Parts) -> Iterator[str]:
    """What the parts say is missing: attempt by attempt, then the call, then what was handed to it.

    Of a span that is no call of ours, what its envelope misses.
    """
    if not any(key.kind in ("request", "outcome") for key in parts):
        envelopes = [cast("EnvelopeEntry", parts[key].entry) for key in _envelopes(parts)]
        if envelopes and not any(map(_is_of_span, envelopes)):
            yield "span: only log events of it have arrived, so its name, parent and times are not known"
        for envelope in envelopes:
            yield from envelope.missing
    for kinds in (("request", "attempt"), ("outcome",), ("upstream",)):
        ordered = sorted((key.number, key.kind != "request", key) for key in parts if key.kind in kinds)
        for number, answers, key in ordered:
            if answers and key.kind == "attempt" and Key("request", number) not in parts:
                yield f"attempts[{number - 1}].request: no entry about it has arrived"
            yield from cast("RequestEntry | AttemptEntry | OutcomeEntry | UpstreamEntry", parts[key].entry).missing


def make_record(summary: Summary, parts: Parts, load: Load, lost: Iterable[Key] = ()) -> Record:
    """The record of a span, its bodies included.

    A body that is damaged is None, and what a ``lost`` part said is not there; ``missing`` says which.
    """
    damage = [_damaged(f"entry about the {describe(key)}") for key in lost]

    def body(key: Key) -> bytes | None:
        if key not in parts or parts[key].digest is None:
            return None
        data = load(key)
        if data is None:
            damage.append(_damaged(describe(key)))
        return data

    numbers = sorted({key.number for key in parts if key.kind in ("request", "attempt")})
    attempts = tuple(_attempt(number, parts, body) for number in numbers)
    steps = tuple(_step(key, parts, body) for key in sorted(key for key in parts if key.kind == "step"))
    upstream = _json(body(UPSTREAM))
    head: dict[str, Any] = {name: getattr(summary, name) for name in _SUMMARY_FIELDS}
    head["missing"] = (*summary.missing, *damage)
    return Record(**head, attempts=attempts, steps=steps, upstream_context=upstream)


def _damaged(what: str) -> str:
    return f"the {what} is damaged in the store; 'spanglass verify' tells more"


def _attempt(number: int, parts: Parts, body: Load) -> Attempt:
    asked, answered = Key("request", number), Key("attempt", number)
    request = cast("RequestEntry | None", parts[asked].entry if asked in parts else None)
    answer = cast("AttemptEntry | None", parts[answered].entry if answered in parts else None)
    attempt = Attempt(
        number=number,
        method=request.method if request else "",
        url=request.url if request else "",
        started_at=request.started_at if request else (answer.ended_at if answer else 0),
        request_headers=_join_headers(request.headers) if request else {},
        request_body=body(asked),
    )
    if answer is None:
        return attempt
    return replace_fields(
        attempt,
        status=answer.status,
        response_headers=_join_headers(answer.headers),
        response_body=body(answered),
        first_byte_ns=answer.first_byte_ns,
        ended_at=answer.ended_at,
        complete=answer.complete,
        error=answer.error,
    )


def _join_headers(headers: list[tuple[str, str]]) -> dict[str, str]:
    """Headers by name, as first spelled; a repeated name keeps all its values."""
    values: dict[str, tuple[str, list[str]]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), (name, []))[1].append(value)
    return {name: ", ".join(several) for name, several in values.values()}


def _step(key: Key, parts: Parts, body: Load) -> Step:
    step = cast("StepEntry", parts[key].entry).step
    data = _json(body(key))
    return replace_fields(step, data={**step.data, **data}) if isinstance(data, dict) else step


def _json(body: bytes | None) -> Any:
    """A body that is a JSON value; what is none is given as its text, rather than not at all."""
    if body is None:
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        return json.loads(body)  # takes NaN and the like, which Python writes
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")
