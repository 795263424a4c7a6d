"""A record as a page for a person: what went wrong, what the model was given, what it answered, and how.

Invariant: nothing is left out silently. What is folded says how much and how to see it; what is missing or masked is
named; a call whose wire format is not read shows its body instead.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from spanglass.model.step import FORMAT
from spanglass.read.attempts import render_attempts, render_exchange
from spanglass.read.figures import counted, duration, moment, number, usage
from spanglass.read.redactions import redacted_paths
from spanglass.read.steptrace import render_steps
from spanglass.read.tool import asked_for, ids, signature
from spanglass.read.trouble import troubles
from spanglass.read.window import compact, format_context_window, pieces

if TYPE_CHECKING:
    from spanglass.model.message import ChatMessage
    from spanglass.model.record import Record
    from spanglass.read.terminal import Terminal
    from spanglass.read.tool import Asked
    from spanglass.read.window import Piece

WARNING = "bold yellow"
FAILURE = "bold red"
STATE_STYLES = {"done": "green", "started": "cyan", "error": FAILURE, "killed": FAILURE}
ROLE_STYLES = {
    "system": "bold magenta",
    "developer": "bold magenta",
    "user": "bold blue",
    "assistant": "bold green",
    "tool": "bold cyan",
}
#: What is shown of one long text unless everything is asked for, in characters.
FOLD_HEAD, FOLD_TAIL = 1500, 500
_BRIEF = 300


class Page(NamedTuple):
    """Where a record is rendered, and whether its long texts are folded."""

    terminal: Terminal
    full: bool = False

    def title(self, words: str, more: str = "") -> None:
        """A heading."""
        self.terminal.gap()
        self.terminal.line((words, "bold underline"), *((f"   {more}",) if more else ()))

    def body(self, text: str, style: str = "", *, indent: int = 4, brief: bool = False) -> None:
        """A text of others, folded if it is long."""
        if brief:
            head, tail = _BRIEF, 0
        else:
            head, tail = FOLD_HEAD, FOLD_TAIL
        if self.full or len(text) <= head + tail + _BRIEF // 3:
            self.terminal.text(text, style, indent=indent)
            return
        self.terminal.text(text[:head], style, indent=indent)
        self.terminal.line((f"… {len(text) - head - tail:,} more characters: --full", WARNING), indent=indent)
        if tail:
            self.terminal.text(text[-tail:], style, indent=indent)


def render_record(record: Record, terminal: Terminal, *, full: bool = False, attempts: bool = False) -> None:
    """Writes the page of one record.

    Args:
        record: as `Reader.fetch` gives it.
        terminal: where it is written.
        full: long texts whole, and tool definitions.
        attempts: each attempt with its headers and bodies, instead of a line each.
    """
    page = Page(terminal, full)
    _header(page, record)
    _troubles(page, record)
    if _is_call(record):
        window = format_context_window(record)
        _context_window(page, record, window)
        _tools(page, record, window)
        _options(page, record)
        _answer(page, record)
    _around(page, record)
    if attempts:
        for attempt in record.attempts:
            page.title(f"ATTEMPT {attempt.number}")
            render_exchange(page, attempt)
    elif record.attempts:
        page.title("ATTEMPTS", "headers and bodies: --attempts")
        render_attempts(terminal, record.attempts)
    _redactions(page, record)


def _header(page: Page, record: Record) -> None:
    terminal = page.terminal
    state = record.state if record.duration_ns is None else f"{record.state}, {duration(record.duration_ns)}"
    terminal.ends([(record.name or "a call", "bold")], (state, STATE_STYLES.get(record.state, WARNING)))
    terminal.line(("span ", "dim"), record.span_id, ("  trace ", "dim"), record.trace_id)
    facts = [moment(record.started_at), record.service, record.provider or "", record.format]
    if record.response_model and record.response_model != record.request_model:
        facts.append(f"answered by {record.response_model}")
    terminal.line(" · ".join(fact for fact in facts if fact))
    if record.workflow_id:
        times = "" if record.step_attempt is None else f", attempt {record.step_attempt} of the step"
        step = f" / {record.step_name}" if record.step_name else ""
        terminal.line(("workflow ", "dim"), f"{record.workflow_id}{step}{times}")
    if _is_call(record):
        terminal.line(("tokens ", "dim"), usage(record.usage))


def _troubles(page: Page, record: Record) -> None:
    for label, text, failure in troubles(record):
        style = FAILURE if failure else WARNING
        page.terminal.gap()
        page.terminal.line((f"! {label}", style))
        page.body(text, style.removeprefix("bold "), indent=2)


def _context_window(page: Page, record: Record, window: list[dict[str, Any]]) -> None:
    if not record.messages:
        _unread_request(page, record)
        return
    reported = record.usage.input_tokens
    total = sum(entry["token_estimate"] for entry in window)
    figures = f"{number(total)} tokens as reported, each by estimate" if reported else f"about {number(total)} tokens"
    page.title("CONTEXT WINDOW", f"{counted(len(record.messages), 'message')}, {figures}")
    calls = asked_for(record.messages)
    answered = {message.tool_call_id for message in record.messages}
    for index, (message, entry) in enumerate(zip(record.messages, window, strict=False)):
        page.terminal.gap()
        label = [(f"{index:>2}  ", "dim"), (message.role, ROLE_STYLES.get(message.role, "bold"))]
        if message.name:
            label.append((f" {message.name}", ""))
        if message.tool_call_id:
            label.append(_answers(message.tool_call_id, calls))
        page.terminal.ends(label, (f"~{number(entry['token_estimate'])} tokens", "dim"))
        last = index == len(record.messages) - 1
        _message(page, message, unanswered=() if last else ids(message) - answered)


def _unread_request(page: Page, record: Record) -> None:
    page.title("CONTEXT WINDOW")
    bodies = [attempt.request_body for attempt in record.attempts if attempt.request_body is not None]
    if not bodies:
        page.terminal.line(("! the request's body is not in the record", WARNING), indent=4)
        return
    words = f"no messages could be read from it as {record.format}; the request's body as it was sent:"
    page.terminal.line((words, WARNING), indent=4)
    body = bodies[-1]
    page.body(body.decode("utf-8", "replace"))


def _message(page: Page, message: ChatMessage, *, unanswered: set[str] | tuple[()] = ()) -> None:
    calls = iter(message.tool_calls or ())
    for piece in pieces(message):
        _piece(page, piece)
        if piece.kind == "call" and (identity := next(calls, {}).get("id")):
            note = "  no result in this window" if identity in unanswered else ""
            page.terminal.line((str(identity), "dim"), (note, WARNING), indent=6)


def _piece(page: Page, piece: Piece) -> None:
    if piece.kind == "reasoning":
        page.terminal.line(("reasoning", "dim italic"), indent=4)
        page.body(piece.text, "dim", indent=6)
    elif piece.kind == "call":
        page.body(f"-> {piece.text}", "cyan")
    elif piece.kind in ("media", "data"):
        page.body(piece.text, "yellow")
    else:
        page.body(piece.text)


def _answers(identity: str, calls: dict[str, Asked]) -> tuple[str, str]:
    if identity not in calls:
        return f"  answers {identity}, which no message of this window asked for", WARNING
    index, name = calls[identity]
    return f"  {name}, asked for in {index} as {identity}", "dim"


def _tools(page: Page, record: Record, window: list[dict[str, Any]]) -> None:
    if not record.tools:
        return
    cost = window[-1]["token_estimate"]
    more = "" if page.full else "; whole definitions: --full"
    page.title("TOOLS", f"{len(record.tools)}, ~{number(cost)} tokens{more}")
    for tool in record.tools:
        name, description = signature(tool)
        page.terminal.line((name, "bold cyan"), indent=4)
        if page.full:
            page.terminal.text(json.dumps(tool, indent=2, ensure_ascii=False, default=str), indent=6)
        elif description:
            page.body(description, "dim", indent=6, brief=True)


def _options(page: Page, record: Record) -> None:
    if not record.options:
        return
    page.title("OPTIONS")
    widest = max(len(name) for name in record.options)
    for name, value in record.options.items():
        text = value if isinstance(value, str) else compact(value)
        if len(text) <= _BRIEF // 3 and "\n" not in text:
            page.terminal.line((f"{name:<{widest}}  ", "dim"), text, indent=4)
        else:
            page.terminal.line((name, "dim"), indent=4)
            page.body(text, indent=6, brief=True)


def _answer(page: Page, record: Record) -> None:
    reasons = ", ".join(record.finish_reasons)
    cost = "" if record.usage.output_tokens is None else f"{number(record.usage.output_tokens)} tokens"
    page.title("ANSWER", ", ".join(part for part in (reasons, cost) if part))
    for message in record.output:
        _message(page, message)
    if record.output:
        return
    body = next((attempt.response_body for attempt in reversed(record.attempts) if attempt.response_body), None)
    if body is None:
        page.terminal.line(("no answer arrived", WARNING), indent=4)
        return
    page.terminal.line(("no messages in it; the answer's body as it arrived:", "dim"), indent=4)
    page.body(body.decode("utf-8", "replace"))


def _around(page: Page, record: Record) -> None:
    if record.upstream_context is not None:
        page.title("UPSTREAM CONTEXT")
        page.body(json.dumps(record.upstream_context, indent=2, ensure_ascii=False, default=str))
    if record.steps:
        page.title("STEPS", f"{counted(len(record.steps), 'step')}; with all that is inside: spanglass steps")
        if not page.full:
            for line in render_steps(record):
                page.terminal.line(line, indent=4)
            return
        for step in record.steps:
            took = "" if step.duration_ns is None else f"  {duration(step.duration_ns)}"
            page.terminal.line((step.step_name, "bold"), (f"  {moment(step.timestamp)}{took}", "dim"), indent=4)
            if step.data:
                page.body(compact(step.data), indent=6)


def _is_call(record: Record) -> bool:
    """Whether it is one to a model, rather than an operation that has steps."""
    return bool(record.attempts or record.messages or record.output or not record.steps) and record.format != FORMAT


def _redactions(page: Page, record: Record) -> None:
    paths = redacted_paths(record)
    if not paths and not record.redactions:
        return
    page.title("MASKED", f"{counted(record.redactions, 'value')} before anything was written")
    shown = paths if page.full else paths[:20]
    for path in shown:
        page.terminal.line((path, "dim"), indent=4)
    if len(shown) < len(paths):
        page.terminal.line((f"… {len(paths) - len(shown):,} more places: --full", WARNING), indent=4)
