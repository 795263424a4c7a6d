from __future__ import annotations

import json

from dialect.made import call, envelope
from spanglass.dialect.openllmetry import facts, window
from spanglass.dialect.view import Facts, Window
from spanglass.model.message import ChatMessage
from spanglass.model.record import Usage

# As opentelemetry-instrumentation-openai of OpenLLMetry wrote it up to 0.46.
CALL = {
    "llm.request.type": "chat",
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4o",
    "llm.headers": "None",
    "llm.is_streaming": False,
    "llm.top_k": 4,
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": "Be brief.",
    "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content": json.dumps([{"type": "text", "text": "Look."}, {"type": "image_url", "image_url": {}}]),
    "gen_ai.prompt.2.role": "assistant",
    "gen_ai.prompt.2.tool_calls.0.id": "c1",
    "gen_ai.prompt.2.tool_calls.0.name": "find",
    "gen_ai.prompt.2.tool_calls.0.arguments": '{"q": 1}',
    "gen_ai.prompt.3.role": "tool",
    "gen_ai.prompt.3.content": "[1] is a text, too",
    "gen_ai.prompt.3.tool_call_id": "c1",
    "gen_ai.prompt.10.role": "user",
    "gen_ai.prompt.10.content": "And now?",
    "llm.request.functions.0.name": "find",
    "llm.request.functions.0.description": "Finds.",
    "llm.request.functions.0.parameters": '{"type": "object"}',
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": "Two.",
    "gen_ai.completion.0.finish_reason": "stop",
    "llm.usage.total_tokens": 47,
}


def test_flattened_messages_tools_and_options_are_read() -> None:
    tool = {"type": "function", "function": {"name": "find", "description": "Finds.", "parameters": {"type": "object"}}}
    assert window(envelope(CALL)) == Window(
        (
            ChatMessage.as_system("Be brief."),
            ChatMessage.as_user([{"type": "text", "text": "Look."}, {"type": "image_url", "image_url": {}}]),
            ChatMessage.as_assistant(tool_calls=[call("c1", "find", '{"q": 1}')]),
            ChatMessage.as_tool("[1] is a text, too", tool_call_id="c1"),
            ChatMessage.as_user("And now?"),
        ),
        (ChatMessage.as_assistant("Two."),),
        (tool,),
        {"top_k": 4, "stream": False},
    )
    assert facts(envelope(CALL)) == Facts(operation="chat", finish_reasons=("stop",))


def test_its_earliest_names_are_read() -> None:
    old = {
        "llm.vendor": "Anthropic",
        "llm.request.type": "completion",
        "llm.request.model": "claude-1",
        "llm.response.model": "claude-1.3",
        "llm.usage.prompt_tokens": 5,
        "llm.usage.completion_tokens": 6,
        "llm.prompts.0.user": "Once upon",
        "llm.completions.0.content": " a time",
    }
    assert facts(envelope(old)) == Facts("Anthropic", "text_completion", "claude-1", "claude-1.3", usage=Usage(5, 6))
    assert window(envelope(old)) == Window((ChatMessage.as_user("Once upon"),), (ChatMessage.as_assistant(" a time"),))


def test_a_function_call_of_before_there_were_tools_is_a_tool_call() -> None:
    old = {"gen_ai.completion.0.function_call.name": "find", "gen_ai.completion.0.function_call.arguments": "{}"}
    assert window(envelope(old)).output == (ChatMessage.as_assistant(tool_calls=[call(None, "find", "{}")]),)


def test_a_prompt_that_is_one_attribute_is_read_as_the_conventions_had_it() -> None:
    whole = {
        "gen_ai.prompt": json.dumps([{"role": "user", "content": "Hi"}]),
        "gen_ai.completion": json.dumps([{"role": "assistant", "content": "Hello."}]),
    }
    assert window(envelope(whole)) == Window((ChatMessage.as_user("Hi"),), (ChatMessage.as_assistant("Hello."),))
