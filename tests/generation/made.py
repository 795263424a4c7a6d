"""What the model says in the tests of generation."""

from __future__ import annotations

from typing import Any

from fake_provider import Answer
from fake_provider.openai_wire import Reply, chat_completion


def says(text: str, *calls: tuple[str, str], reasoning: str | None = None) -> Answer:
    """A chat completion with these words, and these tool calls."""
    body: dict[str, Any] = chat_completion(Reply("seed", "m-1", text, calls))
    if reasoning is not None:
        body["choices"][0]["message"]["reasoning_content"] = reasoning
    return Answer.json(body)
