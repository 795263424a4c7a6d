"""The context window as text, message by message, with the tokens of each.

Invariant: the figures of one window sum to the input tokens that the provider reported, where it did. Tool definitions
are a part of the window: they stand as one last entry with the role ``tools``.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from spanglass.read import tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanglass.model.message import ChatMessage
    from spanglass.model.record import Record

_BASE64 = re.compile(r"(data:[^,]{1,200},)?[A-Za-z0-9+/_=\r\n-]{400,}")
#: A tuple: what a part says of its type may be anything, a list too.
_MEDIA_TYPES = ("image", "image_url", "input_image", "input_audio", "audio", "video", "file", "input_file", "document")
_TEXT_KEYS = ("text", "refusal", "thinking")


class Piece(NamedTuple):
    """A stretch of one message, as text for a reader."""

    kind: Literal["reasoning", "text", "media", "data", "call"]
    text: str

    def tokens(self) -> int:
        """How many tokens it has, about; what a picture costs does not depend on the text that stands for it."""
        return tokens.MEDIA_TOKENS if self.kind == "media" else tokens.count(self.text)


def pieces(message: ChatMessage) -> Iterator[Piece]:
    """What a message is made of, in the order in which a person reads it: reasoning, content, tool calls."""
    if message.reasoning_content:
        yield Piece("reasoning", message.reasoning_content)
    parts = message.content if isinstance(message.content, list) else [message.content]
    for part in parts:
        if part is not None and part != "":
            yield content_piece(part)
    for call in message.tool_calls or ():
        yield Piece("call", call_text(call))


def content_piece(part: Any) -> Piece:
    """One part of a message's content."""
    if isinstance(part, str):
        return Piece("text", part)
    if not isinstance(part, dict):
        return _data_piece(part)
    if part.get("type") in _MEDIA_TYPES or "inlineData" in part or "inline_data" in part:
        return Piece("media", compact(part))
    for key in _TEXT_KEYS:
        if isinstance(part.get(key), str):
            kind: Literal["reasoning", "text"] = "reasoning" if key == "thinking" else "text"
            return Piece(kind, part[key])
    return _data_piece(part)


def text_of(message: ChatMessage) -> str:
    """A message as one text: its pieces, one under the other."""
    return "\n".join(piece.text for piece in pieces(message))


def contents(record: Record) -> list[tuple[str, str]]:
    """Role and text of each message, then of the tools, as `format_context_window` has them; it also counts tokens."""
    found = [(message.role, text_of(message)) for message in record.messages]
    if record.tools:
        found.append(("tools", "\n".join(_data_piece(tool).text for tool in record.tools)))
    return found


def call_text(call: dict[str, Any]) -> str:
    """A tool call as ``name(arguments)``, its arguments as sent."""
    function = call.get("function")
    if not isinstance(function, dict):
        return compact(call)
    return f"{function.get('name')}({call_arguments(call)})"


def call_arguments(call: dict[str, Any]) -> str:
    """The arguments of a tool call as sent; of a call that is no function's, all of it."""
    function = call.get("function")
    if not isinstance(function, dict):
        return compact(call)
    arguments = function.get("arguments")
    return arguments if isinstance(arguments, str) else compact(arguments)


def format_context_window(record: Record) -> list[dict[str, Any]]:
    """All that the model was given: ``[{"role", "content", "token_estimate"}]``, in the order of the request.

    ``content`` is text: the parts of a message one under the other, tool calls as ``name(arguments)``, images and other
    media as a line that says what they are (the exact parts are in ``record.messages``). The tool definitions follow as
    one entry of the role ``tools``. The estimates sum to ``record.usage.input_tokens`` where the provider reported it.

    Example:
        >>> from spanglass.model.message import ChatMessage
        >>> from spanglass.model.record import Record, Usage
        >>> record = Record("0" * 32, "0" * 16, usage=Usage(input_tokens=9), messages=(ChatMessage.as_user("Hi"),))
        >>> format_context_window(record)
        [{'role': 'user', 'content': 'Hi', 'token_estimate': 9}]
    """
    entries = [(message.role, list(pieces(message))) for message in record.messages]
    if record.tools:
        entries.append(("tools", [_data_piece(tool) for tool in record.tools]))
    weights = [tokens.MESSAGE_OVERHEAD + sum(piece.tokens() for piece in found) for _, found in entries]
    reported = record.usage.input_tokens
    estimates = weights if reported is None else tokens.share(weights, reported)
    return [
        {"role": role, "content": "\n".join(piece.text for piece in found), "token_estimate": estimate}
        for (role, found), estimate in zip(entries, estimates, strict=True)
    ]


def compact(value: Any) -> str:
    """JSON on one line as a person wants it: letters as they are, and base64 of media named instead of shown."""
    return json.dumps(_without_base64(value), ensure_ascii=False, default=str)


def _data_piece(value: Any) -> Piece:
    return Piece("data", compact(value))


def is_base64(text: str) -> bool:
    """Whether a text is a picture, sound or file that no person reads."""
    return _BASE64.fullmatch(text) is not None


def _without_base64(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_base64(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_base64(item) for item in value]
    if isinstance(value, str) and is_base64(value):
        start = value.partition(",")[0] + ", " if value.startswith("data:") else ""
        return f"[{start}{len(value):,} characters of base64]"
    return value
