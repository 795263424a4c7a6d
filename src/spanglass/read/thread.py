"""Which calls make one conversation: found from their messages alone, whoever made them, in whatever trace.

A call continues an earlier one if it was asked all that the earlier one was asked, then the earlier one's answer, and
then more. So each call has two marks: the digest of what it was asked together with its answer, and the digest of its
messages up to the last of the assistant's. Where the second is another call's first, the two belong together.

Invariant: what a library changes when it sends an answer back (ids, empty texts, a text as a part, one message as
several, the reasoning left out) makes no difference to a mark; words, roles and arguments do.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spanglass.model.message import ChatMessage

_ROLES = {"model": "assistant", "developer": "system"}


class Marks(NamedTuple):
    """What ties a call to others.

    Args:
        asked: the digest of its messages.
        heard: the digest of its messages up to the assistant's last, or None if there is none.
        heard_length: how many messages that is.
        said: for each answer that it may be continued from, the digest of its messages and that answer.
    """

    asked: bytes
    heard: bytes | None
    heard_length: int
    said: tuple[bytes, ...]


def marks(messages: Sequence[ChatMessage], output: Sequence[ChatMessage]) -> Marks:
    """The marks of a call."""
    before = rolling = _Rolling()
    heard: bytes | None = None
    heard_length = position = 0
    open_run: list[ChatMessage] = []
    for is_assistant, run in _runs(messages):
        before, rolling = rolling, rolling.then(run)
        position += len(run)
        open_run = run if is_assistant else []
        if is_assistant:
            heard, heard_length = rolling.digest, position
    answers = [list(output)] + ([[answer] for answer in output] if len(output) > 1 else []) if output else []
    closed = before if open_run else rolling  # an answer goes on with what the assistant was made to say first
    said = tuple(closed.then([*open_run, *answer]).digest for answer in answers)
    return Marks(rolling.digest, heard, heard_length, said)


def same(one: Sequence[ChatMessage], other: Sequence[ChatMessage]) -> bool:
    """Whether two conversations say the same."""
    return marks(one, ()).asked == marks(other, ()).asked


class _Rolling:
    """The digest of a conversation so far, from which any continuation is digested without going through it again."""

    __slots__ = ("_hash",)

    def __init__(self, so_far: Any = None) -> None:
        self._hash = hashlib.blake2b(digest_size=16) if so_far is None else so_far

    @property
    def digest(self) -> bytes:
        return bytes(self._hash.digest())

    def then(self, run: Sequence[ChatMessage]) -> _Rolling:
        """The digest with a run of messages after it; the assistant's are one, however many they are sent as."""
        after = self._hash.copy()
        told = [_joined(run)] if run and _is_assistant(run[0]) else [_plain(message) for message in run]
        for message in told:
            text = json.dumps(message, ensure_ascii=False, sort_keys=True, default=str).encode("utf-8", "surrogatepass")
            after.update(len(text).to_bytes(8, "big"))
            after.update(text)
        return _Rolling(after)


def _runs(messages: Sequence[ChatMessage]) -> Iterator[tuple[bool, list[ChatMessage]]]:
    for is_assistant, run in groupby(messages, _is_assistant):
        yield is_assistant, list(run)


def _is_assistant(message: ChatMessage) -> bool:
    return _role(message) == "assistant"


def _role(message: ChatMessage) -> str:
    return _ROLES.get(message.role, message.role)


def _joined(run: Sequence[ChatMessage]) -> list[Any]:
    plain = [_plain(message) for message in run]
    texts = "".join(content for _, content, _ in plain if isinstance(content, str))
    parts = [part for _, content, _ in plain if isinstance(content, list) for part in content]
    return ["assistant", [texts, parts], [call for _, _, calls in plain for call in calls]]


def _plain(message: ChatMessage) -> tuple[str, Any, list[Any]]:
    content: Any = message.content or ""
    if isinstance(content, list):
        texts = [part if isinstance(part, str) else _text(part) for part in content]
        content = "".join(filter(None, texts)) if None not in texts else content
    return _role(message), content, [_call(call) for call in message.tool_calls or ()]


def _text(part: Any) -> str | None:
    """A text part's text; None for any other part."""
    if not isinstance(part, dict) or part.get("type") not in ("text", "output_text", "input_text", None):
        return None
    text = part.get("text")
    return text if isinstance(text, str) else None


def _call(call: dict[str, Any]) -> list[Any]:
    function = call.get("function")
    function = function if isinstance(function, dict) else call
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        with suppress(ValueError, RecursionError):  # what a model wrote that is no JSON is compared as text
            arguments = json.loads(arguments)
    return [function.get("name"), arguments]
