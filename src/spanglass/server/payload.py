"""The body of an OTLP request, read within bounds.

Invariant: no more than the bound is ever held of one body, neither as it comes nor as its compression is undone,
whatever its headers promise; and a client that sends slowly holds its place for a bounded time only.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    from starlette.requests import Request

    from spanglass.server.decoding import Encoding

_ENCODINGS: dict[str, Encoding] = {"application/x-protobuf": "protobuf", "application/json": "json"}
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_COMPRESSIONS = frozenset({"gzip", "deflate"})


class Refusal(Exception):
    """A request that is not taken: the HTTP status, and why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def encoding_of(request: Request) -> Encoding:
    """How the body is encoded, by its content type.

    Raises:
        Refusal: in no way that OTLP knows.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = _ENCODINGS.get(content_type)
    if encoding is None:
        message = f"the content type {content_type[:80]!r} is not OTLP's: it is {' or '.join(_ENCODINGS)}"
        raise Refusal(415, message)
    return encoding


async def read_body(request: Request, most_bytes: int, timeout_s: float) -> bytes:
    """The body as it comes, still compressed.

    Raises:
        Refusal: it is too large, takes too long, or ends too soon.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and len(length) < 20 and int(length) > most_bytes:  # noqa: PLR2004 - digits that can be a length
        raise _too_large(most_bytes)
    try:
        return await asyncio.wait_for(_gather(request, most_bytes), timeout_s)
    except asyncio.TimeoutError:
        message = f"the body took longer than {timeout_s:g} s"
        raise Refusal(408, message) from None
    except ClientDisconnect:
        message = "the body ended too soon"
        raise Refusal(400, message) from None


async def _gather(request: Request, most_bytes: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > most_bytes:
            raise _too_large(most_bytes)
        pieces.append(piece)
    return b"".join(pieces)


def decompress(body: bytes, compression: str, most_bytes: int) -> bytes:
    """The body with its ``Content-Encoding`` undone; gzip and deflate are known.

    Raises:
        Refusal: it is too large, is compressed in another way, or is damaged.
    """
    name = compression.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in _COMPRESSIONS:
        message = f"the content encoding {name[:80]!r} is not known: it is {', '.join(sorted(_COMPRESSIONS))} or none"
        raise Refusal(415, message)
    inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        plain = inflater.decompress(body, most_bytes + 1)
    except zlib.error as why:
        message = f"the body is no {name}: {why}"
        raise Refusal(400, message) from why
    if len(plain) > most_bytes:
        raise _too_large(most_bytes)
    if not inflater.eof:
        message = f"the {name} of the body is cut off"
        raise Refusal(400, message)
    return plain


def _too_large(most_bytes: int) -> Refusal:
    return Refusal(413, f"the request has more than {most_bytes:,} bytes; send smaller batches")
