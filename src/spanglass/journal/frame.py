"""How an entry lies in a journal: one frame, checksummed, its body as raw bytes after its other fields as JSON.

::

    magic 4 | version 1 | kind 1 | has body 1 | 0 | header size 4 | body size 4 | prefix crc 4 | frame crc 4
    header: the entry's fields but its body, as a JSON object
    body:   raw bytes

Invariant: `read` gives back exactly what `encode_all` was given, or says that there is no whole frame; it never invents
one. Both checksums start from a seed of the journal's owner, so bytes inside a body that look like a frame are not
taken for one when a reader looks for the next good frame behind a damage. The prefix and its own checksum stay as they
are in all versions, so that a newer frame is told from a damaged one.
"""

from __future__ import annotations

import json
import struct
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple, TypeAlias, cast
from zlib import crc32

import msgspec
from msgspec.structs import force_setattr, replace

from spanglass.model.entry import ENTRY_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from spanglass.model.entry import Entry

MAGIC = b"\xffSPG"  # 0xff is in no UTF-8 text, so a search for it runs fast through payloads
VERSION = 1
_FIELDS = struct.Struct("<4sBBBxII")
_CHECKS = struct.Struct("<II")
PREFIX_SIZE = _FIELDS.size + _CHECKS.size
_SEARCH_BYTES = 1 << 20

#: The numbers are on disk: never changed, never used again for another kind.
_CODES: Mapping[str, int] = {
    "request": 1,
    "attempt": 2,
    "outcome": 3,
    "envelope": 4,
    "upstream": 5,
    "step": 6,
    "exit": 7,
}
_KINDS = {code: kind for kind, code in _CODES.items()}

#: ``end``: nothing more there. ``partial``: it begins well but the file ends inside it. ``damaged``: no frame begins
#: here, or its checksum is wrong. ``newer``: a later version of spanglass wrote it.
Problem: TypeAlias = Literal["end", "partial", "damaged", "newer"]


class Frame(NamedTuple):
    """A whole frame as it was read, not yet decoded; it ends at the offset ``end``."""

    kind: str
    header: bytes
    body: bytes | None
    end: int


class _Prefix(NamedTuple):
    version: int
    kind: str
    has_body: bool
    header_size: int
    body_size: int
    prefix_crc: int
    frame_crc: int


def seed_of(owner: str) -> int:
    """The number that all checksums of the owner's frames start from."""
    return crc32(owner.encode())


def encode_all(entries: Sequence[Entry], seed: int) -> tuple[list[bytes], int]:
    """The frames of entries, in pieces so that large bodies are not copied, and how many bytes they are in all.

    Raises:
        TypeError, ValueError, RecursionError, struct.error: a field is of no JSON kind, or larger than 4 GiB.
    """
    pieces: list[bytes] = []
    size = 0
    for entry in entries:
        body = getattr(entry, "body", None)
        bare = entry
        if body is not None:
            bare = _copy(entry)
            force_setattr(bare, "body", None)
        try:
            header = _encode_json(bare)
        except UnicodeEncodeError:  # a lone surrogate, which the stdlib writes as an escape
            header = json.dumps(msgspec.to_builtins(bare, str_keys=True, enc_hook=_no_json)).encode()
        raw = body or b""
        prefix = _FIELDS.pack(MAGIC, VERSION, _CODES[entry.kind], body is not None, len(header), len(raw))
        prefix_crc = crc32(prefix, seed)
        head = prefix + _CHECKS.pack(prefix_crc, crc32(raw, crc32(header, prefix_crc))) + header
        pieces += (head, raw) if raw else (head,)
        size += len(head) + len(raw)
    return pieces, size


def decode(frame: Frame) -> Entry:
    """The entry of a frame.

    Raises:
        ValueError: the header is no entry of that kind.
    """
    cls = ENTRY_TYPES.get(frame.kind)
    if cls is None:
        message = f"an entry of the unknown {frame.kind}"
        raise ValueError(message)
    try:
        entry = _decoder(frame.kind).decode(frame.header)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        entry = msgspec.convert(json.loads(frame.header), cls)  # a lone surrogate, which msgspec does not read
    return cast("Entry", entry if frame.body is None else replace(entry, body=frame.body))


def read(file: BinaryIO, start: int, seed: int) -> Frame | Problem:
    """The frame at the offset ``start`` of a file, or why there is none."""
    file.seek(start)
    raw = file.read(PREFIX_SIZE)
    if not raw:
        return "end"
    if len(raw) < PREFIX_SIZE and raw[:4] == MAGIC[: len(raw)]:
        return "partial"
    prefix = _read_prefix(raw, seed)
    if prefix is None or prefix.version > VERSION:
        return "damaged" if prefix is None else "newer"
    header = file.read(prefix.header_size)
    body = file.read(prefix.body_size)
    if len(header) + len(body) < prefix.header_size + prefix.body_size:
        return "partial"
    if crc32(body, crc32(header, prefix.prefix_crc)) != prefix.frame_crc:
        return "damaged"
    end = start + PREFIX_SIZE + len(header) + len(body)
    return Frame(prefix.kind, header, body if prefix.has_body else None, end)


def entries_in(raw: bytes, seed: int) -> list[Entry]:
    """The entries of whole frames that follow each other, as they were written a moment ago."""
    file, position, entries = BytesIO(raw), 0, []
    while isinstance(frame := read(file, position, seed), Frame):
        entries.append(decode(frame))
        position = frame.end
    return entries


def find(file: BinaryIO, start: int, until: int, seed: int) -> int | None:
    """Where, between ``start`` and ``until``, the next whole and good frame begins; None when there is none."""
    position = start
    while position < until:
        file.seek(position)
        piece = file.read(min(_SEARCH_BYTES, until - position))
        at = piece.find(MAGIC)
        while at >= 0:
            if isinstance(read(file, position + at, seed), Frame):
                return position + at
            at = piece.find(MAGIC, at + 1)
        if len(piece) < _SEARCH_BYTES:
            return None
        position += len(piece) - len(MAGIC) + 1
    return None


def _read_prefix(raw: bytes, seed: int) -> _Prefix | None:
    if len(raw) < PREFIX_SIZE:
        return None
    magic, version, code, has_body, header_size, body_size = _FIELDS.unpack_from(raw)
    prefix_crc, frame_crc = _CHECKS.unpack_from(raw, _FIELDS.size)
    if magic != MAGIC or crc32(raw[: _FIELDS.size], seed) != prefix_crc:
        return None
    kind = _KINDS.get(code, f"kind {code}")
    return _Prefix(version, kind, bool(has_body), header_size, body_size, prefix_crc, frame_crc)


@cache
def _decoder(kind: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(ENTRY_TYPES[kind])


def _no_json(value: object) -> str:
    """Stands in the journal for a value that is of no JSON kind. Its text is left out: nothing has masked that."""
    return f"[not JSON: {type(value).__qualname__}]"


#: A struct's own copy, without the detour that `copy.copy` makes.
_copy: Callable[[Any], Any] = msgspec.Struct.__copy__  # type: ignore[attr-defined]

_encode_json = msgspec.json.Encoder(enc_hook=_no_json).encode
