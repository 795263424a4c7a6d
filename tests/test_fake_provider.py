"""The fake provider itself, through the real clients, with nothing of spanglass installed."""

from __future__ import annotations

import asyncio
import gc
import gzip
import socket
import subprocess
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import anthropic
import httpx
import openai
import pytest

from fake_provider import Answer, FakeProvider, Step, anthropic_wire, openai_wire

if TYPE_CHECKING:
    from collections.abc import Iterator

REPLY = openai_wire.Reply("s", "m", "one two three", (("look", '{"a": 1}'), ("find", '{"b": "x"}')))
ASK = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


@pytest.fixture
def client(provider: FakeProvider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k", max_retries=0) as made:
        yield made


def test_whole_and_streamed_chat_say_the_same_through_the_real_client(
    provider: FakeProvider, client: openai.OpenAI
) -> None:
    provider.script(
        Answer.json(openai_wire.chat_completion(REPLY)),
        Answer.stream(openai_wire.chat_events(REPLY, 3, include_usage=True)).rechunked(17),
    )
    whole = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "Hi"}]) as stream:
        folded = stream.get_final_completion()
    assert folded.choices[0].message.content == whole.choices[0].message.content == "one two three"
    whole_calls, folded_calls = whole.choices[0].message.tool_calls, folded.choices[0].message.tool_calls
    assert whole_calls is not None
    assert folded_calls is not None
    assert [c.model_dump(include={"id", "function"}) for c in whole_calls] == [
        {"id": c.id, "function": {"name": c.function.name, "arguments": c.function.arguments}} for c in folded_calls
    ]


def test_messages_whole_and_streamed_say_the_same_through_the_real_client(provider: FakeProvider) -> None:
    provider.script(
        Answer.json(anthropic_wire.message(REPLY)), Answer.stream(anthropic_wire.message_events(REPLY, 3)).rechunked(13)
    )
    with anthropic.Anthropic(base_url=provider.url, api_key="k", max_retries=0) as client:
        whole = client.messages.create(model="m", max_tokens=5, messages=[{"role": "user", "content": "Hi"}])
        with client.messages.stream(model="m", max_tokens=5, messages=[{"role": "user", "content": "Hi"}]) as stream:
            folded = stream.get_final_message()
    assert [block.to_dict() for block in folded.content] == [block.to_dict() for block in whole.content]
    assert folded.usage == whole.usage


def test_responses_events_fold_to_the_whole_response(provider: FakeProvider, client: openai.OpenAI) -> None:
    whole = client.responses.create(model="m", input="Hi")
    provider.script(Answer.json(openai_wire.response(REPLY)), Answer.stream(openai_wire.response_events(REPLY, 3)))
    whole = client.responses.create(model="m", input="Hi")
    with client.responses.stream(model="m", input="Hi") as stream:
        folded = stream.get_final_response()
    assert folded.output_text == whole.output_text == "one two three"


def test_an_exchange_holds_what_came_and_what_went(provider: FakeProvider) -> None:
    answer = Answer.json({"a": "ö"}, 201, [("x-y", "z")]).encoded("gzip")
    provider.script(answer)
    got = httpx.post(f"{provider.url}/any?q=1", content=b"\x00raw", headers={"X-Name": "v"})
    (exchange,) = provider.exchanges
    assert (exchange.method, exchange.path, exchange.query, exchange.body) == ("POST", "/any", "q=1", b"\x00raw")
    assert exchange.header("x-name") == "v"
    assert (got.status_code, got.headers["x-y"], got.content) == (201, "z", exchange.said)
    assert gzip.decompress(exchange.sent) == exchange.said == answer.body


def test_a_deflated_stream_can_be_read_piece_by_piece(provider: FakeProvider) -> None:
    provider.script(Answer.stream([b"data: 1\n\n", Step.HOLD, b"data: 2\n\n"]).encoded("deflate"))
    with httpx.stream("POST", f"{provider.url}/any", content=iter([b"ab", b"cd"])) as got:
        pieces = got.iter_bytes()
        assert next(pieces) == b"data: 1\n\n"
        provider.release()
        assert b"".join(pieces) == b"data: 2\n\n"
    (exchange,) = provider.exchanges
    assert exchange.body == b"abcd"
    assert zlib.decompress(exchange.sent) == exchange.said


def test_a_cut_ends_the_connection_where_the_plot_says(provider: FakeProvider) -> None:
    provider.script(Answer.stream([b"data: 1\n\n", Step.CUT, b"data: 2\n\n"]), Answer.dropped())
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(f"{provider.url}/any")
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(f"{provider.url}/any")
    assert [exchange.said for exchange in provider.exchanges] == [b"data: 1\n\n", b""]


async def test_two_hundred_at_once_are_all_held_and_all_answered(provider: FakeProvider) -> None:
    provider.script(*[Answer.json({"n": n}).held() for n in range(200)])
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=200), timeout=60) as client:
        asks = [asyncio.create_task(client.post(f"{provider.url}/any", content=b"x" * 1000)) for _ in range(200)]
        await asyncio.to_thread(provider.wait_for_requests, 200)
        provider.release()
        answers = await asyncio.gather(*asks)
    assert sorted(answer.json()["n"] for answer in answers) == list(range(200))


def test_a_client_that_goes_away_leaves_nothing_for_asyncio_to_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # A connection's parts may be collected in any order; here, as if the one that looks at the error came last.
    monkeypatch.delattr(asyncio.StreamReaderProtocol, "__del__", raising=False)
    with FakeProvider() as provider:
        for _ in range(5):
            provider.script(Answer(plot=(b"a", Step.HOLD, *(b"b" * 100 for _ in range(4))), chunked=True))
            seen = len(provider.exchanges)
            with socket.create_connection(("127.0.0.1", provider.port)) as client:
                client.sendall(b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n")
                assert client.recv(10)
                provider.wait_for_requests(seen + 1)
            provider.release()
    gc.collect()
    assert caplog.records == []


def test_the_same_request_gets_the_same_answer(provider: FakeProvider, client: openai.OpenAI) -> None:
    first, second = (client.embeddings.create(model="m", input=["a", "b"]) for _ in range(2))
    assert first == second
    assert [item.embedding for item in first.data] == [[0.25, -0.5, 0.0], [0.25, -0.5, 1.0]]


def test_it_runs_as_a_process_of_its_own_and_prints_its_port() -> None:
    command = [sys.executable, "-m", "fake_provider", "--stream-chunks", "50"]
    with subprocess.Popen(command, cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            body = {"model": "m", "messages": ASK, "stream": True}
            got = httpx.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body)
        finally:
            process.terminate()
    assert got.text.count("data: ") == 50 + 3
    assert process.returncode == 0
