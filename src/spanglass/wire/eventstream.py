"""AWS event streams: binary frames, each with checksums of its own, around one event.

Invariant: only frames whose checksums are right count; at the first that is wrong or not whole, reading ends.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING

from spanglass.wire.base import mapping
from spanglass.wire.jsontext import json_text, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRELUDE = struct.Struct(">III")  # length of all, length of the headers, checksum of these two
_CHECKSUM = struct.Struct(">I")
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_BYTES, _STRING = 6, 7


def split(body: bytes) -> Iterator[tuple[str | None, bytes]]:
    """The events of a stream: type and data. Bedrock's ``{"bytes": base64}`` is undone; exceptions are named error."""
    position = 0
    while position + _PRELUDE.size <= len(body):
        total, headers_length, checksum = _PRELUDE.unpack_from(body, position)
        frame = body[position : position + total]
        start, end = _PRELUDE.size + headers_length, total - _CHECKSUM.size
        if len(frame) < total or start > end or zlib.crc32(frame[: _PRELUDE.size - 4]) != checksum:
            return
        if zlib.crc32(frame[:end]) != _CHECKSUM.unpack_from(frame, end)[0]:
            return
        headers = _headers(frame[_PRELUDE.size : start])
        position += total
        if headers.get(":message-type") in ("exception", "error"):
            yield "error", _exception(headers, frame[start:end])
        else:
            yield headers.get(":event-type"), _inner(frame[start:end])


def _inner(data: bytes) -> bytes:
    try:
        wrapped = mapping(parse_json(data)).get("bytes")
        return base64.b64decode(wrapped) if isinstance(wrapped, str) else data
    except ValueError:
        return data


def _exception(headers: dict[str, str], data: bytes) -> bytes:
    kind = headers.get(":exception-type") or headers.get(":error-code") or "error"
    try:
        message = mapping(parse_json(data)).get("message")
    except ValueError:
        message = None
    message = message or headers.get(":error-message") or data.decode("utf-8", "replace")
    return json_text({"error": {"type": kind, "message": message}}).encode()


def _headers(data: bytes) -> dict[str, str]:
    """The headers that are strings; reading ends at one that is not whole."""
    headers: dict[str, str] = {}
    position = 0
    try:
        while position < len(data):
            name_end = position + 1 + data[position]
            name = data[position + 1 : name_end].decode("utf-8", "replace")
            kind = data[name_end]
            position = name_end + 1
            if kind in (_BYTES, _STRING):
                length = int.from_bytes(data[position : position + 2], "big")
                if kind == _STRING:
                    headers[name] = data[position + 2 : position + 2 + length].decode("utf-8", "replace")
                position += 2 + length
            else:
                position += _SIZES[kind]
    except (IndexError, KeyError):
        pass
    return headers
