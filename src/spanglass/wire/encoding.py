"""Content-encodings undone, as far as the bytes go.

Invariant: a body that was cut gives what was in it; a body that is not what its header says is a ValueError that says
what to do, never a wrong answer.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def decode_content(body: bytes, encoding: str) -> bytes:
    """The body without its content-encoding.

    Args:
        body: the bytes as they came over the wire, whole or cut.
        encoding: the value of the ``content-encoding`` header; several are undone from the last to the first.

    Raises:
        ValueError: an encoding that is not known here, or bytes that are not of it.

    Example:
        >>> decode_content(b"plain", "identity")
        b'plain'
    """
    for name in reversed(encoding.lower().split(",")):
        token = name.strip()
        if token in ("", "identity"):
            continue
        decoder = _DECODERS.get(token)
        if decoder is None:
            message = (
                f"cannot undo content-encoding {token!r}: known are {', '.join(sorted(_DECODERS))}; "
                "keep the encoded bytes, or have the client ask for one of these with 'accept-encoding'"
            )
            raise ValueError(message)
        body = decoder(body)
    return body


def _gzip(body: bytes) -> bytes:
    pieces: list[bytes] = []
    while body.startswith(_GZIP) or not pieces:  # what follows the last member is padding
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        pieces.append(_inflate(member.decompress, body, "gzip"))
        body = member.unused_data
    return b"".join(pieces)


def _deflate(body: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(body)
    except zlib.error:  # some servers leave out the zlib header
        return _inflate(zlib.decompressobj(-zlib.MAX_WBITS).decompress, body, "deflate")


def _inflate(decompress: Callable[[bytes], bytes], body: bytes, name: str) -> bytes:
    try:
        return decompress(body)
    except zlib.error as fault:
        raise ValueError(_damaged(name, fault)) from None


def _zstd(body: bytes) -> bytes:
    import zstandard

    pieces: list[bytes] = []
    try:
        while body.startswith(_ZSTD) or not pieces:
            frame = zstandard.ZstdDecompressor().decompressobj()
            pieces.append(frame.decompress(body))
            body = frame.unused_data
    except zstandard.ZstdError as fault:
        raise ValueError(_damaged("zstd", fault)) from None
    return b"".join(pieces)


def _brotli(body: bytes) -> bytes:
    brotli = _import_brotli()
    try:
        plain: bytes = brotli.Decompressor().process(body)
    except brotli.error as fault:
        raise ValueError(_damaged("br", fault)) from None
    return plain


def _import_brotli() -> Any:
    for package in ("brotli", "brotlicffi"):
        with suppress(ImportError):
            return import_module(package)
    message = "cannot undo content-encoding 'br': brotli is not installed; run: pip install brotli"
    raise ValueError(message)


def _damaged(name: str, fault: Exception) -> str:
    return f"cannot undo content-encoding {name!r}: {fault}; keep the encoded bytes, they are not {name}"


_DECODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
    "br": _brotli,
}
