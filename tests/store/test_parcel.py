"""Entries travel in chunks and come out as what a store would have made of them."""

from __future__ import annotations

import hashlib
import json
import struct
from typing import TYPE_CHECKING

import msgspec
import pytest
import zstandard

from spanglass.model.entry import (
    AttemptEntry,
    EnvelopeEntry,
    ExitEntry,
    OutcomeEntry,
    StepEntry,
    UpstreamEntry,
)
from spanglass.model.record import ErrorInfo
from spanglass.model.step import Step
from spanglass.store.parcel import CHUNK_BYTES, pack, read_header, unpack
from spanglass.store.part import part_of
from store.entries import SPAN, T0, TRACE, facts, noise, request

if TYPE_CHECKING:
    from spanglass.model.entry import Entry

LIMIT = 1 << 24
ENTRIES: list[Entry] = [
    request(b'{"messages": []}', workflow_id="w"),
    request(None),
    request(b""),
    AttemptEntry(TRACE, SPAN, 2, 200, T0, complete=True, headers=[("a", "b")], body=b"\x00\xff", missing=["x"]),
    OutcomeEntry(TRACE, SPAN, facts(), "error", T0, ErrorInfo("E", "m")),
    EnvelopeEntry(TRACE, SPAN, None, "n", "s", "c", 1, 2, b"{}", 7, 1, ["m"]),
    UpstreamEntry(TRACE, SPAN, body=b'"upstream"'),
    StepEntry(TRACE, SPAN, 3, Step("parse", {"a": [1, None]}, T0, 5)),
    StepEntry(TRACE, SPAN, 4, Step("lone \ud800", {"a": "\ud800"}, T0, None)),
    ExitEntry("1-1-abcdef01"),
]


def as_kept(entry: Entry) -> object:
    if isinstance(entry, ExitEntry):
        return entry
    key, part, body = part_of(entry)
    return key, part.entry, body


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.kind)
@pytest.mark.parametrize("chunk_bytes", [CHUNK_BYTES, 7])
def test_an_entry_comes_out_as_a_store_would_have_kept_it(entry: Entry, chunk_bytes: int) -> None:
    chunks = pack(entry, chunk_bytes)
    assert [(chunk.number, chunk.count) for chunk in chunks] == [(n, len(chunks)) for n in range(len(chunks))]
    assert all(len(chunk.data) <= chunk_bytes for chunk in chunks)
    found = unpack(entry.kind, chunks[0].digest, [chunk.data for chunk in chunks], LIMIT)
    assert as_kept(found) == as_kept(entry)
    assert pack(entry, chunk_bytes) == chunks, "it packs the same way each time"


def test_no_record_is_larger_than_receivers_take() -> None:
    body = noise(5 << 20)
    entry = request(body)
    chunks = pack(entry)
    assert len(chunks) == 11
    assert max(len(chunk.data) + len(chunk.header) for chunk in chunks) <= CHUNK_BYTES + (32 << 10)
    assert unpack("request", chunks[0].digest, [chunk.data for chunk in chunks], LIMIT) == entry


def test_the_header_of_a_large_entry_tells_all_but_its_body_and_what_is_missing() -> None:
    chunk = pack(request(noise(1 << 20)))[0]
    (_, part, _) = part_of(request(None))
    assert json.loads(msgspec.json.encode(read_header("request", chunk.header, "late"))) == {
        **json.loads(part.meta),
        "missing": ["late"],
    }


def test_a_header_that_is_long_itself_travels_inside_the_chunks_only() -> None:
    text = noise(1 << 20).hex()
    entry = OutcomeEntry(TRACE, SPAN, facts(), "error", T0, ErrorInfo("E", text))
    chunks = pack(entry)
    assert {chunk.header for chunk in chunks} == {b""}
    assert unpack("outcome", chunks[0].digest, [chunk.data for chunk in chunks], LIMIT) == entry


def sealed(data: bytes) -> tuple[str, list[bytes]]:
    return hashlib.sha256(data).hexdigest(), [data]


def framed(header: bytes, body: bytes = b"") -> bytes:
    return zstandard.compress(struct.pack("<I", len(header)) + header + body)


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("request", b"no zstd", "cannot be unpacked"),
        ("request", zstandard.compress(b"ab"), "4 to 16,777,216 are taken"),
        ("request", zstandard.compress(bytes(1 << 25)), "hold 33,554,432 bytes"),
        ("request", framed(b"{}"), "not the header"),
        ("request", framed(b"{"), "not the header"),
        ("request", struct.pack("<I", 99) + b"{}", "cannot be unpacked"),
        ("secret", framed(b"{}"), "unknown kind 'secret'"),
        ("exit", framed(b"\xff"), "not the header"),
    ],
)
def test_what_was_not_packed_here_is_refused_in_words(kind: str, data: bytes, words: str) -> None:
    digest, slices = sealed(data)
    with pytest.raises(ValueError, match=words):
        unpack(kind, digest, slices, LIMIT)


def test_chunks_that_are_not_all_and_in_order_are_not_taken_for_the_entry() -> None:
    entry = request(b'{"a": "' + noise(50).hex().encode() + b'"}')
    chunks = [chunk.data for chunk in pack(entry, 40)]
    digest = pack(entry, 40)[0].digest
    for wrong in (chunks[:-1], chunks[1:], [*chunks, chunks[0]], chunks[::-1]):
        with pytest.raises(ValueError, match="digest"):
            unpack("request", digest, wrong, LIMIT)
    assert not json.loads(pack(entry, 40)[0].header).get("body")
