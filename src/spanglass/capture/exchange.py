"""What a tap tells of one HTTP exchange, in words that are no HTTP library's."""

from __future__ import annotations

from typing import NamedTuple

Pairs = list[tuple[str, str]]


class Outgoing(NamedTuple):
    """A request that is about to leave.

    Args:
        method, url, host, port, path: where it goes; ``url`` is whole.
        headers: as the library holds them now.
        body: its bytes, or None while the host still generates them.
        started_at: ns since the epoch.
    """

    method: str
    url: str
    host: str
    port: int | None
    path: str
    headers: Pairs
    body: bytes | None
    started_at: int


class Incoming(NamedTuple):
    """What came back of an exchange.

    Args:
        status, headers: of the answer; None and empty if no answer came.
        body: its bytes, content-encoding undone as far as it could be; None if there are none at hand.
        complete: the answer arrived whole.
        ended_at: ns since the epoch.
        first_byte_ns: from the start of the exchange to the first byte of a streamed body.
        missing: what of the body is not here, and why.
    """

    status: int | None
    headers: Pairs
    body: bytes | None
    complete: bool
    ended_at: int
    first_byte_ns: int | None = None
    missing: tuple[str, ...] = ()


def header_of(headers: Pairs, name: str) -> str:
    """The value of the first header of this name (in lower case), or ``""``.

    Example:
        >>> header_of([("Content-Type", "text/plain")], "content-type")
        'text/plain'
    """
    size = len(name)
    for key, value in headers:
        if len(key) == size and key.lower() == name:
            return value
    return ""
