"""Entries for the store's tests, written here: a conversation that grows, and the odd ones."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spanglass.model.entry import (
    AnswerFacts,
    AttemptEntry,
    CallFacts,
    EnvelopeEntry,
    OutcomeEntry,
    RequestEntry,
    StepEntry,
    UpstreamEntry,
)
from spanglass.model.record import Usage
from spanglass.model.step import Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanglass.model.entry import Entry
    from spanglass.model.record import State

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
T0 = 1_763_700_000_000_000_000
URL = "https://api.example.com/v1/chat/completions"

REQUEST_HEADERS = [
    ("host", "api.example.com"),
    ("accept", "application/json"),
    ("content-type", "application/json"),
    ("user-agent", "OpenAI/Python 3.52.0"),
    ("x-stainless-lang", "python"),
    ("x-stainless-package-version", "3.52.0"),
    ("x-stainless-os", "Linux"),
    ("x-stainless-runtime", "CPython"),
    ("x-stainless-retry-count", "0"),
    ("authorization", "[REDACTED]"),
]

ANSWER = AnswerFacts("gpt-4o-2024-08-06", "chatcmpl-1", ["stop"], Usage(input_tokens=10, output_tokens=5))


def noise(size: int, *, seed: int = 1) -> bytes:
    """Bytes that nothing compresses, the same each time."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - no secret


def facts(**values: Any) -> CallFacts:
    told: dict[str, Any] = {
        "name": "chat gpt-4o",
        "started_at": T0,
        "owner": "journal-1",
        "service": "svc",
        "format": "openai.chat",
        "provider": "openai",
        "operation": "chat",
        "request_model": "gpt-4o",
        **values,
    }
    return CallFacts(**told)


def request(
    body: bytes | None = b"{}", *, span: str = SPAN, trace: str = TRACE, number: int = 1, **call: Any
) -> RequestEntry:
    told = facts(**call)
    return RequestEntry(trace, span, told, number, "POST", URL, told.started_at, list(REQUEST_HEADERS), body=body)


def attempt(
    body: bytes | None = b'{"ok": true}', *, span: str = SPAN, trace: str = TRACE, number: int = 1, status: int = 200
) -> AttemptEntry:
    answer = ANSWER if status == 200 else None
    return AttemptEntry(trace, span, number, status, T0 + number * 1000, complete=True, answer=answer, body=body)


def outcome(
    *, span: str = SPAN, trace: str = TRACE, state: State = "done", ended_at: int = T0 + 9000, **call: Any
) -> OutcomeEntry:
    return OutcomeEntry(trace, span, facts(**call), state, ended_at)


def envelope(
    attributes: dict[str, object], *, status: dict[str, object] | None = None, span: str = SPAN
) -> EnvelopeEntry:
    body = json.dumps({"attributes": attributes, "events": [], "status": status or {"code": "UNSET"}}).encode()
    return EnvelopeEntry(TRACE, span, "c0ffee0000000000", "chat", "other-svc", "vendor.lib", T0, T0 + 5000, body)


def step(index: int, **data: object) -> StepEntry:
    return StepEntry(TRACE, SPAN, index, Step(f"step-{index}", dict(data), T0 + index, 7))


def log_event(number: int, content: str, at: int = 0) -> EnvelopeEntry:
    """A log event of the span: a message."""
    told = {"name": "gen_ai.user.message", "attributes": {}, "body": {"content": content}, "time": at}
    body = json.dumps({"attributes": {}, "events": [told], "status": {}}).encode()
    return EnvelopeEntry(TRACE, SPAN, None, "", "svc", "lib", T0 + at, T0 + at, body, number, 1)


def upstream(value: object) -> UpstreamEntry:
    return UpstreamEntry(TRACE, SPAN, body=json.dumps(value).encode())


def full_body() -> bytes:
    """The request's body in `full_span`."""
    return json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hello " * 300}]}).encode()


def full_span() -> list[Entry]:
    """Everything that can be said of one span: two attempts, the first refused."""
    body = full_body()
    return [
        request(body),
        attempt(b'{"error": "slow down"}', status=429),
        request(None, number=2),
        request(body, number=2),
        attempt(number=2),
        outcome(),
        step(0, thought="first"),
        step(1, tool="search", query="käse"),
        upstream({"from": ["retriever", 3]}),
        envelope({"gen_ai.operation.name": "chat"}),
    ]


_SYLLABLES = ("ka", "lo", "mi", "ten", "ur", "sha", "pro", "vi", "en", "dor", "quist", "bel", "ha", "nu", "rem", "y")


def prose(generator: random.Random, size: int) -> str:
    """Text that packs about as well as people's."""
    words: list[str] = []
    left = size
    while left > 0:
        words.append("".join(generator.choices(_SYLLABLES, k=generator.randint(1, 4))))
        left -= len(words[-1]) + 1
    return " ".join(words)[:size]


@dataclass
class Conversation:
    """An agent that sends its whole history again at every turn."""

    turns: int
    bytes_a_turn: int
    seed: int = 1
    trace: str = TRACE
    sent: int = 0
    spans: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def __iter__(self) -> Iterator[list[Entry]]:
        generator = random.Random(self.seed)  # noqa: S311 - the same test data every time
        messages: list[dict[str, str]] = [{"role": "system", "content": prose(generator, 800)}]
        for turn in range(self.turns):
            messages.append({"role": "user", "content": prose(generator, self.bytes_a_turn // 2)})
            body = json.dumps({"messages": messages, "model": "gpt-4o", "temperature": 0.2}).encode()
            answer = prose(generator, self.bytes_a_turn // 2)
            messages.append({"role": "assistant", "content": answer})
            self.sent += len(body)
            self.bodies.append(body)
            self.spans.append(f"{generator.getrandbits(64):016x}")
            yield self._call(turn, body, answer, generator)

    def _call(self, turn: int, body: bytes, answer: str, generator: random.Random) -> list[Entry]:
        span, began = self.spans[-1], T0 + turn * 1_000_000_000
        choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
        response = json.dumps({"id": f"chatcmpl-{generator.getrandbits(120):x}", "choices": [choice]}).encode()
        told: dict[str, Any] = {"started_at": began, "workflow_id": f"wf-{self.seed}", "step_name": f"turn-{turn}"}
        headers = [
            ("date", f"Fri, 21 Nov 2026 04:42:{turn % 60:02} GMT"),
            ("content-type", "application/json"),
            ("openai-organization", f"org-{generator.getrandbits(80):x}"),
            ("x-ratelimit-remaining-tokens", str(generator.randrange(200_000))),
            ("x-request-id", f"req_{generator.getrandbits(128):x}"),
            ("set-cookie", f"__cf_bm={generator.getrandbits(900):x}; path=/; HttpOnly; Secure"),
            ("cf-ray", f"{generator.getrandbits(64):x}-AMS"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
        ]
        answered = AttemptEntry(
            self.trace, span, 1, 200, began + 5, complete=True, headers=headers, answer=ANSWER, body=response
        )
        return [
            request(body, span=span, trace=self.trace, **told),
            answered,
            outcome(span=span, trace=self.trace, ended_at=began + 9, **told),
        ]
