"""OpenAI's legacy text completions, and those of servers that follow it.

Invariant: the prompt is the user message; a prompt of tokens, or of several texts, stays what it was, as parts. The
answer is read as a chat answer is: a choice's text is its content (and some servers do answer with chat choices).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.model.message import ChatMessage
from spanglass.wire.base import RequestView, take
from spanglass.wire.openai_chat import decode, fold, read_response

if TYPE_CHECKING:
    from spanglass.model import JsonObject

__all__ = ["decode", "fold", "name", "operation", "read_prompt", "read_request", "read_response"]

name = "openai_completions"
operation = "text_completion"


def read_request(payload: JsonObject) -> RequestView:
    """The view of a request body."""
    options = dict(payload)
    model = take(options, "model")
    messages = read_prompt(options.pop("prompt", None))
    return RequestView(model, messages, (), options, bool(payload.get("stream")))


def read_prompt(prompt: Any) -> tuple[ChatMessage, ...]:
    """A bare prompt as the message that it is."""
    if prompt is None:
        return ()
    return (ChatMessage.as_user(prompt if isinstance(prompt, (str, list)) else [prompt]),)
