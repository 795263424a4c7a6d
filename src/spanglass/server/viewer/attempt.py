"""The attempts of a call as a page shows them: when each ran, what went over the wire, and the waits between.

Invariant: a body is shown as its exact text or said to be laid out; its exact bytes are one link away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from spanglass.read.attempts import delay_headers, status, waited
from spanglass.read.figures import duration, size
from spanglass.server.viewer.bar import Bar, between
from spanglass.server.viewer.text import LAID_OUT, Folded, Room, tidy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanglass.model.record import Attempt, ErrorInfo, Record
    from spanglass.server.viewer.link import Links

_FIRST_FAILURE = 400
#: Bodies up to so many bytes are not folded.
_BRIEF = 1500


class BodyView(NamedTuple):
    """A body: ``pretty`` only where laying it out changes it, ``exact`` only if it is text."""

    which: str
    size: str
    href: str
    exact: Folded | None
    pretty: Folded | None
    absent: bool = False
    brief: bool = False


class Exchange(NamedTuple):
    """One half of an attempt: its headers and its body."""

    headers: tuple[tuple[str, str], ...]
    body: BodyView


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt; ``wait`` and ``took`` are its bars on the line of the whole call."""

    number: int
    method: str
    url: str
    status: str
    failed: bool
    complete: bool
    ended: bool
    waited: str
    why: str
    took: str
    first_byte: str
    error: ErrorInfo | None
    wait_bar: Bar | None
    took_bar: Bar
    first_byte_bar: Bar | None
    request: Exchange
    response: Exchange


def attempt_views(record: Record, links: Links) -> list[AttemptView]:
    """All attempts of a record, in order."""
    return list(_views(record, links))


def _views(record: Record, links: Links) -> Iterator[AttemptView]:
    room = Room()
    first, last = _span(record)
    previous: Attempt | None = None
    for attempt in record.attempts:
        yield _view(record, attempt, previous, links, room, (first, last))
        previous = attempt


def _span(record: Record) -> tuple[int, int]:
    """From the first attempt's start to the last known moment."""
    moments = [attempt.started_at for attempt in record.attempts]
    moments += [attempt.ended_at for attempt in record.attempts if attempt.ended_at is not None]
    return min(moments, default=0), max(moments, default=1)


def _view(
    record: Record, attempt: Attempt, previous: Attempt | None, links: Links, room: Room, line: tuple[int, int]
) -> AttemptView:
    wait = waited(attempt, previous)
    end = line[1] if attempt.ended_at is None else attempt.ended_at
    first_byte = None if attempt.first_byte_ns is None else attempt.started_at + attempt.first_byte_ns
    return AttemptView(
        number=attempt.number,
        method=attempt.method,
        url=attempt.url,
        status=status(attempt)[0],
        failed=attempt.status is None or attempt.status >= _FIRST_FAILURE,
        complete=attempt.complete,
        ended=attempt.ended_at is not None,
        waited=duration(wait),
        why=", ".join(delay_headers(previous)) if previous else "",
        took=duration(None if attempt.ended_at is None else attempt.ended_at - attempt.started_at),
        first_byte=duration(attempt.first_byte_ns),
        error=attempt.error,
        wait_bar=None if not wait else between(attempt.started_at - wait, attempt.started_at, *line),
        took_bar=between(attempt.started_at, end, *line),
        first_byte_bar=None if first_byte is None else between(first_byte, first_byte, *line),
        request=Exchange(
            tuple(attempt.request_headers.items()), _body(record, attempt, "request", attempt.request_body, links, room)
        ),
        response=Exchange(
            tuple(attempt.response_headers.items()),
            _body(record, attempt, "response", attempt.response_body, links, room),
        ),
    )


def _body(record: Record, attempt: Attempt, which: str, body: bytes | None, links: Links, room: Room) -> BodyView:
    href = links.body(record, attempt.number, which)
    if body is None:
        return BodyView(which, size(None), href, None, None, absent=True)
    text = as_text(body)
    pretty = tidy(text) if text is not None and len(text) <= LAID_OUT else text
    return BodyView(
        which,
        size(len(body)),
        href,
        None if text is None else room.fold(text),
        None if pretty is None or pretty == text else room.fold(pretty),
        brief=len(body) <= _BRIEF,
    )


def as_text(body: bytes) -> str | None:
    """The body's text, or None where it is no UTF-8."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return None
