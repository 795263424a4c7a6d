from __future__ import annotations

import gzip
import importlib.util
import tracemalloc
import zlib

import pytest
import zstandard

from spanglass.wire.read import decode_content

PLAIN = b'{"text": "' + b"abc " * 500 + b'"}'
RAW_DEFLATE = zlib.compress(PLAIN)[2:-4]
ENCODED = {
    "identity": PLAIN,
    "": PLAIN,
    "gzip": gzip.compress(PLAIN),
    "x-gzip": gzip.compress(PLAIN),
    "GZIP": gzip.compress(PLAIN),
    "deflate": zlib.compress(PLAIN),
    "deflate ": RAW_DEFLATE,
    "zstd": zstandard.compress(PLAIN),
    "gzip, zstd": zstandard.compress(gzip.compress(PLAIN)),
    " gzip": gzip.compress(PLAIN[:7]) + gzip.compress(PLAIN[7:]),
    " zstd": zstandard.compress(PLAIN[:7]) + zstandard.compress(PLAIN[7:]),
    "gzip ": gzip.compress(PLAIN) + b"\0" * 20,
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_undoes_the_encoding(encoding: str) -> None:
    assert decode_content(ENCODED[encoding], encoding) == PLAIN


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("body", [b"", b"\x1f", b"\x78"])
def test_nothing_gives_nothing(encoding: str, body: bytes) -> None:
    if body and not ENCODED[encoding].startswith(body):
        pytest.skip("not the beginning of this encoding")
    assert decode_content(body, encoding) == b""


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_cut_body_gives_what_was_in_it(encoding: str) -> None:
    noise = bytes(range(256)) * 40
    whole = gzip.compress(noise, 1) if encoding == "gzip" else zlib.compress(noise, 1)
    for end in range(0, len(whole), 7):
        decoded = decode_content(whole[:end], encoding)
        assert noise.startswith(decoded)
    assert len(decode_content(whole[:-4], encoding)) > len(noise) // 2


def test_a_cut_zstd_stream_gives_what_was_in_it() -> None:
    compressor = zstandard.ZstdCompressor().compressobj()
    first = compressor.compress(b"first ") + compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    second = compressor.compress(b"second") + compressor.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH)
    assert decode_content(first, "zstd") == b"first "
    assert b"first second".startswith(decode_content((first + second)[:-3], "zstd"))
    assert decode_content(first + second, "zstd") == b"first second"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_bytes_of_another_kind_are_an_error_that_names_the_encoding(encoding: str) -> None:
    with pytest.raises(ValueError, match=f"cannot undo content-encoding '{encoding}'.*keep the encoded bytes"):
        decode_content(b"\xff\xff plainly not compressed", encoding)


def test_an_unknown_encoding_is_an_error_that_says_what_is_known() -> None:
    with pytest.raises(ValueError, match=r"content-encoding 'compress': known are br, deflate, gzip, x-gzip, zstd"):
        decode_content(b"", "compress")


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) for name in ("brotli", "brotlicffi")), reason="brotli is installed here"
)
def test_brotli_without_its_package_says_what_to_install() -> None:
    with pytest.raises(ValueError, match="run: pip install brotli"):
        decode_content(b"x", "br")


def test_undoes_brotli_where_its_package_is_installed() -> None:
    brotli = pytest.importorskip("brotli")
    assert decode_content(brotli.compress(PLAIN), "br") == PLAIN


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "deflate ", "zstd", "gzip, zstd", " gzip", " zstd"])
def test_no_more_is_undone_than_is_asked_for(encoding: str) -> None:
    for limit in (1, 7, 100):
        assert decode_content(ENCODED[encoding], encoding, limit) == PLAIN[: limit + 1]
    assert decode_content(ENCODED[encoding], encoding, len(PLAIN)) == PLAIN


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_few_bytes_that_stand_for_many_take_no_room(encoding: str) -> None:
    zeros = bytes(200_000_000)
    bomb = gzip.compress(zeros, 1) if encoding == "gzip" else zstandard.compress(zeros)
    del zeros
    tracemalloc.start()
    try:
        assert len(decode_content(bomb, encoding, 1000)) == 1001
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
