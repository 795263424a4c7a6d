"""What a wire format gives: the views of a request and of a response, and the protocol that every format keeps.

Invariant: a view is a reading, the bytes are the truth; so a view never fails, and a request's view loses nothing:

- ``content`` stays a string where it was one, and a list of parts where it was one. What a part says in a field of
  `ChatMessage` (the text of its reasoning, a tool call) moves there; what is left of the part stays among the parts.
- what a message says beside the fields of `ChatMessage` (an id, a status, a cache mark) is in ``options``, under the
  body's own key for the messages and the message's place there: ``{"messages": {"3": {"prefix": true}}}``. Empty
  values are left out.
- ``options`` is every other key of the body, ``stream`` included, ``model`` and the tool definitions not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from spanglass.model.record import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from spanglass.model import JsonObject
    from spanglass.model.message import ChatMessage
    from spanglass.model.record import ErrorInfo

#: One event of a stream: its name, where the stream names events, and its decoded payload. A payload that is no JSON is
#: its text; `DONE` is such a text.
Event: TypeAlias = "tuple[str | None, Any]"

#: The payload with which OpenAI-like streams say that they are whole.
DONE = "[DONE]"

_EMPTY: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request, read: what the model was given. The empty view is that of a body that cannot be read."""

    model: str | None = None
    messages: tuple[ChatMessage, ...] = ()
    tools: tuple[Any, ...] = ()
    options: JsonObject = field(default_factory=dict)
    stream: bool = False


@dataclass(frozen=True, slots=True)
class ResponseView:
    """A response, read: what the model gave, one message per choice.

    Args:
        output: the messages; for a stream, what it folds to as far as it came.
        finish_reasons: as the provider wrote them, per choice, in order; a choice that was cut has none.
        error: what the provider reported, be it by an HTTP status or inside a stream that began well.
        complete: False where the answer itself shows that it was cut.
    """

    output: tuple[ChatMessage, ...] = ()
    response_model: str | None = None
    response_id: str | None = None
    finish_reasons: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    error: ErrorInfo | None = None
    complete: bool = False


class Format(Protocol):
    """One API's JSON. The modules of this room are the formats: each has these six names.

    An event that ``decode`` does not take is decoded as any JSON, or is its text; so ``fold`` takes those too.
    """

    name: str
    operation: str

    @property
    def decode(self) -> Callable[[bytes], Any]:
        """One event's data as the payload that `fold` likes best; ValueError where it does not fit."""

    def read_request(self, payload: JsonObject) -> RequestView:
        """The view of a request body."""

    def read_response(self, payload: JsonObject) -> ResponseView:
        """The view of a whole answer."""

    def fold(self, events: Sequence[Event]) -> ResponseView:
        """The view of the answer that a stream's events make."""


def mapping(value: Any) -> JsonObject:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def listing(value: Any) -> list[Any]:
    """The value if it is a JSON list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """The value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def take(rest: JsonObject, key: str) -> str | None:
    """Moves a string out of ``rest``; whatever else is there under the key stays."""
    return rest.pop(key) if isinstance(rest.get(key), str) else None


def filled(rest: JsonObject) -> JsonObject:
    """``rest`` without its empty values (null, empty strings, lists and objects)."""
    return {key: value for key, value in rest.items() if value not in _EMPTY}


def parts_of(content: Any) -> list[Any]:
    """A message's content as parts; a string becomes a text part."""
    if isinstance(content, list):
        return content
    return [] if content in (None, "") else [{"type": "text", "text": content}]


def split_thinking(parts: list[Any]) -> tuple[list[Any], str | None]:
    """Takes the text out of the ``thinking`` parts (Anthropic's and Mistral's): the parts that are left, and the text.

    A thinking part stays, without its text, when it says more than that: Anthropic's signature.
    """
    left: list[Any] = []
    thoughts: list[str] = []
    for part in parts:
        if not isinstance(part, dict) or part.get("type") != "thinking":
            left.append(part)
            continue
        rest = dict(part)
        thought = rest.pop("thinking", None)
        if isinstance(thought, list):
            others = [piece for piece in thought if not text(mapping(piece).get("text"))]
            if others:
                rest["thinking"] = others
            thought = "".join(text(mapping(piece).get("text")) for piece in thought)
        thoughts.append(text(thought))
        if filled(rest).keys() - {"type", "closed"}:
            left.append(rest)
    return left, "\n\n".join(filter(None, thoughts)) or None
