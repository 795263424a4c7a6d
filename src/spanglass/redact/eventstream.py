"""Masks AWS event streams (binary frames with checksums) in place.

Invariant: every frame keeps its length. A mask of other length would break the framing, so a credential is overwritten
by as many ``*``, and the frame's checksum is made anew. What is no whole frame is masked the same way, as plain text.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spanglass.redact.finding import Span

_PRELUDE = struct.Struct(">II")
_CHECKSUM = struct.Struct(">I")
_PRELUDE_SIZE = 12
_ENCODED = re.compile(rb'"bytes"\s*:\s*"([A-Za-z0-9+/]+={0,2})"')


class _Payload(NamedTuple):
    """A frame's payload: the frame's borders, the place of what is masked in it, and that as text."""

    frame: tuple[int, int] | None
    start: int
    end: int
    encoded: bool
    text: bytes


def mask_frames(data: bytes, find: Callable[[bytes], Sequence[Span]]) -> tuple[bytes, int]:
    """The stream with credentials overwritten, and how many were.

    Args:
        data: the stream; its end may be cut off.
        find: what to mask in the payloads' texts, one per line.
    """
    payloads = _payloads(data)
    spans = find(b"\n".join([payload.text for payload in payloads]))
    if not spans:
        return data, 0
    masked = bytearray(data)
    offset = 0
    for payload in payloads:
        _overwrite(masked, payload, offset, spans)
        offset += len(payload.text) + 1
    return bytes(masked), sum(bool(span.mask) for span in spans)


def _payloads(data: bytes) -> list[_Payload]:
    found: list[_Payload] = []
    at = 0
    while at + _PRELUDE_SIZE <= len(data):
        total, headers = _PRELUDE.unpack_from(data, at)
        end = at + total
        start = at + _PRELUDE_SIZE + headers
        if end > len(data) or start > end - _CHECKSUM.size:
            break
        found.append(_payload(data, (at, end), start, end - _CHECKSUM.size))
        at = end
    if at < len(data):
        found.append(_Payload(None, at, len(data), encoded=False, text=data[at:]))
    return found


def _payload(data: bytes, frame: tuple[int, int], start: int, end: int) -> _Payload:
    inner = _ENCODED.search(data, start, end)
    if inner:
        try:
            return _Payload(frame, *inner.span(1), encoded=True, text=base64.b64decode(inner[1], validate=True))
        except binascii.Error:
            pass
    return _Payload(frame, start, end, encoded=False, text=data[start:end])


def _overwrite(masked: bytearray, payload: _Payload, offset: int, spans: Sequence[Span]) -> None:
    text = bytearray(payload.text)
    for span in spans:
        first, last = max(span.start - offset, 0), min(span.end - offset, len(text))
        if first < last:
            text[first:last] = _filler(last - first, span.mask)
    if text == payload.text:
        return
    masked[payload.start : payload.end] = base64.b64encode(text) if payload.encoded else text
    if payload.frame:
        start, end = payload.frame
        checksum = zlib.crc32(masked[start : end - _CHECKSUM.size])
        _CHECKSUM.pack_into(masked, end - _CHECKSUM.size, checksum)


def _filler(length: int, mask: bytes) -> bytes:
    """As many bytes as there were; a value that was no string becomes one, or a zero if there is no room for quotes."""
    if not mask.endswith(b'"'):
        return b"*" * length
    return b'"' + b"*" * (length - 2) + b'"' if length > 1 else b"0"
