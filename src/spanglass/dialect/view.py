"""What a dialect finds in an envelope: facts about the call, and the window that the model was given.

Invariant: what is not said is None or empty, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spanglass.model.record import Usage

if TYPE_CHECKING:
    from spanglass.model import JsonObject
    from spanglass.model.message import ChatMessage


@dataclass(frozen=True, slots=True)
class Facts:
    """What a list of calls shows; the fields are those of `spanglass.model.record.Summary`."""

    provider: str | None = None
    operation: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    finish_reasons: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    workflow_id: str | None = None
    step_name: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """What a page about a call shows; the fields are those of `spanglass.model.record.Record`."""

    messages: tuple[ChatMessage, ...] = ()
    output: tuple[ChatMessage, ...] = ()
    tools: tuple[Any, ...] = ()
    options: JsonObject = field(default_factory=dict)
