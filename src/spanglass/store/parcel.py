"""How entries travel to another spanglass: packed, and cut into chunks that every receiver on the way takes.

::

    packed:  zstd of  header size 4 | header: the entry's fields but its body, as JSON | body: raw bytes
    chunk:   a slice of that, with its number, how many there are, and the SHA-256 of the whole

Invariant: `unpack` of the chunks of a parcel, each of them once and in order, gives an entry of which a store makes the
very same record; of anything else it makes nothing and says why. An entry packs the same way each time, so chunks of
two sendings fit together.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import zstandard

from spanglass.model.entry import ENTRY_TYPES, ExitEntry
from spanglass.store.part import part_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.model.entry import Entry

#: Bytes of a chunk. As base64 in JSON it stays below 1 MiB, which receivers and brokers take for one record.
CHUNK_BYTES = 512 << 10
#: A longer header travels inside the chunks only.
_HEADER_BYTES = 32 << 10
_SIZE = struct.Struct("<I")
_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Chunk:
    """A slice of a packed entry.

    Args:
        trace_id, span_id, kind: of the entry.
        digest: SHA-256 of the whole packed entry, in hex; what its chunks are gathered by.
        number: 0 for the first.
        count: how many chunks there are.
        data: the slice.
        header: the entry's fields but its body, as JSON, so that it can be told what is still on its way; empty where
            there is one chunk only, or it would be long.
    """

    trace_id: str
    span_id: str
    kind: str
    digest: str
    number: int
    count: int
    data: bytes
    header: bytes = b""


def pack(entry: Entry, chunk_bytes: int = CHUNK_BYTES) -> list[Chunk]:
    """The chunks of an entry.

    Example:
        >>> [chunk.count for chunk in pack(ExitEntry("1-1-abcdef01"))]
        [1]
    """
    header, body = _split(entry)
    data = zstandard.ZstdCompressor(_LEVEL).compress(b"".join((_SIZE.pack(len(header)), header, body)))
    digest = hashlib.sha256(data).hexdigest()
    count = max(1, -(-len(data) // chunk_bytes))
    shown = header if count > 1 and len(header) <= _HEADER_BYTES else b""
    return [
        Chunk(
            entry.trace_id,
            entry.span_id,
            entry.kind,
            digest,
            number,
            count,
            data[number * chunk_bytes : (number + 1) * chunk_bytes],
            shown,
        )
        for number in range(count)
    ]


def unpack(kind: str, digest: str, slices: Sequence[bytes], most_bytes: int) -> Entry:
    """The entry whose chunks these are.

    Args:
        kind: of the entry, as the chunks say.
        digest: of the whole, as they say.
        slices: their data, in order.
        most_bytes: what the entry may have, unpacked.

    Raises:
        ValueError: the bytes are not those that were packed, or are larger than that.
    """
    data = slices[0] if len(slices) == 1 else b"".join(slices)
    if hashlib.sha256(data).hexdigest() != digest:
        message = f"the chunks do not have the digest {digest[:16]}… that they are known by"
        raise ValueError(message)
    raw = _decompress(data, most_bytes)
    (size,) = _SIZE.unpack_from(raw)
    start = _SIZE.size + size
    body = raw[start + 1 :] if raw[start:] else None
    return _entry(kind, raw[_SIZE.size : start], body=body)


def read_header(kind: str, header: bytes, missing: str) -> Entry:
    """The entry without its body, from a chunk's header; ``missing`` is what it is marked with.

    Raises:
        ValueError: it is no entry of that kind.
    """
    return _entry(kind, header, missing=missing)


def _decompress(data: bytes, most_bytes: int) -> bytes:
    try:
        size = zstandard.frame_content_size(data)
        if 0 <= size <= most_bytes:
            raw = zstandard.ZstdDecompressor().decompress(data, max_output_size=most_bytes)
            if len(raw) >= _SIZE.size:
                return raw
    except zstandard.ZstdError as why:
        message = f"the chunks cannot be unpacked: {why}"
        raise ValueError(message) from why
    message = f"the chunks hold {size:,} bytes, and {_SIZE.size} to {most_bytes:,} are taken"
    raise ValueError(message)


def _split(entry: Entry) -> tuple[bytes, bytes]:
    """An entry as a store would keep it: its fields as JSON, and its body after a mark that tells none from empty."""
    if isinstance(entry, ExitEntry):
        return msgspec.json.encode(entry), b""
    _, part, body = part_of(entry)
    return part.meta, b"" if body is None else b"\x01" + body


def _entry(kind: str, header: bytes, *, body: bytes | None = None, missing: str | None = None) -> Entry:
    if kind not in ENTRY_TYPES:
        message = f"an entry of the unknown kind {kind!r}; a newer spanglass sent it"
        raise ValueError(message)
    try:
        told = msgspec.json.decode(header, type=dict[str, Any])
        told |= {} if body is None else {"body": body}
        told |= {} if missing is None else {"missing": [*told.get("missing", ()), missing]}
        return msgspec.convert(told, ENTRY_TYPES[kind])
    except (msgspec.MsgspecError, TypeError) as why:
        message = f"not the header of an entry of kind {kind!r}: {why}"
        raise ValueError(message) from why
