"""Chunks that wait for others: any order, any repetition, a new process; bounded in bytes and time."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from spanglass.server.depot import Depot
from spanglass.store.parcel import Chunk, pack
from store.entries import noise, request

if TYPE_CHECKING:
    from pathlib import Path


DIGEST = "a" * 64


def chunks(seed: int = 1, size: int = 40) -> list[Chunk]:
    """The chunks of an entry, more than two."""
    return pack(request(noise(size, seed=seed)), size)


def test_a_parcel_is_given_out_when_its_last_chunk_has_come_whatever_the_order(tmp_path: Path) -> None:
    whole = chunks()
    for order in (whole, whole[::-1], [*whole[1:], *whole[1:], whole[0]]):
        depot = Depot(tmp_path / f"{id(order)}")
        given = [depot.add(chunk) for chunk in order]
        assert given == [None] * (len(order) - 1) + [[chunk.data for chunk in whole]]


def test_chunks_outlive_the_process(tmp_path: Path) -> None:
    *early, last = chunks()
    for chunk in early:
        assert Depot(tmp_path).add(chunk) is None
    assert Depot(tmp_path).add(last) == [chunk.data for chunk in (*early, last)]
    assert Depot(tmp_path).waiting() == 1


def test_a_parcel_that_is_done_takes_no_room_and_its_chunks_are_of_no_use_any_more(tmp_path: Path) -> None:
    depot = Depot(tmp_path)
    whole = chunks()
    for chunk in whole:
        depot.add(chunk)
    depot.finish(whole[0].digest)
    assert depot.waiting() == 0
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) == 0
    assert [Depot(tmp_path).add(chunk) for chunk in whole] == [None] * len(whole)


def test_what_waits_too_long_is_given_up_and_counted_and_what_is_done_is_forgotten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    depot = Depot(tmp_path, max_age_s=100)
    depot.add(chunks(1)[0])
    depot.finish(chunks(2)[0].digest)
    depot.add(chunks(3)[0])
    for digest in (chunks(1)[0].digest, chunks(2)[0].digest):
        os.utime(tmp_path / digest, (1, 1))
    assert (depot.tend(), depot.waiting()) == (1, 1)
    assert "1 large entries are given up" in caplog.text
    assert depot.tend() == 0


def test_what_is_over_the_bound_is_given_up_oldest_first(tmp_path: Path) -> None:
    depot = Depot(tmp_path, max_bytes=100)
    parcels = [chunks(seed, 60) for seed in (1, 2, 3)]
    for age, parcel in zip((300, 200, 100), parcels, strict=True):
        depot.add(parcel[0])
        stamp = 2**31 - age
        os.utime(tmp_path / parcel[0].digest, (stamp, stamp))
    assert depot.tend() == 2
    assert [path.name for path in tmp_path.iterdir()] == [parcels[2][0].digest]


@pytest.mark.parametrize(
    ("digest", "number", "count"),
    [("../../etc", 0, 2), ("a" * 63, 0, 2), ("A" * 64, 0, 2), (DIGEST, 2, 2), (DIGEST, -1, 2), (DIGEST, 0, 10**9)],
)
def test_a_chunk_that_names_itself_oddly_touches_nothing(tmp_path: Path, digest: str, number: int, count: int) -> None:
    with pytest.raises(ValueError, match="is none"):
        Depot(tmp_path / "depot").add(Chunk("", "", "request", digest, number, count, b"x"))
    assert not (tmp_path / "depot").exists()


def test_nobody_else_can_look_into_it(tmp_path: Path) -> None:
    depot = Depot(tmp_path / "state" / "depot")
    chunk = chunks()[0]
    depot.add(chunk)
    directory = tmp_path / "state" / "depot" / chunk.digest
    for made in (directory, *directory.parents[:2]):
        assert made.stat().st_mode & 0o077 == 0
    assert [path.stat().st_mode & 0o777 for path in directory.iterdir()] == [0o600]
    assert hashlib.sha256(b"".join(part.data for part in chunks())).hexdigest() == chunk.digest
