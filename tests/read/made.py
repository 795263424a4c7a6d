"""Calls as a program would have left them: their entries, and places where they lie."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spanglass.journal import Journal
from spanglass.model.entry import AnswerFacts, AttemptEntry, CallFacts, OutcomeEntry, RequestEntry
from spanglass.model.record import ErrorInfo, Usage
from spanglass.settings import Settings
from spanglass.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from spanglass.model.entry import Entry
    from spanglass.model.record import State

BEGIN = 1_790_000_000_000_000_000
SECOND = 10**9
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
QUESTION = {"role": "user", "content": "What is the weather in Bergen?"}


@dataclass(frozen=True)
class Made:
    """One call: as many attempts as ``statuses``, each a second long, half a second apart."""

    span_id: str = SPAN
    trace_id: str = TRACE
    parent: str | None = None
    at: int = BEGIN
    state: State = "done"
    statuses: tuple[int | None, ...] = (200,)
    model: str = "gpt-4o"
    workflow: str | None = None
    step: str | None = None
    messages: list[dict[str, Any]] = field(default_factory=lambda: [QUESTION])
    more: dict[str, Any] = field(default_factory=dict)
    answer: str = "Rain, 11 degrees."
    said: dict[str, Any] = field(default_factory=dict)
    finish: str = "stop"
    input_tokens: int | None = 40
    error: ErrorInfo | None = None
    missing: tuple[str, ...] = ()
    ended: bool = True
    format: str = "openai_chat"
    operation: str = "chat"

    @property
    def request(self) -> bytes:
        """The body of every attempt's request."""
        return json.dumps({"model": self.model, "messages": self.messages, **self.more}, ensure_ascii=False).encode()

    @property
    def response(self) -> bytes:
        """The body of the last attempt's answer."""
        message = {"role": "assistant", "content": self.answer, **self.said}
        choices = [{"index": 0, "message": message, "finish_reason": self.finish}]
        usage = {} if self.input_tokens is None else {"prompt_tokens": self.input_tokens, "completion_tokens": 7}
        body = {"id": "r-1", "model": f"{self.model}-2024", "choices": choices, "usage": usage}
        return json.dumps(body, ensure_ascii=False).encode()

    def entries(self, owner: str = "1-1-00000000") -> list[Entry]:
        """What the call leaves in a journal; without ``ended`` the last attempt is still under way."""
        facts = CallFacts(
            f"{self.operation} {self.model}",
            self.at,
            owner,
            self.parent,
            "weather",
            self.workflow,
            self.step,
            None,
            self.format,
            "openai",
            self.operation,
            self.model,
        )
        found: list[Entry] = []
        last = len(self.statuses)
        for number, status in enumerate(self.statuses, 1):
            begun = self.at + (number - 1) * SECOND * 3 // 2
            found.append(self._asked(facts, number, begun))
            if self.ended or number < last:
                found.append(self._answered(number, status, begun + SECOND, last=number == last))
        if self.ended:
            end = self.at + (last - 1) * SECOND * 3 // 2 + SECOND
            missing = list(self.missing)
            found.append(OutcomeEntry(self.trace_id, self.span_id, facts, self.state, end, self.error, missing=missing))
        return found

    def _asked(self, facts: CallFacts, number: int, begun: int) -> RequestEntry:
        url = "https://api.openai.com/v1/chat/completions"
        headers = [("Authorization", "[REDACTED]"), ("Content-Type", "application/json")]
        return RequestEntry(
            self.trace_id, self.span_id, facts, number, "POST", url, begun, headers, redactions=1, body=self.request
        )

    def _answered(self, number: int, status: int | None, ended: int, *, last: bool) -> AttemptEntry:
        if status is None:
            refused = ErrorInfo("httpx.ConnectError", "connection refused")
            return AttemptEntry(self.trace_id, self.span_id, number, None, ended, complete=False, error=refused)
        whole = last and status == 200
        body = self.response if whole else b'{"error": {"type": "rate_limit", "message": "slow down"}}'
        headers = [("content-type", "application/json"), *([] if whole else [("retry-after", "1")])]
        usage = Usage(self.input_tokens, 7) if self.state == "done" else Usage()
        return AttemptEntry(
            self.trace_id,
            self.span_id,
            number,
            status,
            ended,
            complete=True,
            headers=headers,
            first_byte_ns=SECOND // 4,
            format=self.format,
            answer=AnswerFacts(f"{self.model}-2024", "r-1", [self.finish], usage) if whole else None,
            body=body,
        )


def settings_in(directory: Path, **more: Any) -> Settings:
    """Settings whose state directory, and so whose default store, is ``directory``."""
    return Settings.from_environment({}).override({"state_dir": str(directory), **more})


def store_calls(settings: Settings, calls: Iterable[Made]) -> None:
    """Puts calls into the store."""
    store = open_store(settings.store)
    store.put_many([entry for call in calls for entry in call.entries()])
    store.close()


def journal_calls(settings: Settings, calls: Iterable[Made]) -> Journal:
    """Appends calls to a living journal of this process, which the caller closes."""
    journal = Journal(settings.journal_dir, max_bytes=1 << 24)
    for call in calls:
        for entry in call.entries(journal.owner):
            assert journal.append(entry)
    return journal
