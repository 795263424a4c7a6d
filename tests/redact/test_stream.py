from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redact.shapes import SHAPES
from spanglass.redact import REDACTED, Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REDACTOR = Redactor()
KEY = SHAPES[0].make()


def _sse(events: Sequence[Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"


def _ndjson(events: Sequence[Any]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def _array(events: Sequence[Any]) -> bytes:
    return b"[" + b",\n".join(json.dumps(event).encode() for event in events) + b"]"


def _chat(text: str) -> Any:
    return {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


def _arguments(text: str) -> Any:
    return {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 1, "function": {"arguments": text}}]}}]}


def _responses(text: str) -> Any:
    return {
        "type": "response.output_text.delta",
        "output_index": 0,
        "content_index": 0,
        "delta": text,
        "obfuscation": "x",
    }


def _anthropic(text: str) -> Any:
    return {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": text}}


def _partial(text: str) -> Any:
    return {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": text}}


def _gemini(text: str) -> Any:
    return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}], "modelVersion": "g"}


def _ollama(text: str) -> Any:
    return {"model": "llama", "message": {"role": "assistant", "content": text}, "done": False}


def _unheard_of(text: str) -> Any:
    return {"kind": "x", "utterance": {"words": text}}


FORMATS = [_chat, _arguments, _responses, _anthropic, _partial, _gemini, _ollama, _unheard_of]
FRAMINGS: list[tuple[Callable[[Sequence[Any]], bytes], str]] = [
    (_sse, "text/event-stream; charset=utf-8"),
    (_ndjson, "application/x-ndjson"),
    (_array, "application/json"),
]


def _pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize(("frame", "content_type"), FRAMINGS)
@pytest.mark.parametrize("event", FORMATS)
def test_a_credential_spelled_over_events_is_masked(
    event: Callable[[str], Any], frame: Callable[[Sequence[Any]], bytes], content_type: str, size: int
) -> None:
    spelled = [*("Your", " key", " is\n", " "), *_pieces(KEY, size), *(",", " keep", " it")]
    masked, count = REDACTOR.body(frame([event(piece) for piece in spelled]), content_type)
    shown = ["Your", " key", " is\n", " ", REDACTED, *[""] * (len(spelled) - 8), ",", " keep", " it"]
    assert (masked, count) == (frame([event(piece) for piece in shown]), 1)


def test_the_argument_of_a_streamed_tool_call_is_masked_by_its_name() -> None:
    spelled = ['{"user": "a', 'da", "pass', 'word": "hun', "ter2", '", "n": 1}']
    masked, count = REDACTOR.body(_sse([_partial(piece) for piece in spelled]), "text/event-stream")
    shown = ['{"user": "a', 'da", "pass', f'word": "{REDACTED}', "", '", "n": 1}']
    assert (masked, count) == (_sse([_partial(piece) for piece in shown]), 1)


def test_choices_that_are_streamed_side_by_side_are_read_apart() -> None:
    def event(index: int, text: str) -> Any:
        return {"choices": [{"index": index, "delta": {"content": text}}]}

    spelled = [event(index, piece) for piece in _pieces(KEY, 4) for index in (0, 1)]
    masked, count = REDACTOR.body(_sse(spelled), "text/event-stream")
    first = [event(index, REDACTED) for index in (0, 1)]
    assert (masked, count) == (_sse(first + [event(index, "") for _ in _pieces(KEY, 4)[1:] for index in (0, 1)]), 2)


@pytest.mark.parametrize("gap", [":", ": ", " :", " : ", ":  ", ":\t", "\t:", ": \t", ":\r"])
def test_white_space_between_a_name_and_its_value_hides_nothing(gap: str) -> None:
    def line(index: int, text: str) -> bytes:
        return json.dumps({"index": index, "content": text}, separators=(",", gap)).encode() + b"\n"

    spelled = b"".join(line(index, piece) for piece in _pieces(KEY, 4) for index in (0, 1))
    masked, count = REDACTOR.body(spelled, "application/x-ndjson")
    assert count == 2
    assert masked.startswith(line(0, REDACTED) + line(1, REDACTED) + line(0, "") + line(1, ""))


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
def test_a_stream_is_one_by_how_it_begins_too(content_type: str) -> None:
    body = b"".join(b'data: {"content": "%s"}\n\n' % piece.encode() for piece in (KEY[:9], KEY[9:]))
    masked, count = Redactor().body(body, content_type)
    assert (masked, count) == (b'data: {"content": "[REDACTED]"}\n\ndata: {"content": ""}\n\n', 1)


def test_many_credentials_and_many_names_in_few_lines_are_all_found() -> None:
    names = b", ".join(b'"n%d": "x"' % number for number in range(2_000))
    pieces = b"".join(b'data: {"content": "%s"}\n\n' % piece.encode() for piece in (KEY[:9], KEY[9:], " and ") * 500)
    body = b"data: {" + names + b"}\n\n" + pieces
    masked, count = Redactor().body(body, "text/event-stream")
    assert count == 500
    assert KEY[9:].encode() not in masked


def test_a_pattern_of_the_user_is_found_over_events() -> None:
    redactor = Redactor(patterns=[r"ACME-\d+"])
    masked, count = redactor.body(
        _sse([_chat(piece) for piece in ("see é AC", "ME-", "12", "3.")]), "text/event-stream"
    )
    assert (masked, count) == (_sse([_chat(piece) for piece in (f"see é {REDACTED}", "", "", ".")]), 1)


@pytest.mark.parametrize(("frame", "content_type"), FRAMINGS)
def test_a_stream_without_credentials_is_the_very_same_object(
    frame: Callable[[Sequence[Any]], bytes], content_type: str
) -> None:
    body = frame([event(word) for event in FORMATS for word in ("Hello", ' "quoted"', "\n", "é", " world", "\\")])
    assert REDACTOR.body(body, content_type)[0] is body


def _frame(payload: bytes, headers: bytes = b"\x0b:event-type\x07\x00\x05chunk") -> bytes:
    total = 12 + len(headers) + len(payload) + 4
    prelude = struct.pack(">II", total, len(headers))
    head = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return head + struct.pack(">I", zlib.crc32(head))


def _plain(value: Any) -> bytes:
    return json.dumps(value).encode()


def _encoded(value: Any) -> bytes:
    return json.dumps({"bytes": base64.b64encode(json.dumps(value).encode()).decode(), "p": "abc"}).encode()


@pytest.mark.parametrize("payload", [_plain, _encoded])
def test_a_binary_event_stream_keeps_its_frames_and_their_checksums(payload: Callable[[Any], bytes]) -> None:
    def stream(texts: Sequence[str], password: Any) -> bytes:
        frames = [_frame(payload({"contentBlockIndex": 0, "delta": {"text": text}})) for text in texts]
        return b"".join([*frames, _frame(payload({"password": password}))])

    body = stream(["a ", *_pieces(KEY, 5), " b"], 1234)
    masked, count = REDACTOR.body(body, "application/vnd.amazon.eventstream")
    assert (masked, count) == (stream(["a ", *("*" * len(piece) for piece in _pieces(KEY, 5)), " b"], "**"), 2)
    assert REDACTOR.body(masked, "application/vnd.amazon.eventstream") == (masked, 0)


def test_a_binary_event_stream_that_is_cut_off_is_masked_to_its_end() -> None:
    whole = _frame(_plain({"text": f"{KEY} ."}))
    body = whole + whole[:-30]
    masked, count = REDACTOR.body(body, "application/vnd.amazon.eventstream")
    assert (len(masked), count) == (len(body), 2)
    cut = whole[:-30]
    visible = len(cut) - cut.index(b"sk-")
    assert masked == _frame(_plain({"text": "*" * len(KEY) + " ."})) + cut[:-visible] + b"*" * visible


def test_a_binary_event_stream_without_credentials_is_the_very_same_object() -> None:
    for body in (b"", b"\x00", _frame(b"{}"), _frame(_encoded({"a": "b"})), b"\xff" * 40, _frame(b'{"bytes":"!"}')):
        assert REDACTOR.body(body, "application/vnd.amazon.eventstream")[0] is body


@settings(deadline=None)
@given(
    secret=st.sampled_from(SHAPES).filter(lambda shape: not shape.kept).map(lambda shape: shape.make()),
    cuts=st.lists(st.integers(1, 12), min_size=1, max_size=40),
    event=st.sampled_from(FORMATS),
    framing=st.sampled_from(FRAMINGS),
)
def test_no_credential_survives_in_the_joined_text_of_a_stream(
    secret: str, cuts: list[int], event: Callable[[str], Any], framing: tuple[Callable[[Sequence[Any]], bytes], str]
) -> None:
    pieces, at = ["The key: "], 0
    for cut in cuts:
        pieces.append(secret[at : at + cut])
        at += cut
    events = [event(piece) for piece in [*pieces, secret[at:], " ."]]
    masked, count = REDACTOR.body(framing[0](events), framing[1])
    text = masked.decode()
    lines = (
        json.loads(text)
        if framing[1] == "application/json"
        else [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line and "[DONE]" not in line]
    )
    assert len(lines) == len(events)
    joined = "".join(_strings(lines))
    assert (secret in joined, count) == (False, 1)


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in items for text in _strings(item)]
