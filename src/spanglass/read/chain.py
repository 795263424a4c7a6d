"""Conversations in which answers were refused and asked for again, as `spanglass.generate` and other libraries do it.

Invariant: a chain is cut where its own messages are: every attempt, every complaint and the answer that stood are
slices of the last call's messages and its answer. Nothing is taken from elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from spanglass.read.thread import same

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spanglass.model.message import ChatMessage
    from spanglass.model.record import Record

#: A library asks again at once; a person who read the answer, and says what is wrong with it, takes longer.
REASK_WITHIN_NS = 10 * 10**9

#: What libraries say when they ask again: exceptions, and the words around them.
_COMPLAINT = re.compile(
    r"""
      \bvalidation\s+(?:error|failed|failure) | \b\w*(?:Error|Exception)\b\s*[:(\[] | \bTraceback\b
    | \bexpecting\ value\b | \binvalid\b | \bnot\ (?:a\ )?valid\b | \bis\ not\ of\ type\b | \bis\ a\ required\b
    | \b(?:failed|unable|could\ not|couldn't|cannot|can't)\b[^.\n]{0,40}\b(?:pars|decod|validat)
    | \bdoes\ not\ (?:match|conform|validate)\b | \bfollowing\ errors?\b | \bfix\ the\ errors?\b
    | \bcorrect\ (?:the|your)\ (?:json|output|answer|response|function\ call)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
#: The same where the answer was a tool call that nobody meant to run; a tool that fails says other things.
_TOOL_COMPLAINT = re.compile(r"\bvalidation\s+error|\bfix\s+the\s+errors?\b", re.IGNORECASE)
_CUT_SHORT = frozenset(
    {"length", "max_tokens", "max_output_tokens", "incomplete", "content_filter", "safety", "refusal"}
)

#: Options by which a request goes on with a conversation that the provider keeps, so that its messages are not all.
_KEPT_ELSEWHERE = ("previous_response_id", "conversation")


class Cut(NamedTuple):
    """A refused attempt in the last call's messages, from ``start`` to ``end``; its complaint ends at ``resume``."""

    start: int
    end: int
    resume: int


class Pair(NamedTuple):
    """What was asked, an answer to it that was refused, the one that stood, and the calls that it is all taken from."""

    prompt: list[ChatMessage]
    rejected: list[ChatMessage]
    chosen: list[ChatMessage]
    refs: tuple[str, ...]


class Turn(NamedTuple):
    """What was asked, the answers that were refused, and the one that was not."""

    prompt: list[ChatMessage]
    refused: list[list[ChatMessage]]
    final: list[ChatMessage]


@dataclass(frozen=True, slots=True)
class Chain:
    """A conversation, by its last call.

    Args:
        record: the last call; its messages and its answer are the whole conversation.
        cuts: the attempts in it that were refused, in order.
        refs: the calls that it is made of, as ``trace_id/span_id``, in order.
        accepted: what whoever asked said of the answer: whether it passed; None if nobody said so.
        earlier: conversations of the same generation that were given up before this one.
    """

    record: Record
    cuts: tuple[Cut, ...] = ()
    refs: tuple[str, ...] = ()
    accepted: bool | None = None
    earlier: tuple[Chain, ...] = ()

    @property
    def answer(self) -> list[ChatMessage]:
        """What the model said in the end; of several choices the first."""
        return _first_choice(self.record.output)

    @property
    def whole(self) -> list[ChatMessage]:
        """All messages, those of refused attempts and the complaints about them included."""
        return [*self.record.messages, *self.answer]

    @property
    def clean(self) -> list[ChatMessage]:
        """The conversation as if each answer that stood had been the first."""
        return self._kept(0, len(self.record.messages) + len(self.answer))

    @property
    def failure(self) -> str | None:
        """Why the conversation is no good example, in a few words that can be counted; None if it is one."""
        record = self.record
        if record.state != "done" or not record.complete:
            return "not ended well" if record.state != "done" else "not whole"
        if any(record.options.get(name) for name in _KEPT_ELSEWHERE):
            return "begun elsewhere"
        if self.accepted is False or self._repeats_a_refused_answer():
            return "answer refused"
        if any(reason.lower() in _CUT_SHORT for reason in record.finish_reasons):
            return "answer cut short"
        return None if any(message.content or message.tool_calls for message in self.answer) else "answer empty"

    def pairs(self) -> Iterator[Pair]:
        """Each refused attempt beside the answer that stood, under what both were asked."""
        turns = self.turns()
        for turn in turns:
            yield from (Pair(turn.prompt, refused, turn.final, self.refs) for refused in turn.refused)
        for chain in self.earlier:
            given_up, stood = chain.turns()[-1], turns[-1]
            if same(given_up.prompt, stood.prompt):
                attempts = [*given_up.refused, given_up.final]
                refs = (*chain.refs, *self.refs)
                yield from (Pair(stood.prompt, refused, stood.final, refs) for refused in attempts)

    def turns(self) -> list[Turn]:
        """The turns in which answers were refused; if there is none, the last one, which then stood at once."""
        messages = self.whole
        turns = []
        for episode in self._episodes():
            begin = episode[0].start
            later = range(episode[-1].resume, len(messages))
            end = next((at for at in later if messages[at].role == "user"), len(messages))
            begins = [begin, *(cut.resume for cut in episode[:-1])]
            refused = [messages[at : cut.end] for at, cut in zip(begins, episode, strict=True)]
            turns.append(Turn(self._kept(0, begin), refused, self._kept(begin, end)))
        return turns or [Turn(list(self.record.messages), [], self.answer)]

    def _episodes(self) -> list[list[Cut]]:
        """The cuts, those together that were asked the same: between two of them nobody asked anything new."""
        episodes: list[list[Cut]] = []
        for cut in self.cuts:
            resumed = episodes[-1][-1].resume if episodes else 0
            between = self.record.messages[resumed : cut.start]
            if not episodes or any(message.role == "user" for message in between):
                episodes.append([])
            episodes[-1].append(cut)
        return episodes

    def _kept(self, begin: int, end: int) -> list[ChatMessage]:
        """The messages of a stretch that are in no cut."""
        left_out = {at for cut in self.cuts for at in range(cut.start, cut.resume)}
        return [message for at, message in enumerate(self.whole[begin:end], begin) if at not in left_out]

    def _repeats_a_refused_answer(self) -> bool:
        if not self.cuts:
            return False
        turn = self.turns()[-1]
        return any(same(refused, turn.final) for refused in turn.refused)


def is_complaint(messages: Sequence[ChatMessage], since_ns: int) -> bool:
    """Whether what was said after an answer refuses it, rather than goes on from it.

    Args:
        messages: what followed the answer in the next request.
        since_ns: how long after the answer they were sent, in ns.
    """
    if not messages or since_ns > REASK_WITHIN_NS:
        return False
    words = {"user": _COMPLAINT, "tool": _TOOL_COMPLAINT}
    return all(message.role in words and words[message.role].search(_text(message)) for message in messages)


def _text(message: ChatMessage) -> str:
    return message.content if isinstance(message.content, str) else repr(message.content)


def _first_choice(output: Sequence[ChatMessage]) -> list[ChatMessage]:
    return list(output[:1] if all(message.role == "assistant" for message in output) else output)
