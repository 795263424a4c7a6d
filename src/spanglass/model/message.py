"""One message of a conversation, in the shape that every reader of spanglass sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
Content: TypeAlias = "str | list[Any] | None"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message as a model was given it or gave it.

    Args:
        role: ``system``, ``user``, ``assistant`` or ``tool``; a provider's own role (``developer``, ``model``) is kept.
        content: the text, or the list of parts where the provider's message has parts, or None.
        reasoning_content: the model's reasoning as far as the provider shows it, or None.
        tool_calls: the calls the model asks for, each ``{"id", "type", "function": {"name", "arguments"}}`` as in
            OpenAI's chat format; ``arguments`` is the JSON text as sent.
        tool_call_id: in a ``tool`` message, the call that it answers.
        name: the participant's or the tool's name, where one is given.

    Example:
        >>> ChatMessage.as_user("Hi").to_dict()["content"]
        'Hi'
    """

    role: str
    content: Content = None
    reasoning_content: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    name: str | None = None

    @classmethod
    def as_system(cls, content: Content) -> ChatMessage:
        """A ``system`` message."""
        return cls("system", content)

    @classmethod
    def as_user(cls, content: Content) -> ChatMessage:
        """A ``user`` message."""
        return cls("user", content)

    @classmethod
    def as_assistant(
        cls,
        content: Content = None,
        *,
        reasoning_content: str | None = None,
        tool_calls: list[dict[str, Any]] | None = None,
    ) -> ChatMessage:
        """An ``assistant`` message, with its reasoning and tool calls if it has any."""
        return cls("assistant", content, reasoning_content, tool_calls)

    @classmethod
    def as_tool(cls, content: Content, *, tool_call_id: str, name: str | None = None) -> ChatMessage:
        """A ``tool`` message: the result of the call ``tool_call_id``."""
        return cls("tool", content, None, None, tool_call_id, name)

    def to_dict(self) -> dict[str, Any]:
        """All six keys, in their order; absent values are None."""
        return {
            "role": self.role,
            "content": self.content,
            "reasoning_content": self.reasoning_content,
            "tool_calls": self.tool_calls,
            "tool_call_id": self.tool_call_id,
            "name": self.name,
        }

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> ChatMessage:
        """The inverse of `to_dict`; missing keys are None, keys that no message has are an error.

        Raises:
            ValueError: no ``role``, or an unknown key.
        """
        unknown = value.keys() - cls.__slots__
        if unknown or not isinstance(value.get("role"), str):
            fault = f"has the unknown keys {sorted(unknown)}" if unknown else "has no role"
            known = ", ".join(cls.__slots__)
            message = f"not a chat message: it {fault}; the keys are {known}"
            raise ValueError(message)
        return cls(**value)
