"""How a body is cut into pieces that windows share: split, hash, join.

An agent sends its whole history again at every turn. So a request's body is cut at the elements of its top-level
arrays (``messages``, ``input``, ``contents``, ``tools``, …) into raw slices of the original bytes, and each array
becomes a chain: a linked list whose nodes are hashed together with their parents. Windows with a common prefix have the
same nodes, whatever differs elsewhere in the body; the same slice behind another prefix has nodes of its own, but is
kept once.

Invariants, hash ↔ bytes:

- A piece is known by the SHA-256 of its raw bytes: equal digests are equal bytes.
- ``node = SHA-256(ALGORITHM ‖ parent's node ‖ piece's digest)``, and the first element's parent is `ROOT`. Equal nodes
  are therefore equal arrays from the first element up to there, bytes and separators included: a separator belongs to
  the element that follows it.
- ``join(split(body)) == body`` for all bytes. It is checked each time a body is split, before anything is written: what
  does not come out as the very bytes is kept whole.

A change of any of this is a new `ALGORITHM`.
"""

from __future__ import annotations

import hashlib
import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from spanglass.store import piece

if TYPE_CHECKING:
    from collections.abc import Iterator

ALGORITHM = b"spanglass.chain.1\0"
ROOT = bytes(32)

#: A body below this many bytes is kept whole: cutting it would cost more than it shares.
WHOLE_BELOW = 1024
#: A value or a run of bytes of at least this many is a piece of its own; what is smaller is kept with the frame.
PIECE_FROM = 512
#: An array of strings (texts to embed) is a chain only when they are this long on average.
_STRING_FROM = 256


class Literal(NamedTuple):
    """A few bytes that are kept with the frame itself."""

    data: bytes


class Piece(NamedTuple):
    """Bytes that are kept once, under their digest."""

    data: bytes


class Chain(NamedTuple):
    """The elements of the top-level array ``key``, each with the separator before it."""

    key: str
    pieces: tuple[bytes, ...]


Segment: TypeAlias = "Literal | Piece | Chain"
#: A body as segments whose bytes follow one another.
Frame: TypeAlias = "tuple[Segment, ...]"


class Link(NamedTuple):
    """One node of a chain: its hash, its piece's digest, and the piece."""

    node: bytes
    digest: bytes
    data: bytes


class _Cut(NamedTuple):
    """Where a piece, or the elements of an array, lie in the text; ``key`` is None for a piece."""

    key: str | None
    borders: list[int]


def split(body: bytes) -> Frame:
    """A request's body as a frame; whole if it is small, no JSON object, no UTF-8, or nested too deeply to be read.

    Example:
        >>> frame = split(b'{"messages": [' + b", ".join([b'{"content": "%d"}' % n for n in range(99)]) + b"]}")
        >>> [type(segment).__name__ for segment in frame]
        ['Literal', 'Chain', 'Literal']
    """
    if len(body) < WHOLE_BELOW:
        return whole(body)
    try:
        text = body.decode("utf-8")
        frame = tuple(_segments(text, body if text.isascii() else None, list(_cuts(text))))
    except (ValueError, IndexError, RecursionError):
        return whole(body)
    return frame if join(frame) == body else whole(body)


def whole(body: bytes) -> Frame:
    """A body in one piece, as answers are kept."""
    return (Literal(body) if len(body) < WHOLE_BELOW else Piece(body),)


def join(frame: Frame) -> bytes:
    """The very bytes that the frame was split from."""
    return b"".join(b"".join(part.pieces) if isinstance(part, Chain) else part.data for part in frame)


def node_hash(parent: bytes, piece_digest: bytes) -> bytes:
    """The hash of the node that puts a piece behind ``parent``."""
    return hashlib.sha256(ALGORITHM + parent + piece_digest).digest()


def links(chain: Chain) -> list[Link]:
    """The nodes of a chain, first to last."""
    found: list[Link] = []
    node = ROOT
    for data in chain.pieces:
        digest = piece.digest(data)
        node = node_hash(node, digest)
        found.append(Link(node, digest, data))
    return found


def parted(left: Chain, right: Chain) -> int:
    """The index of the first element in which two chains part; the shorter one's length if it begins the other.

    Example:
        >>> parted(Chain("messages", (b"1", b",2")), Chain("messages", (b"1", b",3", b",4")))
        1
    """
    pairs = zip(left.pieces, right.pieces, strict=False)
    return next((index for index, (one, other) in enumerate(pairs) if one != other), min(len(left[1]), len(right[1])))


# Only extents are wanted of the C scanner, so numbers are left as text: one of 5,000 digits is no error here.
_SCANNER = json.JSONDecoder(strict=False, parse_int=str, parse_float=str)
_BLANK = re.compile(r"[ \t\n\r]*")


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _expect(text: str, at: int, mark: str) -> int:
    if text[at] != mark:
        message = f"no {mark!r} at {at}"
        raise ValueError(message)
    return at + 1


def _cuts(text: str) -> Iterator[_Cut]:
    """The values of the top-level object that become pieces or chains, in their order.

    Raises:
        ValueError, IndexError: the text is no JSON object.
    """
    at = _skip(text, _expect(text, _skip(text, 0), "{"))
    while text[at] != "}":
        _expect(text, at, '"')
        key, at = _SCANNER.raw_decode(text, at)
        start = _skip(text, _expect(text, _skip(text, at), ":"))
        cut, at = _value(text, start, key)
        if cut is not None:
            yield cut
        at = _skip(text, at)
        if text[at] != "}":
            at = _skip(text, _expect(text, at, ","))
    if _skip(text, at + 1) != len(text):
        message = "something follows the object"
        raise ValueError(message)


def _value(text: str, start: int, key: str) -> tuple[_Cut | None, int]:
    if text[start] == "[":
        first = _skip(text, start + 1)
        if text[first] in '{"':
            borders, end = _elements(text, first)
            if _is_chain(text[first], borders):
                return _Cut(key, [start + 1, *borders[1:]]), end
            return _piece_of(start, end), end
    _, end = _SCANNER.raw_decode(text, start)
    return _piece_of(start, end), end


def _piece_of(start: int, end: int) -> _Cut | None:
    return _Cut(None, [start, end]) if end - start >= PIECE_FROM else None


def _elements(text: str, first: int) -> tuple[list[int], int]:
    """The borders between an array's elements, and where the array ends."""
    borders = [first]
    at = first
    while True:
        _, end = _SCANNER.raw_decode(text, at)
        borders.append(end)
        at = _skip(text, end)
        if text[at] == "]":
            return borders, at + 1
        at = _skip(text, _expect(text, at, ","))


def _is_chain(opening: str, borders: list[int]) -> bool:
    return opening == "{" or (borders[-1] - borders[0]) // (len(borders) - 1) >= _STRING_FROM


def _segments(text: str, raw: bytes | None, cuts: list[_Cut]) -> Iterator[Segment]:
    """The frame: a segment for each cut, and for each run of bytes between them."""

    def cut_out(start: int, end: int) -> bytes:
        return text[start:end].encode("utf-8") if raw is None else raw[start:end]

    at = 0
    for key, borders in cuts:
        if borders[0] > at:
            yield _run(cut_out(at, borders[0]))
        if key is None:
            yield Piece(cut_out(borders[0], borders[1]))
        else:
            yield Chain(key, tuple(cut_out(start, end) for start, end in pairwise(borders)))
        at = borders[-1]
    yield _run(cut_out(at, len(text)))


def _run(data: bytes) -> Literal | Piece:
    return Piece(data) if len(data) >= PIECE_FROM else Literal(data)
