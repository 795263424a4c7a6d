from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanglass.store import chain, piece
from spanglass.store.chain import Chain, Literal, Piece
from spanglass.store.phrases import PHRASES

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_messages = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": _json | st.text(min_size=200)}),
    max_size=8,
)
_bodies = st.fixed_dictionaries(
    {"model": st.text(max_size=10), "messages": _messages, "system": st.text(max_size=900)},
    optional={"tools": _messages, "input": st.lists(st.text(max_size=600), max_size=6), "x": _json},
)


def _message(text: str, size: int = 300) -> dict[str, str]:
    return {"role": "user", "content": text * (size // len(text))}


def _body(**values: Any) -> bytes:
    return json.dumps(values).encode()


def _chains(body: bytes) -> dict[str, Chain]:
    return {segment.key: segment for segment in chain.split(body) if isinstance(segment, Chain)}


@given(
    _bodies, st.sampled_from(["ascii", "utf-8"]), st.sampled_from([None, 1, "\t"]), st.sampled_from(["", " ", "\r\n "])
)
def test_any_request_comes_out_as_the_very_bytes(
    value: dict[str, Any], charset: str, indent: int | str | None, around: str
) -> None:
    text = around + json.dumps(value, ensure_ascii=charset == "ascii", indent=indent) + around
    body = text.encode("utf-8", "surrogatepass")
    assert chain.join(chain.split(body)) == body


@given(st.binary(max_size=3000) | st.text(alphabet='{}[]",:\\ a1\n', min_size=1024, max_size=3000).map(str.encode))
def test_any_bytes_come_out_as_the_very_bytes(body: bytes) -> None:
    assert chain.join(chain.split(body)) == body


@given(_bodies, st.data())
def test_a_damaged_request_comes_out_as_the_very_bytes(value: dict[str, Any], data: st.DataObject) -> None:
    body = bytearray(json.dumps(value).encode())
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] = data.draw(st.integers(0, 255))
    assert chain.join(chain.split(bytes(body))) == bytes(body)


def test_the_elements_of_top_level_arrays_become_chains() -> None:
    body = _body(model="m", messages=[_message("a"), _message("b")], tools=[{"name": "t" * 300}], stop=["\n"])
    chains = _chains(body)
    assert {key: len(held.pieces) for key, held in chains.items()} == {"messages": 2, "tools": 1}
    assert chains["messages"].pieces[1] == b", " + json.dumps(_message("b")).encode()


def test_large_texts_and_objects_are_pieces() -> None:
    body = _body(system="s" * 600, config={"a": "c" * 600}, temperature=1)
    pieces = [segment.data for segment in chain.split(body) if isinstance(segment, Piece)]
    assert pieces == [json.dumps("s" * 600).encode(), json.dumps({"a": "c" * 600}).encode()]


def test_arrays_of_numbers_and_of_short_strings_are_not_cut_up() -> None:
    body = _body(input=list(range(1000)), texts=["short"] * 200, matrix=[[1, 2]] * 200)
    assert not _chains(body)
    assert sum(isinstance(segment, Piece) for segment in chain.split(body)) == 3


def test_an_array_of_long_strings_is_a_chain() -> None:
    assert len(_chains(_body(input=["t" * 400, "u" * 400, "v" * 400]))["input"].pieces) == 3


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages": [{"a": 1}]}',
        b"\xff" * 2000,
        b"[" + b'{"a": 1},' * 300 + b"{}]",
        b'{"messages": [' + b"[" * 200_000,
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"messages": [{"a": "' + b"x" * 2000 + b'"}]} trailing',
        b'{"messages": [{"a": "' + b"x" * 2000,
        b"\xef\xbb\xbf" + b'{"messages": [{"a": "' + b"x" * 2000 + b'"}]}',
        b'{1: "' + b"x" * 2000 + b'"}',
        b"",
    ],
    ids=["small", "binary", "array", "open", "deep", "trailing", "cut", "bom", "number-key", "empty"],
)
def test_what_cannot_be_cut_is_kept_whole(body: bytes) -> None:
    assert chain.split(body) == (Literal(body) if len(body) < chain.WHOLE_BELOW else Piece(body),)


def test_duplicate_keys_and_huge_numbers_are_fine() -> None:
    messages = json.dumps([_message("a"), _message("b")]).encode()
    number = b"9" * 6000
    body = b'{"messages": ' + messages + b', "n": ' + number + b', "messages": ' + messages + b"}"
    frame = chain.split(body)
    assert [type(segment).__name__ for segment in frame] == [
        "Literal",
        "Chain",
        "Literal",
        "Piece",
        "Literal",
        "Chain",
        "Literal",
    ]
    assert chain.join(frame) == body


def test_windows_with_a_common_prefix_share_its_nodes() -> None:
    history = [_message(letter) for letter in "abcdef"]
    short = chain.links(_chains(_body(model="m", messages=history[:4]))["messages"])
    longer = chain.links(_chains(_body(temperature=1, model="other", messages=history))["messages"])
    assert [link.node for link in short] == [link.node for link in longer[:4]]


def test_behind_another_prefix_nodes_differ_and_pieces_are_the_same() -> None:
    tail = [_message("b"), _message("c")]
    one = chain.links(_chains(_body(messages=[_message("a", 500), *tail]))["messages"])
    other = chain.links(_chains(_body(messages=[_message("z", 500), *tail]))["messages"])
    assert not {link.node for link in one} & {link.node for link in other}
    assert [link.digest for link in one[1:]] == [link.digest for link in other[1:]]


def test_a_node_is_the_hash_of_algorithm_parent_and_piece() -> None:
    held = _chains(_body(messages=[_message("a"), _message("b"), _message("c"), _message("d")]))["messages"]
    node = bytes(32)
    for link, data in zip(chain.links(held), held.pieces, strict=True):
        node = hashlib.sha256(b"spanglass.chain.1\0" + node + hashlib.sha256(data).digest()).digest()
        assert link == (node, hashlib.sha256(data).digest(), data)


def test_parted_is_the_first_element_that_differs() -> None:
    history = [_message(letter) for letter in "abcdef"]
    base = _chains(_body(messages=history))["messages"]
    changed = _chains(_body(messages=[*history[:3], _message("z"), *history[4:]]))["messages"]
    longer = _chains(_body(messages=[*history, _message("g")]))["messages"]
    assert (chain.parted(base, changed), chain.parted(base, longer), chain.parted(base, base)) == (3, 6, 6)


@given(st.binary(max_size=20_000) | st.text(max_size=3000).map(str.encode))
def test_a_packed_piece_unpacks_to_the_very_bytes(data: bytes) -> None:
    packed = piece.pack(data)
    assert piece.unpack(packed) == data
    assert len(packed) <= len(data) + 1


@pytest.mark.parametrize("packed", [b"", b"\x09abc", b"\x01abc", b"\x02abc"])
def test_a_damaged_piece_is_an_error(packed: bytes) -> None:
    with pytest.raises(ValueError, match="piece"):
        piece.unpack(packed)


def test_what_was_packed_stays_readable() -> None:
    """What is on users' disks: neither the codecs nor the dictionary may change under it."""
    packed = bytes.fromhex(
        "0228b52ffd24563d0100b0756e6368616e676564227d2c666f722065766572227d04008c87098cdd3192e68e0526780f10c6384a73"
    )
    assert piece.unpack(packed) == (
        b'{"role": "assistant", "content": "unchanged"}, {"role": "user", "content": "for ever"}'
    )
    assert hashlib.sha256(PHRASES).hexdigest() == "2cbe311258cb738f46117c5ffaea1aa94fe852d239c192cdf7fafe9822092b13"
