"""Bodies in SQLite: pieces and nodes written once, read back, and deleted when nothing needs them.

Invariant: inside one transaction, a body is there with all that it needs or not at all; a piece or node goes in the
transaction in which the last body that needed it goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from spanglass.store import chain, piece
from spanglass.store.base import Pruned
from spanglass.store.chain import Chain, Literal

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from spanglass.store.chain import Link, Segment
    from spanglass.store.part import Key

# Ids grow from parent to child: the comparison ends a walk that damaged rows would make endless.
_WALK = """
    WITH RECURSIVE up (id, parent, piece) AS (
        SELECT id, parent, piece FROM node WHERE id = ?
        UNION ALL
        SELECT node.id, node.parent, node.piece FROM up JOIN node ON node.id = up.parent AND node.id < up.id
    )
    SELECT piece.data FROM up LEFT JOIN piece ON piece.id = up.piece ORDER BY up.id
"""
_DELETE_NODE = """
    DELETE FROM node WHERE id = ?1
    AND NOT EXISTS (SELECT 1 FROM node AS child WHERE child.parent = ?1)
    AND NOT EXISTS (SELECT 1 FROM segment WHERE segment.node = ?1)
"""
_DELETE_PIECE = """
    DELETE FROM piece WHERE id = ?1
    AND NOT EXISTS (SELECT 1 FROM node WHERE node.piece = ?1)
    AND NOT EXISTS (SELECT 1 FROM segment WHERE segment.piece = ?1)
"""


class Hashed(NamedTuple):
    """A segment with its hashes: the links of a chain, one link without a node for a piece, none for a literal."""

    links: tuple[Link, ...]
    literal: bytes | None


def hash_body(key: Key, body: bytes) -> list[Hashed]:
    """A body, cut and hashed: all that can be done for it without the store."""
    frame = chain.split(body) if key.kind == "request" else chain.whole(body)
    return [_hash(segment) for segment in frame]


def _hash(segment: Segment) -> Hashed:
    if isinstance(segment, Literal):
        return Hashed((), segment.data)
    if isinstance(segment, Chain):
        return Hashed(tuple(chain.links(segment)), None)
    return Hashed((chain.Link(b"", piece.digest(segment.data), segment.data),), None)


class Bodies:
    """The bodies of a store, within one transaction.

    Args:
        connection: in a transaction.
        packed: pieces packed beforehand, by digest; others are packed when they turn out to be needed.
    """

    def __init__(self, connection: sqlite3.Connection, packed: dict[bytes, bytes] | None = None) -> None:
        self._connection = connection
        self._packed = {} if packed is None else packed

    def pack_new(self, bodies: Iterable[list[Hashed]]) -> dict[bytes, bytes]:
        """Packs what the store does not have yet: the long part of a write, done while others may still write."""
        for segment in (segment for body in bodies for segment in body):
            for link in reversed(segment.links):
                if link.node and self._id("node", "hash", link.node) is not None:
                    break  # and so are all nodes before it
                if link.digest not in self._packed and self._id("piece", "digest", link.digest) is None:
                    self._packed[link.digest] = piece.pack(link.data)
        return self._packed

    def put(self, part: int, body: list[Hashed]) -> None:
        """Writes the segments of a part's body."""
        rows: list[tuple[int, int, bytes | None, int | None, int | None]] = []
        for position, (links, literal) in enumerate(body):
            if literal is not None:
                rows.append((part, position, piece.pack(literal), None, None))
            elif links[0].node:
                rows.append((part, position, None, None, self._node(links)))
            else:
                rows.append((part, position, None, self._piece(links[0]), None))
        self._connection.executemany("INSERT INTO segment VALUES (?, ?, ?, ?, ?)", rows)

    def _node(self, links: tuple[Link, ...]) -> int | None:
        """The id of a chain's last node. Looked for from the end: all but the newest nodes are there already."""
        parent: int | None = None
        known = len(links)
        while known and parent is None:
            parent = self._id("node", "hash", links[known - 1].node)
            known -= parent is None
        for link in links[known:]:
            row = (link.node, parent, self._piece(link))
            parent = self._connection.execute("INSERT INTO node (hash, parent, piece) VALUES (?, ?, ?)", row).lastrowid
        return parent

    def _piece(self, link: Link) -> int | None:
        known = self._id("piece", "digest", link.digest)
        if known is not None:
            return known
        row = (link.digest, self._packed.get(link.digest) or piece.pack(link.data))
        return self._connection.execute("INSERT INTO piece (digest, data) VALUES (?, ?)", row).lastrowid

    def _id(self, table: str, column: str, value: bytes) -> int | None:
        found = self._connection.execute(f"SELECT id FROM {table} WHERE {column} = ?", (value,)).fetchone()  # noqa: S608 - literals
        return None if found is None else int(found[0])

    def get(self, part: int, digest: bytes) -> bytes | None:
        """A part's body, or None when it is not the very bytes that were put in."""
        try:
            data = b"".join(piece.unpack(packed) for packed in self._packed_of(part))
        except (ValueError, TypeError):  # packed bytes that are damaged, or gone
            return None
        return data if piece.digest(data) == digest else None

    def _packed_of(self, part: int) -> Iterator[bytes]:
        query = """
            SELECT segment.data, piece.data, segment.node FROM segment LEFT JOIN piece ON piece.id = segment.piece
            WHERE part = ? ORDER BY position
        """
        for literal, whole, node in self._connection.execute(query, (part,)).fetchall():
            if node is None:
                yield whole if literal is None else literal
            else:
                yield from (row[0] for row in self._connection.execute(_WALK, (node,)))

    def release(self, parts: Iterable[int]) -> Pruned:
        """Deletes the bodies of parts, and then what no other body needs."""
        nodes: set[int] = set()
        pieces: set[int] = set()
        freed = 0
        for part in parts:
            query = "SELECT coalesce(length(data), 0), piece, node FROM segment WHERE part = ?"
            for size, held, node in self._connection.execute(query, (part,)).fetchall():
                freed += size
                pieces.add(held)
                nodes.add(node)
            self._connection.execute("DELETE FROM segment WHERE part = ?", (part,))
        pieces |= self._collect_nodes(nodes - {None})
        return Pruned(bytes=freed) + self._collect_pieces(pieces - {None})

    def _collect_nodes(self, nodes: set[int]) -> set[int]:
        """Deletes those nodes that nothing needs, and their parents likewise; gives the pieces that they had."""
        pieces: set[int] = set()
        while nodes:
            node = nodes.pop()
            row = self._connection.execute("SELECT parent, piece FROM node WHERE id = ?", (node,)).fetchone()
            if row is not None and self._connection.execute(_DELETE_NODE, (node,)).rowcount:
                pieces.add(row[1])
                nodes |= {row[0]} - {None}
        return pieces

    def _collect_pieces(self, pieces: set[int]) -> Pruned:
        count = size = 0
        for held in pieces:
            row = self._connection.execute("SELECT length(data) FROM piece WHERE id = ?", (held,)).fetchone()
            if row is not None and self._connection.execute(_DELETE_PIECE, (held,)).rowcount:
                count += 1
                size += row[0]
        return Pruned(pieces=count, bytes=size)
