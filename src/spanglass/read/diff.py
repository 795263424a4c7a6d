"""What changed between the context windows of two calls: messages, tools and options.

Invariant: the messages before ``common`` are the same in both, and from there on every message of both windows is in
exactly one row, in the order of the windows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Literal

from spanglass.read.edit import Edit, common, edits
from spanglass.read.window import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from spanglass.model.message import ChatMessage
    from spanglass.model.record import Record

__all__ = ["Diff", "Edit", "MessageRow", "ValueChange", "diff"]


@dataclass(frozen=True, slots=True)
class MessageRow:
    """What became of one message.

    Args:
        kind: ``same``, ``changed``, ``added`` or ``removed``.
        role: its role; of one that changed, after.
        before, after: its number in each window, from 0; None where it is not in that one.
        edits: of one that ``changed`` how its text became another (`spanglass.format_context_window` shows it as that
            text); of others one edit with all of it.
        fields: of one that ``changed`` the fields of `spanglass.ChatMessage` that are not the same.
    """

    kind: Literal["same", "changed", "added", "removed"]
    role: str
    before: int | None
    after: int | None
    edits: tuple[Edit, ...] = ()
    fields: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: the fields, in their order."""
        return {
            "kind": self.kind,
            "role": self.role,
            "before": self.before,
            "after": self.after,
            "edits": [edit.to_dict() for edit in self.edits],
            "fields": list(self.fields),
        }


@dataclass(frozen=True, slots=True)
class ValueChange:
    """An option or a tool that is not the same in both.

    Args:
        name: the option's key, or the tool's name.
        kind: ``changed``, ``added`` or ``removed``.
        before, after: the JSON values; None where there is none.
    """

    name: str
    kind: Literal["changed", "added", "removed"]
    before: Any = None
    after: Any = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: the fields, in their order."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Diff:
    """How the context window of one call became that of another.

    Args:
        before, after: the calls, as ``trace_id/span_id``.
        common: how many messages both begin with.
        rows: the messages from there on.
        options: the options that changed, ``model`` first.
        tools: the tools that changed, by name.
        tools_moved: the tools are the same ones in another order.
    """

    before: str
    after: str
    common: int
    rows: tuple[MessageRow, ...] = ()
    options: tuple[ValueChange, ...] = ()
    tools: tuple[ValueChange, ...] = ()
    tools_moved: bool = False

    @property
    def same(self) -> bool:
        """Whether the model was given the same in both calls."""
        return not (self.options or self.tools or self.tools_moved or any(row.kind != "same" for row in self.rows))

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: ``same`` and the fields, in their order."""
        return {
            "before": self.before,
            "after": self.after,
            "same": self.same,
            "common": self.common,
            "rows": [row.to_dict() for row in self.rows],
            "options": [change.to_dict() for change in self.options],
            "tools": [change.to_dict() for change in self.tools],
            "tools_moved": self.tools_moved,
        }


def diff(before: Record, after: Record) -> Diff:
    """What changed between the context windows of two calls.

    Args:
        before: the earlier call, read: its ``messages``, ``tools`` and ``options`` are compared.
        after: the later one.

    Example:
        >>> from spanglass.model.message import ChatMessage
        >>> from spanglass.model.record import Record
        >>> first = Record("0" * 32, "1" * 16, messages=(ChatMessage.as_user("Hi"),))
        >>> again = Record("0" * 32, "2" * 16, messages=(*first.messages, ChatMessage.as_assistant("Yes?")))
        >>> found = diff(first, again)
        >>> found.common, [(row.kind, row.role) for row in found.rows]
        (1, [('added', 'assistant')])
    """
    prefix = common(before.messages, after.messages)
    old, new = _tools(before), _tools(after)
    tools = tuple(_changes(old, new))
    return Diff(
        before.ref,
        after.ref,
        prefix,
        tuple(_rows(before.messages, after.messages, prefix)),
        tuple(_changes(_options(before), _options(after))),
        tools,
        tools_moved=not tools and list(old) != list(new),
    )


def _rows(before: Sequence[ChatMessage], after: Sequence[ChatMessage], prefix: int) -> Iterator[MessageRow]:
    old, new = ([_key(message) for message in messages[prefix:]] for messages in (before, after))
    for same, left, right, low, high in _opcodes(old, new, prefix):
        if same:
            for was, now in zip(range(left, right), range(low, high), strict=True):
                yield MessageRow("same", after[now].role, was, now, _all("same", after[now]))
        else:
            yield from _replaced(before, after, range(left, right), range(low, high))


def _replaced(
    before: Sequence[ChatMessage], after: Sequence[ChatMessage], old: range, new: range
) -> Iterator[MessageRow]:
    """Messages that took the place of others: those of one role, in their order, are ones that changed."""
    roles = [before[at].role for at in old], [after[at].role for at in new]
    for same, left, right, low, high in _opcodes(*roles):
        if same:
            yield from (
                _changed(before, after, was, now) for was, now in zip(old[left:right], new[low:high], strict=True)
            )
            continue
        for was in old[left:right]:
            yield MessageRow("removed", before[was].role, was, None, _all("removed", before[was]))
        for now in new[low:high]:
            yield MessageRow("added", after[now].role, None, now, _all("added", after[now]))


def _changed(before: Sequence[ChatMessage], after: Sequence[ChatMessage], was: int, now: int) -> MessageRow:
    old, new = before[was], after[now]
    fields = [name for name in old.__slots__ if getattr(old, name) != getattr(new, name)]
    return MessageRow("changed", new.role, was, now, edits(text_of(old), text_of(new)), tuple(fields))


def _opcodes(old: list[str], new: list[str], shift: int = 0) -> Iterator[tuple[bool, int, int, int, int]]:
    """The stretches that difflib finds, whether each is the same in both, counted from ``shift`` on."""
    for kind, left, right, low, high in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        yield kind == "equal", left + shift, right + shift, low + shift, high + shift


def _all(kind: Literal["same", "removed", "added"], message: ChatMessage) -> tuple[Edit, ...]:
    return (Edit(kind, text_of(message)),)


def _key(message: ChatMessage) -> str:
    return json.dumps(message.to_dict(), sort_keys=True, default=str)


def _options(record: Record) -> dict[str, Any]:
    model = {} if record.request_model is None else {"model": record.request_model}
    return model | record.options


def _tools(record: Record) -> dict[str, Any]:
    """The tools by name; a name that comes again has a number behind it."""
    found: dict[str, Any] = {}
    for tool in record.tools:
        name = _name(tool)
        number = sum(known.partition(" #")[0] == name for known in found)
        found[f"{name} #{number + 1}" if number else name] = tool
    return found


def _name(tool: Any) -> str:
    inner = tool.get("function") if isinstance(tool, dict) else None
    named = inner if isinstance(inner, dict) else tool
    return str(named.get("name") or named.get("type") or "tool") if isinstance(named, dict) else str(named)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[ValueChange]:
    for name in dict.fromkeys((*before, *after)):
        if name not in after:
            yield ValueChange(name, "removed", before[name])
        elif name not in before:
            yield ValueChange(name, "added", None, after[name])
        elif before[name] != after[name]:
            yield ValueChange(name, "changed", before[name], after[name])
