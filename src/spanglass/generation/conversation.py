"""The conversation that leads to an answer which its parser accepts: what to ask next, and when to give up.

Invariant: a generator without I/O. Whoever drives it carries out each request that it yields and sends back what came
of it: for an `Ask` the assistant's message, for a `Use` the tool's result (or throws what the tool raised), for a
`Judged` nothing. With a parser that never accepts, and without tools, it asks (corrections + 1) x (restarts + 1) times.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from spanglass.errors import GenerationError
from spanglass.model.message import ChatMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from spanglass.generation.tool import Tool

#: How often a model may call tools before it has to answer.
MAX_TOOL_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be generated.

    Args:
        opening: the messages that every conversation begins with.
        parser: from the answer's text to the value wanted; what it raises is told to the model.
        tools: what the model may call, by name.
        max_correction_steps: how often in one conversation the model is told what is wrong, and asked again.
        max_conversation_restarts: how often the conversation is then begun anew.
        max_tool_rounds: how often the model may call tools before each answer.
    """

    opening: tuple[ChatMessage, ...]
    parser: Callable[[str], Any]
    tools: Mapping[str, Tool] = field(default_factory=dict)
    max_correction_steps: int = 0
    max_conversation_restarts: int = 0
    max_tool_rounds: int = MAX_TOOL_ROUNDS


class Try(NamedTuple):
    """Which of the possible answers this is; both numbers count from 0."""

    correction: int
    restart: int


class Ask(NamedTuple):
    """Send the messages to the model; ``tools`` are those that it may still call."""

    messages: tuple[ChatMessage, ...]
    tools: tuple[Tool, ...]
    at: Try


class Use(NamedTuple):
    """Run a tool."""

    tool: Tool
    arguments: dict[str, Any]


class Judged(NamedTuple):
    """What became of the latest answer: accepted, refused with an error, or (None) it calls tools and is no answer."""

    accepted: bool | None
    at: Try
    error: str | None = None


class Generated(NamedTuple):
    """The value, and the conversation that led to it."""

    parsed: Any
    trace: list[ChatMessage]


Request: TypeAlias = "Ask | Use | Judged"
Flow: TypeAlias = "Generator[Request, Any, Generated]"


def converse(task: Task) -> Flow:
    """Asks until the parser accepts.

    Raises:
        GenerationError: it never did; ``trace`` has every conversation.
    """
    past: list[ChatMessage] = []
    restarts: list[int] = []
    for restart in range(task.max_conversation_restarts + 1):
        messages = list(task.opening)
        restarts.append(len(past))
        for correction in range(task.max_correction_steps + 1):
            at = Try(correction, restart)
            answer = yield from _answer(task, messages, at)
            try:
                parsed = task.parser(text_of(answer))
            except Exception as error:  # noqa: BLE001 - whatever a parser raises is its verdict on the answer
                fault, complaint = error, _complaint(error)
                yield Judged(accepted=False, at=at, error=complaint)
                if correction < task.max_correction_steps:
                    messages.append(ChatMessage.as_user(complaint))
            else:
                yield Judged(accepted=True, at=at)
                return Generated(parsed, messages)
        past += messages
    raise GenerationError(_gave_up(task, fault), past, restarts) from fault


def _answer(task: Task, messages: list[ChatMessage], at: Try) -> Generator[Request, Any, ChatMessage]:
    """The next message of the model that calls no tool; if it never stops calling them, the last one that does."""
    for left in range(task.max_tool_rounds, -1, -1):
        tools = tuple(task.tools.values()) if left else ()
        answer = _tidied((yield Ask(tuple(messages), tools, at)))
        messages.append(answer)
        if not answer.tool_calls:
            break
        if left:
            yield Judged(accepted=None, at=at)
        for call in answer.tool_calls:
            result = (yield from _use(task, call)) if left else "Error: no tool may be called any more; answer now."
            name = _function(call).get("name")
            messages.append(ChatMessage.as_tool(result, tool_call_id=str(call.get("id") or ""), name=name))
    return answer


def _use(task: Task, call: dict[str, Any]) -> Generator[Request, Any, str]:
    """The result of one call as the model is told it; whatever goes wrong is a result, too."""
    function = _function(call)
    tool = task.tools.get(function.get("name") or "")
    if tool is None:
        known = ", ".join(task.tools) or "none"
        return f"Error: there is no tool {function.get('name')!r}; the tools are: {known}"
    try:
        arguments = _arguments(function.get("arguments"))
        result = yield Use(tool, arguments)
        return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=str)
    except Exception as error:  # noqa: BLE001 - a tool that fails is an observation of the model's
        return f"Error: {type(error).__name__}: {error}"


def text_of(message: ChatMessage) -> str:
    """What a message says in words: its text parts one after the other, and nothing for what is not text."""
    if isinstance(message.content, str):
        return message.content
    parts = message.content or []
    return "".join(
        part if isinstance(part, str) else str(part.get("text") or "") if isinstance(part, dict) else ""
        for part in parts
    )


def _tidied(answer: ChatMessage) -> ChatMessage:
    """The answer with its reasoning stripped; an empty one is none."""
    reasoning = (answer.reasoning_content or "").strip() or None
    return answer if reasoning == answer.reasoning_content else replace(answer, reasoning_content=reasoning)


def _function(call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    return function if isinstance(function, dict) else {}


def _arguments(given: Any) -> dict[str, Any]:
    arguments = json.loads(given or "{}") if isinstance(given, str) or given is None else given
    if not isinstance(arguments, dict):
        message = f"the arguments are {type(arguments).__name__}, not a JSON object"
        raise TypeError(message)
    return arguments


def _complaint(error: Exception) -> str:
    return str(error).strip() or type(error).__name__


def _gave_up(task: Task, fault: Exception) -> str:
    corrections, conversations = task.max_correction_steps, task.max_conversation_restarts + 1
    tried = f"{corrections} correction{'' if corrections == 1 else 's'}" if corrections else "no correction"
    if conversations > 1:
        tried += f" in each of {conversations} conversations"
    return (
        f"no answer passed the parser, after {tried}; the last error was {type(fault).__name__}: {_complaint(fault)}. "
        "The whole conversation is in this error's 'trace'"
    )
