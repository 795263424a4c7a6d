"""What programs do with their HTTP library: files, hooks, transports of their own. Nothing changes, nothing is lost."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import gzip
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest

import spanglass
from capture.watch import fetch, records_in
from fake_provider import Answer, Pause, Step
from spanglass import guard

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from capture.watch import Watch
    from fake_provider import FakeProvider
    from spanglass.model.record import Record

CHAT = "/v1/chat/completions"
BODY = b'{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}'
JSON = {"content-type": "application/json"}
EVENTS = [b"data: %d\n\n" % number for number in range(4)]
SLOW_DOWN = b'{"error": {"message": "slow down", "type": "rate"}}'


@pytest.fixture(params=[httpx, httpx2], ids=lambda library: library.__name__)
def library(request: pytest.FixtureRequest) -> Any:
    return request.param


def only(watch: Watch) -> Record:
    (span,) = watch.gen_ai_spans()
    return fetch(span)


def over(library: Any, *chunks: Any, status: int = 200, headers: dict[str, str] | None = None) -> tuple[Any, list[str]]:
    """A client with a transport of the host's own, whose answer is a stream of these chunks; and what is done to it."""
    log: list[str] = []

    class Stream(library.SyncByteStream):  # type: ignore[misc]
        def __iter__(self) -> Iterator[Any]:
            for chunk in chunks:
                if isinstance(chunk, BaseException):
                    raise chunk
                yield chunk

        def close(self) -> None:
            log.append("closed")

    def answer(_request: Any) -> Any:
        return library.Response(status, headers=headers, stream=Stream())

    return library.Client(transport=library.MockTransport(answer)), log


def ask(client: Any, url: str = "http://model.test", **more: Any) -> Any:
    """The answer, not read yet."""
    request = client.build_request("POST", url + CHAT, content=BODY, headers=JSON, **more)
    return client.send(request, stream=True)


def test_files_can_be_sent(provider: FakeProvider, watch: Watch, library: Any) -> None:
    watch.install()
    with library.Client() as client:
        fields = {"model": "m", "api_key": "hunter2"}
        got = client.post(provider.url + CHAT, data=fields, files={"file": ("a.txt", b"what is said")})
    record = only(watch)
    assert (got.status_code, record.state, record.missing) == (200, "done", ())
    assert record.attempts[0].request_body == provider.exchanges[0].body.replace(b"hunter2", b"[REDACTED]")
    assert b"what is said" in provider.exchanges[0].body
    assert b"hunter2" not in watch.files()


async def test_files_can_be_sent_async(provider: FakeProvider, watch: Watch, library: Any) -> None:
    watch.install()
    async with library.AsyncClient() as client:
        got = await client.post(provider.url + CHAT, data={"model": "m"}, files={"file": ("a.txt", b"what is said")})
    record = await asyncio.to_thread(only, watch)
    assert (got.status_code, record.state) == (200, "done")
    assert record.attempts[0].request_body == provider.exchanges[0].body


def test_of_a_generated_body_no_more_is_kept_than_the_bound(provider: FakeProvider, watch: Watch, library: Any) -> None:
    watch.install(max_body_bytes=50)
    with library.Client() as client:
        client.post(provider.url + CHAT, content=iter([BODY[:40], BODY[40:], b" " * 100]), headers=JSON)
    record = only(watch)
    assert record.attempts[0].request_body == BODY[:50]
    over_bound = len(BODY) + 100 - 50
    assert record.missing[0].startswith(f"attempts[0].request_body: the last {over_bound} bytes are over SPANGLASS_MAX")


def test_a_generated_body_that_breaks_is_kept_as_far_as_it_came(
    provider: FakeProvider, watch: Watch, library: Any
) -> None:
    def pieces() -> Iterator[bytes]:
        yield BODY[:20]
        message = "no more"
        raise RuntimeError(message)

    watch.install()
    with library.Client() as client, pytest.raises(RuntimeError, match="no more"):
        client.post(provider.url + CHAT, content=pieces(), headers=JSON)
    record = only(watch)
    assert (record.state, record.attempts[0].request_body) == ("error", BODY[:20])
    assert record.missing == ("attempts[0].request_body: no more than 20 bytes had left when the exchange was over",)


def test_the_error_of_a_failed_answer_is_read_though_nobody_asks_for_it(
    provider: FakeProvider, watch: Watch, library: Any
) -> None:
    provider.script(Answer(429, tuple(JSON.items()), (SLOW_DOWN,), chunked=True))
    watch.install()
    with library.Client() as client:
        ask(client, provider.url).close()
    record = only(watch)
    assert (record.state, record.missing, record.attempts[0].response_body) == ("error", (), SLOW_DOWN)


def test_an_error_that_does_not_come_soon_is_not_waited_for(provider: FakeProvider, watch: Watch, library: Any) -> None:
    drops = tuple(step for _ in range(1000) for step in (b"x", Pause(0.05)))
    provider.script(Answer(429, tuple(JSON.items()), drops))
    watch.install()
    with library.Client() as client:
        ask(client, provider.url).close()
    record = only(watch)
    assert record.state == "error"
    assert len(record.attempts[0].response_body or b"") < 1000
    assert "closed by the caller after" in record.missing[0]
    assert not record.attempts[0].complete


def test_a_transport_of_the_hosts_own_is_not_read_from(watch: Watch, library: Any) -> None:
    watch.install()
    client, log = over(library, AssertionError("read"), status=429)
    with client:
        ask(client).close()
    assert (log, only(watch).state) == (["closed"], "error")


def test_ctrl_c_while_an_answer_is_closed_still_closes_it(
    provider: FakeProvider, watch: Watch, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spanglass.capture.taps import httpx_stream

    def interrupted(_hurry: Any) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(httpx_stream._Hurry, "is_over", interrupted)
    provider.script(Answer(429, tuple(JSON.items()), (b"abc", Step.HOLD)))
    watch.install()
    with library.Client() as client:
        got = ask(client, provider.url)
        with pytest.raises(KeyboardInterrupt):
            got.close()
        assert client._transport._pool.connections == []
    provider.release()
    assert only(watch).state == "error"


def test_the_hosts_own_timeouts_are_left_as_they_are(provider: FakeProvider, watch: Watch, library: Any) -> None:
    timeouts = library.Timeout(20).as_dict()
    seen: list[Any] = []

    class Seen(dict[str, Any]):
        def __setitem__(self, key: str, value: Any) -> None:
            seen.append((key, value))

    provider.script(Answer(429, tuple(JSON.items()), (SLOW_DOWN,)))
    watch.install()
    with library.Client() as client:
        got = ask(client, provider.url, extensions={"timeout": Seen(timeouts)})
        got.close()
        assert got.request.extensions["timeout"] == timeouts
    assert seen == []
    assert only(watch).attempts[0].response_body == SLOW_DOWN


def test_an_error_answer_that_is_left_is_not_called_whole(watch: Watch, library: Any) -> None:
    watch.install()
    client, _ = over(library, SLOW_DOWN[:20], SLOW_DOWN[20:], status=429)
    with client:
        got = ask(client)
        next(got.iter_raw())
        got.close()
    record = only(watch)
    assert (record.state, record.complete, record.attempts[0].complete) == ("error", False, False)
    assert record.missing == ("attempts[0].response_body: closed by the caller after 20 bytes",)


def test_an_answer_that_is_read_to_its_last_byte_is_whole(watch: Watch, library: Any) -> None:
    watch.install()
    client, _ = over(library, b'{"choices": []}', headers={"content-length": "15"})
    with client:
        got = ask(client)
        next(got.iter_raw())
        got.close()
    assert (only(watch).state, only(watch).missing) == ("done", ())


def test_a_few_bytes_that_stand_for_many_are_undone_up_to_the_bound(watch: Watch, library: Any) -> None:
    watch.install(max_body_bytes=2_000)
    packed = gzip.compress(b"a" * 1_000_000)
    client, _ = over(library, packed, headers={"content-encoding": "gzip"})
    with client:
        assert b"".join(ask(client).iter_raw()) == packed
    record = only(watch)
    assert record.attempts[0].response_body == b"a" * 2_000
    assert "undone, the rest is over SPANGLASS_MAX_BODY_BYTES=2000" in record.missing[0]


def test_a_chunk_that_crosses_the_bound_is_kept_up_to_it(watch: Watch, library: Any) -> None:
    watch.install(max_body_bytes=70)
    client, _ = over(library, b"a" * 30, b"b" * 100, b"c" * 100)
    with client:
        ask(client).read()
    record = only(watch)
    assert record.attempts[0].response_body == b"a" * 30 + b"b" * 40
    assert record.missing[0].startswith("attempts[0].response_body: the last 160 bytes are over SPANGLASS_MAX_BODY")


def test_chunks_that_are_no_bytes_are_kept_as_they_were_then(watch: Watch, library: Any) -> None:
    watch.install()
    buffer = bytearray(9)

    class Again:
        def __iter__(self) -> Iterator[Any]:
            for event in EVENTS:
                buffer[:] = event
                yield buffer
            yield "data: å\n\n"

    class Stream(library.SyncByteStream):  # type: ignore[misc]
        def __iter__(self) -> Iterator[Any]:
            return iter(Again())

    client = library.Client(transport=library.MockTransport(lambda _: library.Response(200, stream=Stream())))
    with client:
        assert len(list(ask(client).stream)) == 5
    assert only(watch).attempts[0].response_body == b"".join(EVENTS) + "data: å\n\n".encode()


def test_a_hook_that_raises_for_a_status_loses_nothing(provider: FakeProvider, watch: Watch, library: Any) -> None:
    def hook(response: Any) -> None:
        response.read()
        response.raise_for_status()

    provider.script(Answer(429, (*JSON.items(), ("retry-after", "3")), (SLOW_DOWN,)))
    watch.install()
    client = library.Client(event_hooks={"response": [hook]})
    with client, pytest.raises(library.HTTPStatusError):
        client.post(provider.url + CHAT, content=BODY, headers=JSON)
    record = only(watch)
    assert (record.state, record.attempts[0].status, record.attempts[0].response_body) == ("error", 429, SLOW_DOWN)
    assert record.attempts[0].response_headers["retry-after"] == "3"


@pytest.mark.parametrize("how", ["reads raw", "closes"])
def test_a_hook_that_uses_an_answer_up_ends_the_call(
    provider: FakeProvider, watch: Watch, library: Any, how: str
) -> None:
    def hook(response: Any) -> None:
        if how == "closes":
            response.close()
        else:
            assert list(response.iter_raw())

    watch.install()
    with library.Client(event_hooks={"response": [hook]}) as client:
        assert ask(client, provider.url).status_code == 200
    record = only(watch)
    assert (record.state, record.attempts[0].status) == ("done", 200)
    assert record.missing == ("attempts[0].response_body: used up or closed before it could be copied",)


def test_an_answer_that_breaks_while_the_library_reads_it_says_so(
    provider: FakeProvider, watch: Watch, library: Any
) -> None:
    provider.script(Answer(200, (*JSON.items(), ("content-encoding", "gzip")), (b"no gzip",)))
    watch.install()
    with library.Client() as client, pytest.raises(library.DecodingError):
        client.post(provider.url + CHAT, content=BODY, headers=JSON)
    record = only(watch)
    assert (record.state, record.complete) == ("error", False)
    assert "reading it broke with DecodingError" in record.missing[0]


def test_what_had_come_when_spanglass_is_taken_out_is_kept(provider: FakeProvider, watch: Watch, library: Any) -> None:
    provider.script(Answer.stream(EVENTS))
    watch.install()
    with library.Client() as client:
        chunks = ask(client, provider.url).iter_raw()
        first = next(chunks)
        spanglass.uninstall()
        assert first + b"".join(chunks) == b"".join(EVENTS)
    (record,) = records_in(watch.state_dir)
    assert (record.state, record.complete, record.attempts[0].response_body) == ("abandoned", False, first)
    assert record.attempts[0].response_headers["content-type"].startswith("text/event-stream")


def test_a_coroutine_that_ends_in_another_context_leaves_no_line(
    watch: Watch, library: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Waits:
        def __await__(self) -> Generator[None, None, None]:
            yield

    class Never(library.AsyncBaseTransport):  # type: ignore[misc]
        async def handle_async_request(self, _request: Any) -> Any:
            await Waits()

    watch.install()
    call = library.AsyncClient(transport=Never()).post("http://model.test" + CHAT, content=BODY, headers=JSON)
    contextvars.copy_context().run(call.send, None)
    call.close()
    assert only(watch).state == "cancelled"
    assert ([entry.getMessage() for entry in caplog.records], guard.faults()) == ([], {})


@pytest.mark.parametrize("how", ["asend", "aclose", "athrow"])
async def test_a_host_may_drive_the_stream_as_the_generator_that_it_is(
    provider: FakeProvider, watch: Watch, library: Any, how: str
) -> None:
    provider.script(Answer.stream(EVENTS))
    watch.install()
    async with library.AsyncClient() as client:
        request = client.build_request("POST", provider.url + CHAT, content=BODY, headers=JSON)
        got = await client.send(request, stream=True)
        chunks: Any = got.stream.__aiter__()
        seen = [await chunks.__anext__()]
        if how == "asend":
            with suppress(StopAsyncIteration):
                while True:
                    seen.append(await chunks.asend(None))
        elif how == "aclose":
            await chunks.aclose()
        else:
            with pytest.raises(ValueError, match="mine"):
                await chunks.athrow(ValueError("mine"))
        seen += [chunk async for chunk in chunks]
        await got.aclose()
    record = await asyncio.to_thread(only, watch)
    assert record.attempts[0].response_body == b"".join(seen)
    assert record.state == {"asend": "done", "aclose": "cancelled", "athrow": "error"}[how]


def test_a_copy_of_the_stream_is_the_library_s_own(watch: Watch, library: Any) -> None:
    watch.install()
    client, _ = over(library, *EVENTS)
    with client:
        got = ask(client)
        assert type(copy.copy(got.stream)) is type(copy.deepcopy(got.stream)) is not type(got.stream)
        assert got.read() == b"".join(EVENTS)
    assert only(watch).state == "done"
