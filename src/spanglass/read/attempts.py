"""The attempts of a call: a line each, or one with everything that went over the wire.

Invariant: every attempt has its line, in the order of their numbers, with the wait before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanglass.read.figures import duration, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.model.record import Attempt
    from spanglass.read.render import Page
    from spanglass.read.terminal import Span, Terminal

_FIRST_FAILURE = 400
_DELAY_HEADERS = ("retry-after", "retry-after-ms")


def render_attempts(terminal: Terminal, attempts: Sequence[Attempt]) -> None:
    """Writes a table: number, status, wait before it, duration, first byte, bytes sent and received, what was wrong."""
    from spanglass.read.terminal import Column

    columns = [
        Column("#", right=True),
        Column("status"),
        Column("waited", 3, right=True),
        Column("took", right=True),
        Column("first byte", 4, right=True),
        Column("sent", 1, right=True),
        Column("received", 1, right=True),
        Column("", 2),
    ]
    rows: list[list[Span]] = []
    previous: Attempt | None = None
    for attempt in attempts:
        rows.append(_row(attempt, previous))
        previous = attempt
    terminal.table(columns, rows, indent=4)


def _row(attempt: Attempt, previous: Attempt | None) -> list[Span]:
    return [
        str(attempt.number),
        status(attempt),
        duration(waited(attempt, previous)),
        duration(None if attempt.ended_at is None else attempt.ended_at - attempt.started_at),
        duration(attempt.first_byte_ns),
        size(None if attempt.request_body is None else len(attempt.request_body)),
        size(None if attempt.response_body is None else len(attempt.response_body)),
        (_remark(attempt), "yellow"),
    ]


def waited(attempt: Attempt, previous: Attempt | None) -> int | None:
    """For how long nothing was sent before an attempt, in ns; None where nobody waited, or nobody knows."""
    return None if previous is None or previous.ended_at is None else max(0, attempt.started_at - previous.ended_at)


def delay_headers(attempt: Attempt) -> list[str]:
    """What an answer said of when to try again, each as ``name: value``."""
    headers = {name.lower(): value for name, value in attempt.response_headers.items()}
    return [f"{name}: {headers[name]}" for name in _DELAY_HEADERS if name in headers]


def status(attempt: Attempt) -> tuple[str, str]:
    """The HTTP status, or what there is where none came, and its style."""
    if attempt.status is None and attempt.response_body is not None:
        return "by hand", "green" if attempt.complete else "yellow"
    if attempt.status is None:
        return ("no answer" if attempt.ended_at is not None or attempt.error else "under way"), "bold red"
    return str(attempt.status), "green" if attempt.status < _FIRST_FAILURE else "bold red"


def _remark(attempt: Attempt) -> str:
    remarks = []
    if attempt.error is not None:
        remarks.append(attempt.error.type)
    elif attempt.ended_at is not None and not attempt.complete:
        remarks.append("answer not whole")
    return ", ".join([*remarks, *delay_headers(attempt)])


def render_exchange(page: Page, attempt: Attempt) -> None:
    """Writes one attempt whole: request line, headers and body, then status, headers and body."""
    terminal = page.terminal
    ended = None if attempt.ended_at is None else attempt.ended_at - attempt.started_at
    terminal.line((attempt.method or "logged by hand", "bold"), f" {attempt.url}", indent=4)
    _headers(terminal, attempt.request_headers)
    _body(page, attempt.request_body, "request")
    terminal.gap()
    words = "" if attempt.complete else ", not whole"
    terminal.line(status(attempt), f"  after {duration(ended)}{words}" if ended is not None else "", indent=4)
    if attempt.error is not None:
        page.body(f"{attempt.error.type}: {attempt.error.message}", "red")
    _headers(terminal, attempt.response_headers)
    _body(page, attempt.response_body, "response")


def _headers(terminal: Terminal, headers: dict[str, str]) -> None:
    for name, value in headers.items():
        terminal.line((f"{name}: ", "dim"), value, indent=4)


def _body(page: Page, body: bytes | None, which: str) -> None:
    if body is None:
        page.terminal.line((f"the {which} has no body in the record", "yellow"), indent=4)
        return
    page.terminal.line((f"{size(len(body))}, exact bytes: --raw {which}", "dim"), indent=4)
    if body:
        page.body(body.decode("utf-8", "backslashreplace"), indent=6)
