"""Content-encodings undone, as far as the bytes go.

Invariant: a body that was cut gives what was in it; a body that is not what its header says is a ValueError that says
what to do, never a wrong answer.
"""

from __future__ import annotations

import sys
import zlib
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
#: How many bytes are undone at a time where an encoding knows no limit.
_STEP = 256
#: Of several encodings, what only the last one undone has to keep to the limit.
_BETWEEN = 64 << 20


def decode_content(body: bytes, encoding: str, limit: int = sys.maxsize - 1) -> bytes:
    """The body without its content-encoding.

    Args:
        body: the bytes as they came over the wire, whole or cut.
        encoding: the value of the ``content-encoding`` header; several are undone from the last to the first.
        limit: bytes after which no more is undone: a few bytes can stand for many. The body then has one byte more.

    Raises:
        ValueError: an encoding that is not known here, or bytes that are not of it.

    Example:
        >>> decode_content(b"plain", "identity")
        b'plain'
    """
    tokens = [token for name in encoding.lower().split(",") if (token := name.strip()) not in ("", "identity")]
    while tokens:
        token = tokens.pop()
        decoder = _DECODERS.get(token)
        if decoder is None:
            message = (
                f"cannot undo content-encoding {token!r}: known are {', '.join(sorted(_DECODERS))}; "
                "keep the encoded bytes, or have the client ask for one of these with 'accept-encoding'"
            )
            raise ValueError(message)
        body = decoder(body, 1 + (max(limit, _BETWEEN) if tokens else limit))
    return body


def _gzip(body: bytes, most: int) -> bytes:
    plain = b""
    while True:
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        plain += _inflate(member, body, most - len(plain), "gzip")
        body = member.unused_data
        if not body.startswith(_GZIP) or len(plain) >= most:  # what follows the last member is padding
            return plain


def _deflate(body: bytes, most: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(body, most)
    except zlib.error:  # some servers leave out the zlib header
        return _inflate(zlib.decompressobj(-zlib.MAX_WBITS), body, most, "deflate")


def _inflate(member: Any, body: bytes, most: int, name: str) -> bytes:
    try:
        plain: bytes = member.decompress(body, most)
    except zlib.error as fault:
        raise ValueError(_damaged(name, fault)) from None
    return plain


def _zstd(body: bytes, most: int) -> bytes:
    import zstandard

    plain = bytearray()
    try:
        while True:
            frame = zstandard.ZstdDecompressor().decompressobj()
            at = 0
            while at < len(body) and not frame.eof and len(plain) < most:
                plain += frame.decompress(body[at : at + _STEP])
                at += _STEP
            body = frame.unused_data + body[at:]
            if not body.startswith(_ZSTD) or len(plain) >= most:
                return bytes(plain[:most])
    except zstandard.ZstdError as fault:
        raise ValueError(_damaged("zstd", fault)) from None


def _brotli(body: bytes, most: int) -> bytes:
    brotli = _import_brotli()
    decompressor = brotli.Decompressor()
    plain = bytearray()
    try:
        for at in range(0, len(body), _STEP):
            plain += decompressor.process(body[at : at + _STEP])
            if len(plain) >= most:
                break
    except brotli.error as fault:
        raise ValueError(_damaged("br", fault)) from None
    return bytes(plain[:most])


def _import_brotli() -> Any:
    for package in ("brotli", "brotlicffi"):
        with suppress(ImportError):
            return import_module(package)
    message = "cannot undo content-encoding 'br': brotli is not installed; run: pip install brotli"
    raise ValueError(message)


def _damaged(name: str, fault: Exception) -> str:
    return f"cannot undo content-encoding {name!r}: {fault}; keep the encoded bytes, they are not {name}"


_DECODERS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
    "br": _brotli,
}
