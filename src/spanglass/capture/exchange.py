"""What a tap tells of one HTTP exchange, in words that are no HTTP library's.

Invariant: headers are the very bytes that were sent, in order; nothing is decoded while the host waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Name and value of each header.
Pairs: TypeAlias = "Sequence[tuple[bytes, bytes]]"


class Server(NamedTuple):
    """Where a call goes."""

    host: str
    port: int | None

    @property
    def address(self) -> str:
        """The host, with its port where that is not the scheme's own."""
        return self.host if self.port is None else f"{self.host}:{self.port}"


class Outgoing(msgspec.Struct, frozen=True):
    """A request that is about to leave.

    Args:
        method, url, server, path: where it goes; ``url`` is whole.
        headers: as the library holds them now.
        body: its bytes, or None while the host still generates them.
        started_at: ns since the epoch.
    """

    method: str
    url: str
    server: Server
    path: str
    headers: Pairs
    body: bytes | None
    started_at: int


class Incoming(msgspec.Struct, frozen=True):
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


def content_type_of(headers: Pairs) -> str:
    """The value of the first ``content-type``, or ``""``."""
    for usual in _USUAL_TYPES:
        if usual in headers:
            return "application/json"
    return header_of(headers, b"content-type")


#: As nearly everybody writes it; a comparison with each header is cheaper than looking at its name alone.
_USUAL_TYPES = ((b"Content-Type", b"application/json"), (b"content-type", b"application/json"))


def header_of(headers: Pairs, name: bytes) -> str:
    """The value of the first header of this name (in lower case), or ``""``.

    Example:
        >>> header_of([(b"Content-Type", b"text/plain")], b"content-type")
        'text/plain'
    """
    named = dict(reversed(headers))
    value = named.get(name) or named.get(name.title())  # as nearly everybody writes them
    if value is None:
        value = next((held for other, held in headers if other.lower() == name), b"")
    return value.decode("latin-1")
