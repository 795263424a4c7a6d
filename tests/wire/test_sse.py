from __future__ import annotations

import pytest

from spanglass.wire import sse
from spanglass.wire.read import read_response

HELLO = b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
LO = b'data: {"choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"

VARIANTS = {
    "plain": HELLO + LO + DONE,
    "carriage returns": (HELLO + LO + DONE).replace(b"\n", b"\r\n"),
    "carriage returns alone": (HELLO + LO + DONE).replace(b"\n", b"\r"),
    "byte order mark": b"\xef\xbb\xbf" + HELLO + LO + DONE,
    "no final blank line": HELLO + LO + DONE.rstrip(),
    "no done": HELLO + LO,
    "no done and no final blank line": HELLO + LO.rstrip(),
    "comment first": b": connected\n\n" + HELLO + LO + DONE,
    "comments between": HELLO + b": keep-alive\n\n" + LO + b":\n\n" + DONE,
    "comment inside an event": b": hi\n" + HELLO + LO + DONE,
    "pings without data": HELLO + b"event: ping\n\n" + LO + DONE,
    "ids and retries": b"id: 1\nretry: 10\n" + HELLO + b"id: 2\n" + LO + DONE,
    "no space after the colon": (HELLO + LO + DONE).replace(b"data: ", b"data:"),
    "several lines of data": HELLO.replace(b'"delta"', b'\ndata: "delta"') + LO + DONE,
    "more blank lines": HELLO + b"\n\n\n" + LO + b"\n" + DONE,
    "leading blank line": b"\n" + HELLO + LO + DONE,
    "named events": b"event: chunk\n" + HELLO + b"event: chunk\n" + LO + b"event: done\n" + DONE,
    "one garbled event": HELLO + b"data: {oops\n\n" + LO + DONE,
    "blank lines forgotten": HELLO[:-1] + LO[:-1] + DONE,
    "a field without a colon": HELLO + b"data\n\n" + LO + DONE,
    "mistral's envelope": HELLO.replace(b": {", b': {"data":{').replace(b"}\n", b"}}\n") + LO + DONE,
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_reads_a_stream_however_it_is_framed(variant: str) -> None:
    view = read_response("openai_chat", VARIANTS[variant], content_type="text/event-stream", status=200)
    assert ([message.content for message in view.output], view.finish_reasons, view.complete) == (
        ["Hello"],
        ("stop",),
        True,
    )


@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain", "text/event-stream; charset=utf-8"])
def test_knows_a_stream_by_its_bytes_whatever_the_header_says(content_type: str) -> None:
    view = read_response("openai_chat", VARIANTS["plain"], content_type=content_type, status=200)
    assert view.output[0].content == "Hello"


def test_splits_events_into_names_and_data() -> None:
    body = b": hi\n\nevent: a\ndata: 1\n\nevent: a\ndata: 2\n\ndata:3\ndata: 4\n\nevent: none\n\ndata: 5"
    assert sse.split(body) == [("a", b"1"), ("a", b"2"), (None, b"3\n4"), (None, b"5")]


@pytest.mark.parametrize("end", range(len(HELLO + LO)))
def test_a_stream_cut_anywhere_gives_what_had_come(end: int) -> None:
    view = read_response("openai_chat", (HELLO + LO)[:end], content_type="text/event-stream", status=200)
    whole = (HELLO + LO)[:end].rstrip(b"\n")
    expected = [] if end < len(HELLO) - 2 else ["Hel"] if end < len(HELLO + LO) - 2 else ["Hello"]
    assert [message.content for message in view.output] == expected
    assert view.complete == whole.endswith(b'"finish_reason":"stop"}]}')


def test_json_lines_fold_like_a_stream() -> None:
    body = b"\n".join(event[6:] for event in (HELLO.rstrip(), LO.rstrip()))
    view = read_response("openai_chat", body, content_type="application/x-ndjson", status=200)
    assert (view.output[0].content, view.complete) == ("Hello", True)
