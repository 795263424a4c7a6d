"""A message as a page shows it: its parts, what they cost, and where the other half of a tool call is.

Invariant: every part of a message is there, in the order in which `spanglass.read.window` reads it; one that cannot be
shown (a picture of an unknown kind, a text that is too long) is named instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from spanglass.read.tool import name_of
from spanglass.read.window import call_arguments, content_piece
from spanglass.server.viewer.bar import Bar, fraction
from spanglass.server.viewer.image import picture
from spanglass.server.viewer.text import Folded, Room, tidy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spanglass.model.message import ChatMessage
    from spanglass.read.tool import Asked

#: The tone of each role; all others share one.
TONES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}
#: Arguments up to so many characters stand on the line of their call.
_BRIEF = 140


class Pairs(NamedTuple):
    """Which tool call belongs to which result, by the call's id: where it was asked for, and where it was answered."""

    asked: Mapping[str, Asked]
    answered: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a message.

    Args:
        kind: ``reasoning``, ``text``, ``media``, ``data`` or ``call``.
        text: what it says; of a call, its arguments.
        name, identity: of a call, the tool and the call's id.
        result: of a call, the message with its result.
        picture: a safe ``data:`` url, or None.
        brief: short enough for one line.
        size: its characters.
    """

    kind: str
    text: Folded
    name: str = ""
    identity: str = ""
    result: int | None = None
    picture: str | None = None
    brief: bool = False
    size: int = 0


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message: ``href`` is its own page, ``anchor`` its place on this one; ``asked`` is the call it answers.

    ``expects_results``: a message follows, so that a tool call without a result is remarkable.
    """

    anchor: str
    index: int
    role: str
    tone: str
    name: str
    parts: tuple[Part, ...]
    href: str
    tokens: int | None = None
    bar: Bar | None = None
    identity: str = ""
    asked: Asked | None = None
    expects_results: bool = False


def tone(role: str) -> str:
    """Which of the few colours a role has."""
    return TONES.get(role, "other")


def view(  # noqa: PLR0913 - a message and its surroundings
    message: ChatMessage,
    index: int,
    room: Room,
    pairs: Pairs,
    *,
    anchor: str,
    href: str,
    tokens: int | None = None,
    largest: int = 1,
    last: bool = True,
) -> MessageView:
    """A message as the page shows it.

    ``largest`` is the most tokens that any message of its window has, ``last`` whether none follows.
    """
    identity = message.tool_call_id or ""
    return MessageView(
        anchor,
        index,
        message.role,
        tone(message.role),
        message.name or "",
        tuple(_parts(message, room, pairs)),
        href,
        tokens,
        None if tokens is None else fraction(tokens, largest),
        identity,
        pairs.asked.get(identity),
        expects_results=not last,
    )


def _parts(message: ChatMessage, room: Room, pairs: Pairs) -> Iterator[Part]:
    if message.reasoning_content:
        yield Part("reasoning", room.fold(message.reasoning_content), size=len(message.reasoning_content))
    for part in _contents(message):
        yield _content(part, room, message.role)
    for call in message.tool_calls or ():
        yield _call(call, room, pairs)


def _contents(message: ChatMessage) -> list[Any]:
    parts = message.content if isinstance(message.content, list) else [message.content]
    return [part for part in parts if part is not None and part != ""]


def _content(part: Any, room: Room, role: str) -> Part:
    kind, text = content_piece(part)
    found = None if kind == "text" else picture(part)
    if found is not None and len(found) <= room.left:
        room.left -= len(found)
        return Part("media", room.fold(text), picture=found)
    if kind == "data" or tone(role) == "tool":
        text = tidy(text)
    return Part(kind, room.fold(text), size=len(text))


def _call(call: dict[str, Any], room: Room, pairs: Pairs) -> Part:
    arguments = call_arguments(call)
    brief = len(arguments) <= _BRIEF and "\n" not in arguments
    identity = str(call.get("id") or "")
    return Part(
        "call",
        room.fold(arguments if brief else tidy(arguments)),
        name_of(call),
        identity,
        pairs.answered.get(identity),
        brief=brief,
    )
