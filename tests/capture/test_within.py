"""Calls to a model that are made inside another one: by a hook, by a validator. Each has a record of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import openai
from pydantic import BaseModel, field_validator

from capture.endpoint import open_endpoint
from capture.shapes import whole
from capture.watch import records_in
from fake_provider import Answer, openai_wire

if TYPE_CHECKING:
    from capture.watch import Watch
    from fake_provider import FakeProvider


def by_provider(watch: Watch) -> dict[str | None, Any]:
    watch.gen_ai_spans()
    found = {record.provider: record for record in records_in(watch.state_dir)}
    assert all(record.state == "done" for record in found.values())
    return found


def test_a_judge_in_a_validator(provider: FakeProvider, watch: Watch) -> None:
    judge = open_endpoint("anthropic-untraced", "sync", provider, None)

    class Place(BaseModel):
        city: str

        @field_validator("city")
        @classmethod
        def _is_one(cls, city: str) -> str:
            judge.api.create(**judge.ask(messages=[{"role": "user", "content": f"Is {city} a city?"}]))
            return city

    watch.install()
    provider.script(
        Answer.json(openai_wire.chat_completion(openai_wire.Reply("a", "m", '{"city": "Bergen"}'))),
        whole(judge, "yes"),
    )
    with openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1", max_retries=0) as client:
        asked = [{"role": "user", "content": "Where?"}]
        got = client.chat.completions.parse(model="m", messages=asked, response_format=Place)  # type: ignore[arg-type]
    judge.client.close()
    assert got.choices[0].message.parsed == Place.model_construct(city="Bergen")
    found = by_provider(watch)
    assert [len(record.attempts) for record in found.values()] == [1, 1]
    assert found["openai"].output[0].content == '{"city": "Bergen"}'
    assert found["anthropic"].messages[0].content == "Is Bergen a city?"


def test_a_moderation_in_a_hook_between_the_tries_of_a_call(provider: FakeProvider, watch: Watch) -> None:
    url = f"{provider.url}/v1"
    moderator = openai.OpenAI(api_key="k", base_url=url, max_retries=0)
    asked: list[str] = []

    def hook(_request: Any) -> None:
        asked.append(moderator.moderations.create(model="mod", input="Hi").id)

    watch.install()
    moderated = Answer.json({"id": "modr-1", "model": "mod", "results": []})
    completed = Answer.json(openai_wire.chat_completion(openai_wire.Reply("a", "m", "Hello")))
    busy = Answer.json({"error": {"message": "busy", "type": "busy"}}, 429, [("retry-after-ms", "1")])
    provider.script(moderated, busy, moderated, completed)
    http = httpx2.Client(event_hooks={"request": [hook]})
    with openai.OpenAI(api_key="k", base_url=url, max_retries=1, http_client=http) as client, moderator:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    watch.gen_ai_spans()
    records = {record.name: record for record in records_in(watch.state_dir)}
    assert [attempt.status for attempt in records["chat m"].attempts] == [429, 200]
    assert records["chat m"].output[0].content == "Hello"
    assert [attempt.status for attempt in records["moderations mod"].attempts] == [200]
    assert len(asked) == len(records_in(watch.state_dir)) - 1 == 2
