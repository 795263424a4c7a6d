"""A piece of a body at rest: hashed, packed and searched.

Invariant: ``unpack(pack(data)) == data`` for all bytes, and `digest` is of the raw bytes, never of the packed ones; so
a store may be repacked by another compressor without any hash changing.
"""

from __future__ import annotations

import hashlib
import json
import threading
from functools import cache
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

_RAW = b"\x00"
_ZSTD = b"\x01"
_ZSTD_WITH_PHRASES = b"\x02"
_LEVEL = 3
#: Above this many bytes a text is a better dictionary to itself than ours.
_PHRASES_UP_TO = 8192
#: Below this many bytes zstd's frame costs more than it saves.
_PACK_FROM = 48


class _Codecs(threading.local):
    """Compressors and decompressors by codec, for each thread its own: zstandard's objects are not to be shared."""

    def __init__(self) -> None:
        import zstandard  # lazily: the room is imported by processes that only ask for its types

        from spanglass.store.phrases import PHRASES

        phrases = zstandard.ZstdCompressionDict(PHRASES, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        phrases.precompute_compress(level=_LEVEL)
        self.compressors = {
            _ZSTD: zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True),
            _ZSTD_WITH_PHRASES: zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True, dict_data=phrases),
        }
        self.decompressors = {
            _ZSTD: zstandard.ZstdDecompressor(),
            _ZSTD_WITH_PHRASES: zstandard.ZstdDecompressor(dict_data=phrases),
        }
        self.fault: type[Exception] = zstandard.ZstdError


@cache
def _codecs() -> _Codecs:
    return _Codecs()


def digest(data: bytes) -> bytes:
    """The SHA-256 of the raw bytes: what a piece, and a whole body, is known by."""
    return hashlib.sha256(data).digest()


def pack(data: bytes) -> bytes:
    """The bytes as they are kept: one byte that names the codec, then the data, compressed where that is smaller."""
    if len(data) >= _PACK_FROM:
        codec = _ZSTD_WITH_PHRASES if len(data) <= _PHRASES_UP_TO else _ZSTD
        squeezed = _codecs().compressors[codec].compress(data)
        if len(squeezed) < len(data):
            return codec + squeezed
    return _RAW + data


def unpack(packed: bytes) -> bytes:
    """The inverse of `pack`.

    Raises:
        ValueError: the bytes are damaged, or packed by a codec that this version does not know.
    """
    tag, rest = packed[:1], packed[1:]
    if tag == _RAW:
        return rest
    codecs = _codecs()
    if tag not in codecs.decompressors:
        message = f"a piece is packed by the unknown codec {tag!r}"
        raise ValueError(message)
    try:
        return codecs.decompressors[tag].decompress(rest)
    except codecs.fault as why:
        message = f"a packed piece is damaged: {why}"
        raise ValueError(message) from None


def needles(text: str) -> tuple[bytes, ...]:
    """The spellings that a text can have in a body: as it is, and as JSON writes it, in ASCII alone or not."""
    escaped = (json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
    return tuple(dict.fromkeys(spelling.encode("utf-8", "surrogatepass") for spelling in (text, *escaped)))


def contains(packed: Any, spellings: Iterable[bytes]) -> bool:
    """Whether a packed piece holds one of the spellings; a damaged piece holds nothing."""
    try:
        data = unpack(cast("bytes", packed))
    except (ValueError, TypeError):
        return False
    return any(spelling in data for spelling in spellings)
