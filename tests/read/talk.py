"""Conversations as a program would have left them: calls, each of which continues the one before."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from read.made import BEGIN, SECOND, Made, settings_in, store_calls
from spanglass.model.entry import StepEntry
from spanglass.model.step import GENERATION_STEP, Step
from spanglass.read.reader import Reader
from spanglass.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from spanglass.model import JsonObject
    from spanglass.settings import Settings

USER, ASSISTANT, TOOL = "user", "assistant", "tool"


def says(role: str, content: Any, **more: Any) -> JsonObject:
    """A message in the shape of OpenAI's API."""
    return {"role": role, "content": content, **more}


def calls_tool(name: str, **arguments: Any) -> JsonObject:
    """An answer that calls a tool."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    return says(ASSISTANT, None, tool_calls=[{"id": f"call_{name}", "type": "function", "function": function}])


class Talk:
    """Makes calls, a second and a half apart, with span ids in their order.

    Args:
        reask_after_s: how long after an answer the next request of a conversation begins, in seconds.
    """

    def __init__(self, reask_after_s: float = 0.1) -> None:
        self.made: list[tuple[Made, JsonObject | None]] = []
        self._gap = int(reask_after_s * SECOND)
        self._next = BEGIN

    def call(
        self, messages: Iterable[JsonObject], answer: JsonObject | str, told: JsonObject | None = None, **more: Any
    ) -> list[JsonObject]:
        """One call; gives the conversation with its answer."""
        said = says(ASSISTANT, answer) if isinstance(answer, str) else answer
        asked = list(messages)
        number = len(self.made) + 1
        made = Made(span_id=f"{number:016x}", trace_id=f"{number:032x}", at=self._next, messages=asked, said=said)
        self.made.append((replace(made, **more), told))
        self._next += SECOND + self._gap
        return [*asked, said]

    def reader(self, state_dir: Path, **settings: Any) -> Reader:
        """A reader of a store with all of it."""
        found = settings_in(state_dir, **settings)
        store_calls(found, [made for made, _ in self.made])
        self._store_steps(found)
        return Reader(found)

    def _store_steps(self, settings: Settings) -> None:
        store = open_store(settings.store)
        store.put_many(list(self._steps()))
        store.close()

    def _steps(self) -> Iterator[StepEntry]:
        for made, told in self.made:
            if told is not None:
                body = json.dumps(told).encode()
                yield StepEntry(made.trace_id, made.span_id, 0, Step(GENERATION_STEP, {}, made.at), body=body)


def tried(generation: str, correction: int, restart: int, accepted: bool | None) -> JsonObject:  # noqa: FBT001 - as recorded
    """What a generation says of one of its calls."""
    return {"generation": generation, "correction": correction, "restart": restart, "accepted": accepted, "error": None}


def ref(number: int) -> str:
    """The reference of the call with this number, from 1."""
    return f"{number:032x}/{number:016x}"
