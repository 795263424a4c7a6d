"""What the model says in the tests of generation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openai import OpenAI

from fake_provider import Answer
from fake_provider.openai_wire import Reply, chat_completion

if TYPE_CHECKING:
    from fake_provider import FakeProvider


def says(text: str, *calls: tuple[str, str], reasoning: str | None = None) -> Answer:
    """A chat completion with these words, and these tool calls."""
    body: dict[str, Any] = chat_completion(Reply("seed", "m-1", text, calls))
    if reasoning is not None:
        body["choices"][0]["message"]["reasoning_content"] = reasoning
    return Answer.json(body)


KEY = "sk-of-the-tests"
#: What `client_of` made and nobody has closed yet.
OPEN: list[OpenAI] = []


def client_of(provider: FakeProvider) -> OpenAI:
    """A client that `tests/generation/conftest.py` closes when the test has ended."""
    client = OpenAI(base_url=f"{provider.url}/v1", api_key=KEY, max_retries=0)
    OPEN.append(client)
    return client
