"""`generate` and `generate_async`: the conversation carried out, with every call below one span.

Invariant: the two differ in nothing but how they wait. What the client raises reaches the caller as it is.
"""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from spanglass.ask import ask, ask_async
from spanglass.errors import ConfigurationError, GenerationError
from spanglass.generation.conversation import MAX_TOOL_ROUNDS, Ask, Generated, Judged, Task, Use, converse
from spanglass.generation.parent import Generation
from spanglass.generation.tool import by_name
from spanglass.model.message import ChatMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType

    from typing_extensions import Self

    from spanglass.generation.conversation import Request, Try
    from spanglass.generation.tool import Tool
    from spanglass.model.message import Content

#: How much of the conversation is given back: nothing, the last answer alone, or all of it.
WithTrace: TypeAlias = Literal["none", "last_message", "all"]
TRACES: tuple[WithTrace, ...] = ("none", "last_message", "all")


def generate(  # noqa: PLR0913 - the choices of one generation, by name
    prompt: Content,
    *,
    parser: Callable[[str], Any] = str,
    system_prompt: str | None = None,
    model: str,
    client: Any = None,
    tools: Iterable[Tool | Callable[..., Any]] | None = None,
    max_correction_steps: int = 0,
    max_conversation_restarts: int = 0,
    max_tool_rounds: int = MAX_TOOL_ROUNDS,
    with_trace: WithTrace = "all",
    **options: Any,
) -> tuple[Any, list[ChatMessage]]:
    """Asks a model until its answer passes the parser.

    When the parser raises, the model is given its answer back with the parser's error, and asked again; when that has
    happened ``max_correction_steps`` times, the conversation begins anew, at most ``max_conversation_restarts`` times.

    Args:
        prompt: what the user says: text, or parts.
        parser: from the answer's text to the value wanted; whatever it raises is told to the model.
        system_prompt: what the system says, if anything.
        model: the model to ask.
        client: an SDK's client, or any callable; see `spanglass.call_llm`.
        tools: functions, or `Tool`, that the model may call; what they return, or raise, is told to it.
        max_correction_steps: corrections in one conversation.
        max_conversation_restarts: conversations after the first.
        max_tool_rounds: how often the model may call tools before each answer.
        with_trace: what of the conversation that succeeded comes back: ``all``, ``last_message`` or ``none``.
        **options: passed to the client with every call.

    Returns:
        What the parser made of the answer, and the trace: the messages of the conversation in order, the answer last.

    Raises:
        GenerationError: no answer passed; its ``trace`` is every conversation.
        ConfigurationError: an argument that cannot work.

    Example:
        >>> answers = iter(["about forty", "41"])
        >>> parsed, trace = generate(
        ...     "How many?", parser=int, model="m", client=lambda messages, **_: next(answers), max_correction_steps=1
        ... )
        >>> parsed, [message.role for message in trace]
        (41, ['user', 'assistant', 'user', 'assistant'])
    """
    task = _task(
        prompt, parser, system_prompt, tools, (max_correction_steps, max_conversation_restarts, max_tool_rounds)
    )
    for tool in task.tools.values():
        if inspect.iscoroutinefunction(tool.function):
            message = f"the tool {tool.name!r} is a coroutine function; use generate_async(), or give a plain function"
            raise ConfigurationError(message)
    with _Run(task, model, with_trace) as run:
        while (request := run.request) is not None:
            with run.turn(request) as turn:
                if isinstance(request, Ask):
                    turn.value = ask(request.messages, model=model, client=client, **_offered(request), **options)
                else:
                    turn.value = request.tool.function(**request.arguments)
    return run.result()


async def generate_async(  # noqa: PLR0913 - as `generate`
    prompt: Content,
    *,
    parser: Callable[[str], Any] = str,
    system_prompt: str | None = None,
    model: str,
    client: Any = None,
    tools: Iterable[Tool | Callable[..., Any]] | None = None,
    max_correction_steps: int = 0,
    max_conversation_restarts: int = 0,
    max_tool_rounds: int = MAX_TOOL_ROUNDS,
    with_trace: WithTrace = "all",
    **options: Any,
) -> tuple[Any, list[ChatMessage]]:
    """The same for clients that are awaited; tools may be coroutine functions. See `generate`."""
    task = _task(
        prompt, parser, system_prompt, tools, (max_correction_steps, max_conversation_restarts, max_tool_rounds)
    )
    with _Run(task, model, with_trace) as run:
        while (request := run.request) is not None:
            with run.turn(request) as turn:
                if isinstance(request, Ask):
                    offered = _offered(request)
                    turn.value = await ask_async(request.messages, model=model, client=client, **offered, **options)
                else:
                    result = request.tool.function(**request.arguments)
                    turn.value = await result if inspect.isawaitable(result) else result
    return run.result()


@dataclass(slots=True)
class _Turn:
    """What came of a request."""

    value: Any = None


class _Run:
    """One conversation under way: what it asks for next, and the span above its calls."""

    def __init__(self, task: Task, model: str, with_trace: WithTrace) -> None:
        if with_trace not in TRACES:
            message = f"with_trace={with_trace!r} is none of {', '.join(TRACES)}"
            raise ConfigurationError(message)
        self.request: Ask | Use | None = None
        self._with_trace = with_trace
        self._at: Try | None = None
        self._generated = Generated(None, [])
        self._flow = converse(task)
        self._generation = Generation(task, model)

    def __enter__(self) -> Self:
        self._advance(partial(next, self._flow))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._flow.close()
        self._generation.end(self._at, error)
        if isinstance(error, GenerationError):
            error.refs = tuple(self._generation.refs)

    @contextmanager
    def turn(self, request: Ask | Use) -> Iterator[_Turn]:
        """A request is carried out inside; what came of it, or was raised, decides what is asked for next."""
        turn = _Turn()
        try:
            with self._around(request):
                yield turn
        except Exception as error:  # noqa: BLE001 - the conversation decides: a tool's error is told, a client's raised
            if isinstance(request, Ask):
                self._generation.called(getattr(error, "spanglass_ref", None))
            self._advance(partial(self._flow.throw, error))
            return
        value = turn.value
        if isinstance(request, Ask):
            self._generation.called(value.ref)
            value = value.message
        self._advance(partial(self._flow.send, value))

    def result(self) -> tuple[Any, list[ChatMessage]]:
        """What was generated, with as much of its trace as was asked for."""
        parsed, trace = self._generated
        kept = {"none": [], "last_message": trace[-1:], "all": trace}
        return parsed, kept[self._with_trace]

    def _around(self, request: Ask | Use) -> AbstractContextManager[Any]:
        if isinstance(request, Use):
            return self._generation.inside()
        self._at = request.at
        return self._generation.calling(request.at)

    def _advance(self, step: Callable[[], Request]) -> None:
        try:
            request = step()
            while isinstance(request, Judged):
                self._generation.judged(request)
                request = self._flow.send(None)
            self.request = request
        except StopIteration as end:
            self.request, self._generated = None, end.value


def _task(
    prompt: Content,
    parser: Callable[[str], Any],
    system_prompt: str | None,
    tools: Iterable[Tool | Callable[..., Any]] | None,
    limits: tuple[int, int, int],
) -> Task:
    if min(limits) < 0:
        message = f"corrections, restarts and tool rounds are numbers from 0 on, not {', '.join(map(str, limits))}"
        raise ConfigurationError(message)
    system = [ChatMessage.as_system(system_prompt)] if system_prompt else []
    return Task((*system, ChatMessage.as_user(prompt)), parser, by_name(tools or ()), *limits)


def _offered(request: Ask) -> dict[str, Any]:
    return {"tools": [tool.definition for tool in request.tools]} if request.tools else {}
