"""The stream of OpenAI's chat completions, and of its text completions, folded into an answer.

Invariant: the fold of a stream is the answer that the same call gives without streaming, as far as the stream came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from spanglass.model.message import ChatMessage
from spanglass.model.record import Usage
from spanglass.wire.base import DONE, ResponseView, listing, mapping, parts_of, split_thinking, text
from spanglass.wire.error import read_error
from spanglass.wire.openai_chat_tools import ToolCalls
from spanglass.wire.usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spanglass.wire.base import Event


class Delta(msgspec.Struct, gc=False):
    """What one chunk adds to a choice. The fields are as loose as servers are: the fold looks before it takes."""

    role: Any = None
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: Any = None
    function_call: Any = None
    audio: Any = None
    images: Any = None


class Choice(msgspec.Struct, gc=False):
    """One choice of a chunk."""

    index: int | None = None
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: Any = None
    text: Any = None
    usage: Any = None  # moonshot's
    error: Any = None  # openrouter's


class Chunk(msgspec.Struct, gc=False):
    """One event's payload. Decoding into it takes half the time of dicts and keeps the garbage collector out."""

    id: Any = None
    model: Any = None
    choices: list[Choice] | None = None
    usage: Any = None
    error: Any = None
    x_groq: Any = None
    value: Any = None  # writer's text completions
    object: Any = None
    type: Any = None
    code: Any = None
    message: Any = None
    error_type: Any = None
    data: Chunk | None = None  # mistral's stream events


#: One event's data as a `Chunk`. What does not fit comes to `fold` as any JSON.
decode = msgspec.json.Decoder(Chunk).decode


def fold(events: Sequence[Event]) -> ResponseView:
    """The answer that a stream's events make."""
    answers: dict[int, _Answer] = {}
    response_id = model = usage = error = None
    done = False
    for event, payload in events:
        if type(payload) is Chunk:
            chunk = payload.data or payload
        elif payload == DONE:
            done = True
            continue
        else:
            chunk = _chunk(payload, event)
        response_id = response_id or chunk.id
        model = model or chunk.model
        if not chunk.choices or chunk.error is not None or chunk.x_groq is not None:
            groq = mapping(chunk.x_groq)
            error = error or _error(chunk) or groq.get("error")
            usage = groq.get("usage") or usage
        usage = chunk.usage or usage
        if chunk.value and not chunk.choices:
            answers.setdefault(0, _Answer()).texts.append(text(chunk.value))
        for place, choice in enumerate(chunk.choices or ()):
            index = place if choice.index is None else choice.index
            answer = answers.get(index)
            if answer is None:
                answer = answers[index] = _Answer()
            answer.add(choice)
            error = error or choice.error
            usage = choice.usage or usage
    ordered = [answers[index] for index in sorted(answers)]
    reasons = tuple(answer.finish_reason for answer in ordered if answer.finish_reason)
    return ResponseView(
        tuple(answer.message() for answer in ordered),
        text(model) or None,
        text(response_id) or None,
        reasons,
        read_usage(usage) if usage else Usage(),
        read_error(error) if error else None,
        complete=done or 0 < len(ordered) == len(reasons),
    )


class _Answer:
    """One choice while it grows."""

    __slots__ = ("audio", "calls", "finish_reason", "parts", "reasoning", "refusals", "role", "texts")

    def __init__(self) -> None:
        self.role = "assistant"
        self.finish_reason = ""
        self.texts: list[str] = []
        self.reasoning: list[str] = []
        self.refusals: list[str] = []
        self.parts: list[Any] = []
        self.audio: dict[str, Any] = {}
        self.calls = ToolCalls()

    def add(self, choice: Choice) -> None:
        delta = choice.delta or choice.message
        if choice.finish_reason:
            self.finish_reason = text(choice.finish_reason)
        if delta is None:
            self.texts.append(text(choice.text))
            return
        content = delta.content or choice.text
        if content:
            if type(content) is str:
                self.texts.append(content)
            else:
                self._add_parts(content)
        if delta.reasoning_content or delta.reasoning:
            self.reasoning.append(text(delta.reasoning_content) or text(delta.reasoning))
        if delta.tool_calls:
            self.calls.add(delta.tool_calls if isinstance(delta.tool_calls, list) else [delta.tool_calls])
        if delta.role or delta.refusal or delta.function_call or delta.audio or delta.images:
            self._add_rare(delta)

    def _add_parts(self, parts: Any) -> None:
        """Content in parts, which are deltas too: their texts are joined, other parts are kept."""
        for part in parts if isinstance(parts, list) else [parts]:
            kind = mapping(part).get("type")
            if isinstance(part, str):
                self.texts.append(part)
            elif kind == "text":
                self.texts.append(text(part.get("text")))
            elif kind == "thinking":
                left, thought = split_thinking([part])
                self.parts += left
                self.reasoning.append(thought or "")
            else:
                self.parts.append(part)

    def _add_rare(self, delta: Delta) -> None:
        self.role = text(delta.role) or self.role
        self.refusals.append(text(delta.refusal))
        self.parts += listing(delta.images)
        self.calls.add_legacy(mapping(delta.function_call))
        for key, value in mapping(delta.audio).items():
            before = self.audio.get(key)
            grows = key in ("data", "transcript") and isinstance(before, str) and isinstance(value, str)
            self.audio[key] = before + value if grows else value

    def message(self) -> ChatMessage:
        content: Any = "".join(self.texts) or None
        refusal = "".join(self.refusals)
        asides: list[Any] = [{"type": "refusal", "refusal": refusal}] if refusal else []
        if self.audio:
            asides.append({"type": "audio", "audio": self.audio})
        if asides or self.parts:
            content = [*parts_of(content), *asides, *self.parts]
        return ChatMessage(self.role, content, "".join(self.reasoning) or None, self.calls.whole())


def _error(chunk: Chunk) -> Any:
    """The error that a chunk reports: under that name, its type perhaps beside a text; or the chunk is one."""
    if isinstance(chunk.error, str) and chunk.error_type:
        return {"error": chunk.error, "error_type": chunk.error_type}
    if chunk.error or chunk.object != "error":
        return chunk.error
    return {"type": chunk.type, "code": chunk.code, "message": chunk.message}


def _chunk(payload: Any, event: str | None) -> Chunk:
    """A chunk from any JSON: what is not as it should be is passed over."""
    fields = mapping(payload)
    inner = fields.get("data")
    if isinstance(inner, dict) and "choices" in inner:
        fields = inner
    if event == "error" and "error" not in fields:
        return Chunk(error=payload)
    choices = [_choice(choice) for choice in listing(fields.get("choices")) if isinstance(choice, dict)]
    others = {key: fields.get(key) for key in Chunk.__struct_fields__ if key not in ("choices", "data")}
    return Chunk(choices=choices, **others)


def _choice(fields: dict[str, Any]) -> Choice:
    index = fields.get("index")
    delta = fields.get("delta") or fields.get("message")
    return Choice(
        index if type(index) is int else None,
        Delta(**{key: delta.get(key) for key in Delta.__struct_fields__}) if isinstance(delta, dict) else None,
        finish_reason=fields.get("finish_reason"),
        text=fields.get("text"),
        usage=fields.get("usage"),
        error=fields.get("error"),
    )
