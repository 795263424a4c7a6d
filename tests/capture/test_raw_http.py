"""Calls made without an SDK, over httpx and httpx2: the tap alone."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest

from capture.watch import fetch
from fake_provider import Answer, Step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from capture.watch import Watch
    from fake_provider import FakeProvider

LIBRARIES: list[Any] = [httpx, httpx2]
CHAT = "/v1/chat/completions"
BODY = b'{ "model": "m",\n "messages":[{"role":"user","content":"as \\u0073ent"}] }'
JSON = {"content-type": "application/json"}


@pytest.fixture(params=LIBRARIES, ids=lambda library: library.__name__)
def library(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_the_bytes_are_kept_as_sent_not_as_they_would_be_written_today(
    provider: FakeProvider, watch: Watch, library: Any
) -> None:
    watch.install()
    with library.Client() as client:
        got = client.post(provider.url + CHAT, content=BODY, headers=JSON)
    (span,) = watch.gen_ai_spans()
    (attempt,) = fetch(span).attempts
    assert (attempt.request_body, attempt.response_body) == (BODY, got.content)


async def test_async_streams_by_keyword_are_seen(provider: FakeProvider, watch: Watch, library: Any) -> None:
    watch.install()
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    async with library.AsyncClient() as client, client.stream("POST", provider.url + CHAT, json=body) as got:
        pieces = [piece async for piece in got.aiter_raw()]
    (span,) = await asyncio.to_thread(watch.gen_ai_spans)
    (attempt,) = fetch(span).attempts
    assert attempt.response_body == b"".join(pieces) == provider.exchanges[0].said
    assert attempt.first_byte_ns is not None


def test_a_body_from_a_generator_is_kept(provider: FakeProvider, watch: Watch, library: Any) -> None:
    def pieces() -> Iterator[bytes]:
        yield BODY[:20]
        yield BODY[20:]

    watch.install()
    with library.Client() as client:
        assert client.post(provider.url + CHAT, content=pieces(), headers=JSON).status_code == 200
    (span,) = watch.gen_ai_spans()
    record = fetch(span)
    assert provider.exchanges[0].body == record.attempts[0].request_body == BODY
    assert (record.state, record.missing) == ("done", ())
    assert record.messages[0].content == "as sent"


async def test_a_body_from_an_async_generator_is_kept(provider: FakeProvider, watch: Watch, library: Any) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield BODY[:20]
        yield BODY[20:]

    watch.install()
    async with library.AsyncClient() as client:
        assert (await client.post(provider.url + CHAT, content=pieces(), headers=JSON)).status_code == 200
    (span,) = await asyncio.to_thread(watch.gen_ai_spans)
    assert provider.exchanges[0].body == fetch(span).attempts[0].request_body == BODY


def test_what_is_not_for_a_model_is_left_alone(provider: FakeProvider, watch: Watch, library: Any) -> None:
    provider.otherwise(lambda _path, _body: Answer.json({"ok": True}))
    watch.install()
    with library.Client() as client:
        client.get(f"{provider.url}/v1/models")
        client.post(f"{provider.url}/login", json={"user": "me", "message": "hello"})
        client.post(f"{provider.url}/upload", content=b"\x00\xff" * 100)
    assert watch.gen_ai_spans() == []


def test_an_unknown_endpoint_that_looks_like_a_models_is_kept_whole(
    provider: FakeProvider, watch: Watch, library: Any
) -> None:
    provider.script(Answer.json({"anything": 1}))
    watch.install()
    with library.Client() as client:
        client.post(f"{provider.url}/my/own/gateway", content=BODY, headers=JSON)
    (span,) = watch.gen_ai_spans()
    record = fetch(span)
    assert (record.format, record.attempts[0].request_body) == ("opaque", BODY)


def test_an_endpoint_of_no_known_format_is_called_by_its_own_name(
    provider: FakeProvider, watch: Watch, library: Any
) -> None:
    provider.script(Answer.json({"results": []}))
    watch.install()
    with library.Client() as client:
        client.post(f"{provider.url}/v1/moderations", content=b'{"model": "m", "input": "Hi"}', headers=JSON)
    (span,) = watch.gen_ai_spans()
    assert (span.name, fetch(span).operation) == ("moderations m", "moderations")


def test_an_endpoint_can_be_named(provider: FakeProvider, watch: Watch, library: Any) -> None:
    provider.script(Answer.json({"choices": []}), Answer(plot=(b"\x00\x01",)))
    watch.install(capture_urls=[f"openai_chat={provider.url}/llm/*", f"{provider.url}/blob"])
    with library.Client() as client:
        client.post(f"{provider.url}/llm/v9", content=BODY, headers=JSON)
        client.post(f"{provider.url}/blob", content=b"\xfe\xff")
    named, blob = map(fetch, watch.gen_ai_spans())
    assert (named.format, named.request_model) == ("openai_chat", "m")
    assert (blob.format, blob.attempts[0].request_body, blob.attempts[0].response_body) == (
        "opaque",
        b"\xfe\xff",
        b"\x00\x01",
    )


def test_a_body_over_the_bound_is_marked_never_silent(provider: FakeProvider, watch: Watch, library: Any) -> None:
    long = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 5_000}]}).encode()
    watch.install(max_body_bytes=1_000)
    with library.Client() as client:
        client.post(provider.url + CHAT, content=long, headers=JSON)
    (span,) = watch.gen_ai_spans()
    record = fetch(span)
    assert not record.complete
    assert any("request_body" in line for line in record.missing)
    assert provider.exchanges[0].body == long


def test_a_client_that_subclasses_send_is_seen_once(provider: FakeProvider, watch: Watch, library: Any) -> None:
    class Theirs(library.Client):  # type: ignore[misc]
        def send(self, request: Any, **kwargs: Any) -> Any:
            return super().send(request, **kwargs)

    watch.install()
    with Theirs() as client:
        client.post(provider.url + CHAT, content=BODY, headers=JSON)
    assert len(watch.gen_ai_spans()) == 1


def test_the_request_is_on_disk_before_its_first_byte_leaves(
    provider: FakeProvider, watch: Watch, library: Any
) -> None:
    seen: list[bytes] = []

    def look(_path: str, _body: bytes) -> Answer:
        seen.append(watch.files())
        return Answer.json({})

    provider.otherwise(look)
    watch.install()
    with library.Client() as client:
        client.post(provider.url + CHAT, content=BODY, headers=JSON)
    assert BODY in seen[0]


async def test_a_cancelled_close_still_gives_the_connection_back(
    provider: FakeProvider, watch: Watch, library: Any
) -> None:
    body = b'{"error": {"message": "slow"}}'
    refusal = Answer(429, (("content-type", "application/json"),), (body[:5], Step.HOLD, body[5:]))
    provider.script(refusal, Answer.json({}))
    watch.install()
    async with library.AsyncClient(limits=library.Limits(max_connections=1), timeout=5) as client:
        request = client.build_request("POST", provider.url + CHAT, content=BODY, headers=JSON)
        got = await client.send(request, stream=True)
        closing = asyncio.create_task(got.aclose())
        await asyncio.sleep(0.02)
        closing.cancel()
        await asyncio.wait([closing])
        assert (await client.post(provider.url + CHAT, content=BODY, headers=JSON)).status_code == 200


def test_what_the_library_asks_of_its_stream_is_answered(provider: FakeProvider, watch: Watch, library: Any) -> None:
    watch.install()
    with library.Client() as client:
        body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
        with client.stream("POST", provider.url + CHAT, json=body) as got:
            pieces = list(got.iter_lines())
        assert got.elapsed.total_seconds() > 0
        assert (got.is_closed, got.num_bytes_downloaded) == (True, len(provider.exchanges[0].said))
        assert isinstance(got.stream, library.SyncByteStream)
        with pytest.raises(library.StreamConsumed):
            list(got.iter_raw())
    assert pieces


def test_a_server_is_known_by_its_port(watch: Watch, library: Any) -> None:
    watch.install()
    answer = {"message": {"role": "assistant", "content": "Hello"}, "done": True}
    transport = library.MockTransport(lambda _: library.Response(200, json=answer))
    with library.Client(transport=transport) as client:
        client.post("http://localhost:11434/api/chat", content=BODY, headers=JSON)
    (span,) = watch.gen_ai_spans()
    assert (fetch(span).provider, span.name) == ("ollama", "chat m")


def test_a_model_behind_a_name_of_the_accounts_own_is_read_by_its_body(watch: Watch, library: Any) -> None:
    watch.install()
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    answer = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello"}], "model": "c"}
    transport = library.MockTransport(lambda _: library.Response(200, json=answer))
    url = "https://bedrock-runtime.eu-north-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aprofile%2Fx1/invoke"
    with library.Client(transport=transport) as client:
        client.post(url, json=body)
    (span,) = watch.gen_ai_spans()
    record = fetch(span)
    assert (record.format, record.provider, record.output[0].content) == (
        "anthropic_messages",
        "aws.bedrock",
        [{"type": "text", "text": "Hello"}],
    )
