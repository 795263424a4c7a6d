from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any, get_args, get_type_hints
from zlib import crc32

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from journal.made import outcome, request
from spanglass.journal.frame import MAGIC, PREFIX_SIZE, VERSION, Frame, decode, encode_all, find, read, seed_of
from spanglass.model.entry import ENTRY_TYPES, AttemptEntry, CallFacts, Entry, StepEntry, UpstreamEntry
from spanglass.model.record import ErrorInfo, State, Usage
from spanglass.model.step import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

SEED = seed_of("1-2-3")

_any_text = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates too
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_any_text, inner, max_size=3),
    max_leaves=6,
)
_special: dict[Any, st.SearchStrategy[Any]] = {
    str: _any_text,
    int: st.integers(-(2**63), 2**64 - 1),
    bool: st.booleans(),
    State: st.sampled_from(get_args(State)),
    list[str]: st.lists(_any_text, max_size=3),
    list[tuple[str, str]]: st.lists(st.tuples(_any_text, _any_text), max_size=3),
    Step: st.builds(Step, _any_text, st.dictionaries(_any_text, _json, max_size=3), st.integers(0, 2**63)),
    ErrorInfo: st.builds(ErrorInfo, _any_text, _any_text),
    Usage: st.builds(Usage, st.none() | st.integers(0, 2**40)),
    bytes: st.binary(max_size=50),
}


def _strategy(hint: Any) -> st.SearchStrategy[Any]:
    if hint in _special:
        return _special[hint]
    if hint is CallFacts:
        return _made(CallFacts)
    return st.one_of([st.none() if kind is type(None) else _strategy(kind) for kind in get_args(hint)])


def _made(cls: type[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(cls)
    return st.builds(cls, **{name: _strategy(hint) for name, hint in hints.items() if name != "kind"})


entries: st.SearchStrategy[Entry] = st.one_of([_made(cls) for cls in ENTRY_TYPES.values()])


def written(*items: Entry, seed: int = SEED) -> bytes:
    return b"".join(encode_all(items, seed)[0])


def read_all(raw: bytes, seed: int = SEED) -> list[Entry]:
    """As a reader of a sealed segment does: from frame to frame, over what is damaged."""
    file, offset, found = io.BytesIO(raw), 0, []
    while offset < len(raw):
        frame = read(file, offset, seed)
        if isinstance(frame, Frame):
            found.append(decode(frame))
            offset = frame.end
        else:
            good = find(file, offset + 1, len(raw), seed)
            if good is None:
                break
            offset = good
    return found


def is_subsequence(part: Sequence[Entry], whole: Sequence[Entry]) -> bool:
    rest = iter(whole)
    return all(any(item == other for other in rest) for item in part)


@given(st.lists(entries, max_size=4))
@example([UpstreamEntry("a", "b", body=None), UpstreamEntry("a", "b", body=b""), UpstreamEntry("a", "b", body=b"\0")])
def test_every_entry_comes_back_as_it_was(items: list[Entry]) -> None:
    assert read_all(written(*items)) == items


@given(st.lists(entries, min_size=1, max_size=4), st.data())
def test_a_flipped_bit_loses_at_most_its_own_frame_and_invents_nothing(items: list[Entry], data: st.DataObject) -> None:
    raw = bytearray(written(*items))
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] ^= 1 << data.draw(st.integers(0, 7))
    found = read_all(bytes(raw))
    assert is_subsequence(found, items)
    assert len(found) >= len(items) - 1


@given(st.lists(entries, min_size=1, max_size=3), st.data())
def test_a_cut_off_end_gives_what_was_whole(items: list[Entry], data: st.DataObject) -> None:
    raw = written(*items)
    length = data.draw(st.integers(0, len(raw) - 1))
    ends = [len(written(*items[: count + 1])) for count in range(len(items))]
    assert read_all(raw[:length]) == items[: sum(end <= length for end in ends)]


@given(st.lists(entries, min_size=1, max_size=3), st.binary(max_size=60))
def test_garbage_in_the_middle_is_passed_over(items: list[Entry], garbage: bytes) -> None:
    raw = written(items[0]) + garbage + written(*items[1:])
    assert read_all(raw) == items


def test_a_frame_inside_a_body_is_not_taken_for_one() -> None:
    planted = written(request(666), seed=seed_of("another-owner"))
    raw = bytearray(written(request(1, body=b"x" + planted + b"y"), request(2)))
    raw[-len(written(request(2))) - 1] ^= 1  # the end of the first body: its frame is damaged
    assert read_all(bytes(raw)) == [request(2)]


@pytest.mark.parametrize("cut", [1, 3, 4, PREFIX_SIZE - 1, PREFIX_SIZE, PREFIX_SIZE + 5, -1])
def test_a_frame_that_is_being_written_is_partial_not_damaged(cut: int) -> None:
    assert read(io.BytesIO(written(request(1))[:cut]), 0, SEED) == "partial"


def test_nothing_is_the_end() -> None:
    assert read(io.BytesIO(), 0, SEED) == "end"


def test_other_bytes_are_damaged() -> None:
    assert read(io.BytesIO(b"{}"), 0, SEED) == "damaged"
    assert read(io.BytesIO(b"{}" * 100), 0, SEED) == "damaged"


def test_a_newer_version_is_told_from_damage() -> None:
    prefix = struct.pack("<4sBBBxII", MAGIC, VERSION + 1, 99, 1, 5, 5)
    checks = struct.pack("<II", crc32(prefix, SEED), 0)
    assert read(io.BytesIO(prefix + checks), 0, SEED) == "newer"


def test_a_value_that_is_no_json_is_named_and_its_text_left_out() -> None:
    class Credentials:
        def __repr__(self) -> str:
            return "sk-secret"

    entry = StepEntry("a", "b", 0, Step("call", {"with": Credentials(), "n": float("nan")}))
    (found,) = read_all(written(entry))
    assert isinstance(found, StepEntry)
    name = Credentials.__qualname__
    assert found.step.data == {"with": f"[not JSON: {name}]", "n": None}


def test_a_header_with_a_lone_surrogate_keeps_other_values_that_are_no_json_named() -> None:
    entry = StepEntry("a", "b", 0, Step("\udc80", {"with": object()}))
    assert read_all(written(entry)) == [StepEntry("a", "b", 0, Step("\udc80", {"with": "[not JSON: object]"}))]


def test_a_large_body_is_not_copied() -> None:
    body = b"x" * 100_000
    assert encode_all([request(1, body)], SEED)[0][1] is body


def test_bytes_that_are_no_entry_of_their_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="kind 99"):
        decode(Frame("kind 99", b"{}", None, 2))
    with pytest.raises(ValueError, match="trace_id"):
        decode(Frame("outcome", b"{}", None, 2))


def test_fields_of_a_later_release_are_ignored() -> None:
    ((head,), _) = encode_all([outcome(1)], SEED)
    header = head[PREFIX_SIZE:][:-1] + b',"later":1}'
    assert decode(Frame("outcome", header, None, 0)) == outcome(1)


def test_an_attempt_with_everything_comes_back() -> None:
    entry = AttemptEntry(
        "a" * 32,
        "b" * 16,
        number=2,
        status=200,
        ended_at=5,
        complete=False,
        headers=[("x", "é"), ("x", "y")],
        first_byte_ns=3,
        error=ErrorInfo("E", "m"),
        redactions=1,
        missing=["z"],
        body=b"\xff\0",
    )
    assert read_all(written(entry)) == [entry]
