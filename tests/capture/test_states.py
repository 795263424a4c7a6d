"""The states of a call that only another observer can see, and many calls at once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from capture.endpoint import open_endpoint, settle
from capture.shapes import held, whole
from capture.watch import fetch, records_in
from fake_provider import Answer

if TYPE_CHECKING:
    from pathlib import Path

    from capture.watch import Watch
    from fake_provider import FakeProvider

LOOK = """
import json, sys
from capture.watch import records_in
from pathlib import Path
print(json.dumps([[r.state, r.messages[0].content, r.complete] for r in records_in(Path(sys.argv[1]))]))
"""


def as_another_process_sees_it(state_dir: Path) -> Any:
    tests = __file__.rpartition("/capture/")[0]
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(state_dir)], cwd=tests, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


async def test_a_call_is_seen_while_it_lasts(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    endpoint = open_endpoint("openai", "async", provider, None)
    provider.script(*held(endpoint))
    call = asyncio.create_task(endpoint.api.create(**endpoint.ask()))
    await asyncio.to_thread(provider.wait_for_requests, 1)
    here = await asyncio.to_thread(records_in, watch.state_dir)
    there = await asyncio.to_thread(as_another_process_sees_it, watch.state_dir)
    provider.release()
    await call
    after = await asyncio.to_thread(records_in, watch.state_dir)
    await endpoint.client.close()

    assert [record.state for record in here] == ["started"]
    assert there == [["started", endpoint.ask()["messages"][0]["content"], False]]
    assert [record.state for record in after] == ["done"]


async def test_two_hundred_calls_at_once_each_have_their_own_record(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    endpoint = open_endpoint("openai", "async", provider, None)
    provider.script(*[whole(endpoint, f"answer {number}").held() for number in range(200)])

    async def ask(number: int) -> str:
        got = await endpoint.api.create(**endpoint.ask(messages=[{"role": "user", "content": f"question {number}"}]))
        return str(got.choices[0].message.content)

    calls = [asyncio.create_task(ask(number)) for number in range(200)]
    await asyncio.to_thread(provider.wait_for_requests, 200)
    provider.release()
    answers = await asyncio.gather(*calls)
    await settle(endpoint.client.close())
    spans = await asyncio.to_thread(watch.gen_ai_spans)

    seen = {(f"question {number}", answer) for number, answer in enumerate(answers)}
    recorded = {(str(r.messages[0].content), str(r.output[0].content)) for r in map(fetch, spans)}
    assert len(spans) == len(recorded) == 200
    assert recorded == seen


def test_threads_share_a_client_and_each_call_has_its_own_record(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    endpoint = open_endpoint("openai", "sync", provider, None)
    provider.otherwise(lambda _path, body: whole(endpoint, f"to {json.loads(body)['messages'][0]['content']}"))

    def ask(number: int) -> str:
        got = endpoint.api.create(**endpoint.ask(messages=[{"role": "user", "content": f"question {number}"}]))
        return str(got.choices[0].message.content)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(100)))
    endpoint.client.close()
    records = [fetch(span) for span in watch.gen_ai_spans()]
    assert answers == [f"to question {number}" for number in range(100)]
    assert {(str(r.messages[0].content), str(r.output[0].content)) for r in records} == {
        (f"question {number}", f"to question {number}") for number in range(100)
    }


def test_retries_of_one_call_never_mix_with_those_of_another(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    endpoint = open_endpoint("openai", "sync", provider, None)
    tried: set[str] = set()

    def refuse_once(_path: str, body: bytes) -> Answer:
        words = json.loads(body)["messages"][0]["content"]
        if words in tried:
            return whole(endpoint, f"to {words}")
        tried.add(words)
        return Answer.json({"error": {"message": words}}, 429, [("retry-after-ms", "1")])

    provider.otherwise(refuse_once)
    api = endpoint.api_of(endpoint.client.with_options(max_retries=2))

    def ask(number: int) -> None:
        api.create(**endpoint.ask(messages=[{"role": "user", "content": f"question {number}"}]))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(40)))
    endpoint.client.close()
    records = [fetch(span) for span in watch.gen_ai_spans()]
    assert len(records) == 40
    for record in records:
        assert [attempt.status for attempt in record.attempts] == [429, 200]
        assert all(str(record.messages[0].content).encode() in (a.response_body or b"") for a in record.attempts)


async def test_a_call_whose_request_could_not_be_written_says_all_the_same_what_it_was(
    provider: FakeProvider, watch: Watch
) -> None:
    watch.install()
    endpoint = open_endpoint("openai", "async", provider, None)
    provider.script(*held(endpoint))
    in_the_way = watch.state_dir / "journal"
    in_the_way.touch()  # where the journal's directory is to be
    call = asyncio.create_task(endpoint.api.create(**endpoint.ask()))
    await asyncio.to_thread(provider.wait_for_requests, 1)
    in_the_way.unlink()
    await asyncio.sleep(1.1)  # as long as the journal waits before it tries a disk again
    provider.release()
    await call
    (record,) = await asyncio.to_thread(records_in, watch.state_dir)
    await endpoint.client.close()

    assert (record.state, record.operation, record.request_model) == ("done", "chat", endpoint.ask()["model"])
    assert record.attempts[0].response_body
    assert record.missing == ("attempts[0].request: no entry about it has arrived",)
