"""What a client gave, as a message.

Invariant: the client's own object is only looked at, never changed.
"""

from __future__ import annotations

from typing import Any

from spanglass.errors import Unanswered
from spanglass.model.message import ChatMessage
from spanglass.wire import manual
from spanglass.wire.wording import to_plain


def read_answer(response: Any) -> ChatMessage:
    """The message in a text, a `ChatMessage`, an SDK's response, or JSON in the shape of one.

    Raises:
        Unanswered: there is none in it.

    Example:
        >>> read_answer({"choices": [{"message": {"role": "assistant", "content": "Hi"}}]}).content
        'Hi'
    """
    if isinstance(response, ChatMessage):
        return response
    if isinstance(response, str):
        return ChatMessage.as_assistant(response)
    payload = to_plain(response)
    output = manual.read_response(payload).output if isinstance(payload, dict) else ()
    if not output:
        message = (
            f"the client returned {type(response).__qualname__} without a message in it; a client returns text, a "
            "ChatMessage, or a response in the shape of OpenAI's or Anthropic's"
        )
        raise Unanswered(message)
    return next((message for message in output if message.role == "assistant"), output[0])
