"""A call's context window as a page shows it: its messages, a map of them, what each role costs, tools and options.

Invariant: the tokens of the messages and the tools sum to what the page says of the window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from spanglass.read.figures import counted, number
from spanglass.read.redactions import redacted_paths
from spanglass.read.tool import asked_for, signature
from spanglass.read.window import compact, format_context_window
from spanglass.server.viewer.bar import Bar, stacked
from spanglass.server.viewer.message import MessageView, Pairs, tone, view
from spanglass.server.viewer.text import Folded, Room, laid_out, tidy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spanglass.model.record import Record
    from spanglass.server.viewer.link import Links

_TOOLS = "tools"
_MASKED_SHOWN = 100


class Segment(NamedTuple):
    """One message, or all tool definitions, on the map of the window."""

    bar: Bar
    tone: str
    label: str
    href: str


class Share(NamedTuple):
    """What a role has of the window."""

    role: str
    tone: str
    messages: int
    tokens: int
    percent: int


class ToolView(NamedTuple):
    """A tool's definition."""

    signature: str
    description: Folded
    definition: Folded


class Option(NamedTuple):
    """One option of the request."""

    name: str
    value: Folded


class Masked(NamedTuple):
    """A place that was masked."""

    path: str
    href: str


@dataclass(frozen=True, slots=True)
class WindowView:
    """All of it; ``body`` is the request's text where no messages could be read from it."""

    messages: tuple[MessageView, ...]
    segments: tuple[Segment, ...]
    shares: tuple[Share, ...]
    figures: str
    tools: tuple[ToolView, ...]
    tools_tokens: int
    options: tuple[Option, ...]
    answer: tuple[MessageView, ...]
    masked: tuple[Masked, ...]
    masked_more: int
    request: Folded | None
    response: Folded | None


def window_view(record: Record, links: Links) -> WindowView:
    """The record's window, answer, tools, options and masked places."""
    room = Room()
    entries = format_context_window(record)
    tokens: list[int] = [entry["token_estimate"] for entry in entries]
    pairs = Pairs(asked_for(record.messages), _answered(record))
    roles = [message.role for message in record.messages] + ([_TOOLS] if record.tools else [])
    paths = redacted_paths(record)
    return WindowView(
        messages=tuple(_messages(record, links, room, pairs, tokens)),
        segments=tuple(_segments(roles, tokens)),
        shares=tuple(_shares(roles, tokens)),
        figures=_figures(record, sum(tokens)),
        tools=tuple(_tools(record, room)),
        tools_tokens=tokens[-1] if record.tools else 0,
        options=tuple(_options(record, room)),
        answer=tuple(_answer(record, links, room, pairs)),
        masked=tuple(Masked(path, _place(path, record, links)) for path in paths[:_MASKED_SHOWN]),
        masked_more=max(0, len(paths) - _MASKED_SHOWN),
        request=None if record.messages else _body(room, [attempt.request_body for attempt in record.attempts]),
        response=None if record.output else _body(room, [attempt.response_body for attempt in record.attempts]),
    )


def _answered(record: Record) -> dict[str, int]:
    return {
        message.tool_call_id: index for index, message in enumerate(record.messages) if message.tool_call_id is not None
    }


def _messages(record: Record, links: Links, room: Room, pairs: Pairs, tokens: list[int]) -> Iterator[MessageView]:
    largest = max(tokens, default=1)
    for index, message in enumerate(record.messages):
        href = links.message(record, "messages", index)
        anchor = f"message-{index}"
        last = index == len(record.messages) - 1
        cost = tokens[index]
        yield view(message, index, room, pairs, anchor=anchor, href=href, tokens=cost, largest=largest, last=last)


def _answer(record: Record, links: Links, room: Room, pairs: Pairs) -> Iterator[MessageView]:
    for index, message in enumerate(record.output):
        href = links.message(record, "answer", index)
        anchor = f"message-{len(record.messages) + index}"  # as the events of the span count on
        yield view(message, index, room, pairs, anchor=anchor, href=href)


def _segments(roles: Sequence[str], tokens: list[int]) -> Iterator[Segment]:
    for index, (role, bar) in enumerate(zip(roles, stacked(tokens), strict=True)):
        definitions = role == _TOOLS
        label = (
            f"tools, ~{number(tokens[index])} tokens"
            if definitions
            else f"{index} {role}, ~{number(tokens[index])} tokens"
        )
        yield Segment(bar, _tone(role), label, "#tools" if definitions else f"#message-{index}")


def _shares(roles: Sequence[str], tokens: list[int]) -> Iterator[Share]:
    whole = max(1, sum(tokens))
    for role in dict.fromkeys(roles):
        mine = [count for count, its in zip(tokens, roles, strict=True) if its == role]
        yield Share(role, _tone(role), len(mine), sum(mine), round(100 * sum(mine) / whole))


def _tone(role: str) -> str:
    return "definitions" if role == _TOOLS else tone(role)


def _figures(record: Record, total: int) -> str:
    messages = counted(len(record.messages), "message")
    if record.usage.input_tokens:
        return f"{messages}, {number(total)} tokens as reported, each by estimate"
    return f"{messages}, about {number(total)} tokens"


def _tools(record: Record, room: Room) -> Iterator[ToolView]:
    for tool in record.tools:
        words, description = signature(tool)
        yield ToolView(words, room.fold(description), room.fold(laid_out(tool)))


def _options(record: Record, room: Room) -> Iterator[Option]:
    for name, value in record.options.items():
        text = value if isinstance(value, str) else compact(value)
        yield Option(name, room.fold(text if len(text) <= 80 else tidy(text)))  # noqa: PLR2004 - one line


def _body(room: Room, bodies: list[bytes | None]) -> Folded | None:
    body = next((body for body in reversed(bodies) if body), None)
    return None if body is None else room.fold(tidy(body.decode("utf-8", "backslashreplace")))


def _place(path: str, record: Record, links: Links) -> str:
    """Where on the pages a masked value is seen."""
    head, _, rest = path.partition("[")
    index = rest.partition("]")[0]
    if head == "attempts" and index.isdecimal():
        return f"{links.span(record, 'attempts')}#attempt-{record.attempts[int(index)].number}"
    if head in ("steps", "upstream_context"):
        return links.span(record, "steps" if head == "steps" else "upstream")
    anchors = {"messages": f"#message-{index}", "output": f"#answer-{index}", "tools": "#tools"}
    return anchors.get(head, "#options" if head.startswith("options") else "#top")
