"""Conversations as rows of a dataset, in the shapes that trainers read.

Invariant: a row is JSON of plain values; tool calls, tools and reasoning are in it where the conversation has them, in
the one spelling of its format, whichever wire format they were recorded in.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spanglass.model import JsonObject
    from spanglass.model.message import ChatMessage
    from spanglass.read.chain import Chain

Format: TypeAlias = Literal["openai", "sharegpt", "trl-sft", "trl-dpo"]
FORMATS: tuple[Format, ...] = get_args(Format)

_ROLES = {"model": "assistant"}
_SYSTEM = {"developer": "system"}
_TEXTS = ("text", "input_text", "output_text", None)
_SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}


class Style(NamedTuple):
    """How the messages of a row are spelled.

    Args:
        reasoning: the model's reasoning is in the row.
        corrections: refused attempts and the complaints about them stay in chat rows.
    """

    reasoning: bool = True
    corrections: bool = False


def rows_of(chain: Chain, form: Format, style: Style) -> Iterator[JsonObject]:
    """The rows that a conversation makes: one chat, or a pair for each refused attempt.

    Tools are JSON text but for OpenAI: their schemas differ from row to row, and a column has one type.
    """
    tools = [tool for given in chain.record.tools for tool in _tools(given)]
    told: JsonObject = {"tools": tools if form == "openai" else json.dumps(tools, ensure_ascii=False)} if tools else {}
    if form == "trl-dpo":
        for pair in chain.pairs():
            parts = {"prompt": pair.prompt, "chosen": pair.chosen, "rejected": pair.rejected}
            row = {name: _for_templates(messages, style) for name, messages in parts.items()}
            yield {**row, **told, "span_ids": list(pair.refs)}
        return
    messages = chain.whole if style.corrections else chain.clean
    if form == "sharegpt":
        row = {"conversations": list(_turns(messages, style))}
    elif form == "trl-sft":
        row = {"messages": _for_templates(messages, style)}
    else:
        row = {"messages": [_message(message, style) for message in messages]}
    yield {**row, **told, "span_ids": list(chain.refs)}


def _message(message: ChatMessage, style: Style) -> JsonObject:
    """As OpenAI's chat format has it; the reasoning beside the content, where servers of open models put it."""
    shaped: JsonObject = {"role": _ROLES.get(message.role, message.role), "content": _content(message.content)}
    if style.reasoning and message.reasoning_content:
        shaped["reasoning_content"] = message.reasoning_content
    if message.tool_calls:
        shaped["tool_calls"] = [_call(call) for call in message.tool_calls]
    for name in ("tool_call_id", "name"):
        if getattr(message, name) is not None:
            shaped[name] = getattr(message, name)
    return shaped


def _for_templates(messages: Sequence[ChatMessage], style: Style) -> list[JsonObject]:
    """As chat templates read them: arguments as values, a text in each message, each tool's result with its name."""
    names: dict[str, str] = {}
    shaped = []
    for message in messages:
        value = _message(message, style)
        value["role"] = _SYSTEM.get(value["role"], value["role"])
        value["content"] = value["content"] or ""
        for call in value.get("tool_calls", ()):
            names[call["id"]] = call["function"]["name"]
            call["function"]["arguments"] = _value(call["function"]["arguments"])
        if message.role == "tool" and message.tool_call_id in names:
            value.setdefault("name", names[message.tool_call_id])
        shaped.append(value)
    return shaped


def _turns(messages: Sequence[ChatMessage], style: Style) -> Iterator[JsonObject]:
    """ShareGPT's turns; what tools answered to one message's calls is one turn, so that the sides alternate."""
    observed: list[str] = []
    for message in messages:
        role = _SYSTEM.get(message.role, _ROLES.get(message.role, message.role))
        if role == "tool":
            observed.append(_words(message.content))
            continue
        if observed:
            yield {"from": "observation", "value": "\n".join(observed)}
            observed = []
        yield _spoken(message, role, style)
    if observed:
        yield {"from": "observation", "value": "\n".join(observed)}


def _spoken(message: ChatMessage, role: str, style: Style) -> JsonObject:
    words = _words(message.content)
    thought = (message.reasoning_content or "") if style.reasoning else ""
    if not message.tool_calls:
        prefix = f"<think>\n{thought}\n</think>\n\n" if thought else ""
        return {"from": _SPEAKERS.get(role, role), "value": prefix + words}
    thought = "\n\n".join(filter(None, (thought, words)))
    prefix = f"<think>\n{thought}\n</think>\n\n" if thought else ""
    functions = [_call(call)["function"] for call in message.tool_calls]
    calls = [{"name": function["name"], "arguments": _value(function["arguments"])} for function in functions]
    return {
        "from": "function_call",
        "value": prefix + json.dumps(calls if len(calls) > 1 else calls[0], ensure_ascii=False),
    }


def _content(content: Any) -> Any:
    """The text where there is nothing but text; else the parts as they are."""
    if not isinstance(content, list):
        return content
    texts = [part if isinstance(part, str) else _text(part) for part in content]
    return content if None in texts else "".join(filter(None, texts))


def _words(content: Any) -> str:
    content = _content(content)
    return content if isinstance(content, str) else "" if content is None else json.dumps(content, ensure_ascii=False)


def _text(part: Any) -> str | None:
    """A text part's text, also of what a tool answered as an error (Anthropic's); None for any other part."""
    if not isinstance(part, dict) or part.get("type") not in (*_TEXTS, "tool_result"):
        return None
    text = part.get("content" if part.get("type") == "tool_result" else "text")
    return text if isinstance(text, str) else None


def _call(call: JsonObject) -> JsonObject:
    given = call.get("function")
    function = given if isinstance(given, dict) else call
    arguments = function.get("arguments")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
    name = str(function.get("name") or "")
    return {"id": str(call.get("id") or ""), "type": "function", "function": {"name": name, "arguments": text}}


def _value(arguments: str) -> Any:
    """Arguments as a value; what a model wrote that is no JSON stays the text that it is."""
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments


def _tools(tool: Any) -> Iterator[JsonObject]:
    """The functions that a tool definition describes; what the provider itself runs is none."""
    if not isinstance(tool, dict):
        return
    nested = tool.get("functionDeclarations") or tool.get("function_declarations") or tool.get("tools")
    if isinstance(nested, list):
        for inner in nested:
            yield from _tools(inner)
        return
    for key in ("function", "toolSpec"):
        if isinstance(tool.get(key), dict):
            tool = tool[key]
    if not isinstance(tool.get("name"), str):
        return
    schema = next(
        (tool[key] for key in ("parameters", "input_schema", "inputSchema") if isinstance(tool.get(key), dict)), None
    )
    if schema is None and tool.get("type") not in (None, "function", "custom"):
        return
    function = {"name": tool["name"], "description": str(tool.get("description") or "")}
    schema = schema.get("json", schema) if schema is not None else {"type": "object", "properties": {}}
    yield {"type": "function", "function": {**function, "parameters": schema}}
