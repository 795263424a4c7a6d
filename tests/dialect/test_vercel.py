from __future__ import annotations

import json

from dialect.made import call, envelope
from spanglass.dialect.vercel import facts, window
from spanglass.dialect.view import Facts, Window
from spanglass.model.message import ChatMessage
from spanglass.model.record import Usage

TOOL = {"type": "function", "name": "find", "inputSchema": {"type": "object"}}
# As version 5 of the JavaScript SDK writes the span ai.generateText.doGenerate.
CALL = {
    "operation.name": "ai.generateText.doGenerate",
    "ai.operationId": "ai.generateText.doGenerate",
    "ai.model.provider": "openai.chat",
    "ai.model.id": "gpt-4o",
    "ai.settings.maxRetries": 2,
    "ai.prompt.messages": json.dumps(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Look."}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "reasoning", "text": "Hm."},
                    {"type": "tool-call", "toolCallId": "c1", "toolName": "find", "input": {"q": 1}},
                ],
            },
            {
                "role": "tool",
                "content": [
                    {
                        "type": "tool-result",
                        "toolCallId": "c1",
                        "toolName": "find",
                        "output": {"type": "json", "value": {"n": 2}},
                    }
                ],
            },
        ]
    ),
    "ai.prompt.tools": [json.dumps(TOOL)],
    "ai.response.text": "Two.",
    "ai.response.toolCalls": json.dumps([{"toolCallId": "c2", "toolName": "find", "input": "{}"}]),
    "ai.response.finishReason": "tool-calls",
    "ai.response.id": "r-1",
    "ai.response.model": "gpt-4o-2024",
    "ai.usage.inputTokens": 40,
    "ai.usage.outputTokens": 7,
    "ai.usage.cachedInputTokens": 3,
}


def test_messages_tools_options_and_answer_are_read() -> None:
    assert window(envelope(CALL)) == Window(
        (
            ChatMessage.as_system("Be brief."),
            ChatMessage.as_user("Look."),
            ChatMessage.as_assistant(reasoning_content="Hm.", tool_calls=[call("c1", "find", '{"q":1}')]),
            ChatMessage.as_tool('{"n":2}', tool_call_id="c1", name="find"),
        ),
        (ChatMessage.as_assistant("Two.", tool_calls=[call("c2", "find", "{}")]),),
        (TOOL,),
        {"maxRetries": 2},
    )
    assert facts(envelope(CALL)) == Facts(
        "openai", "chat", "gpt-4o", "gpt-4o-2024", "r-1", ("tool-calls",), Usage(40, 7, 3)
    )


def test_what_version_3_wrote_is_read() -> None:
    old = {
        "ai.operationId": "ai.generateText",
        "ai.prompt": json.dumps({"system": "Be brief.", "prompt": "Look."}),
        "ai.result.text": "Two.",
        "ai.finishReason": "stop",
        "ai.usage.promptTokens": 40,
        "ai.usage.completionTokens": 7,
    }
    assert window(envelope(old)) == Window(
        (ChatMessage.as_system("Be brief."), ChatMessage.as_user("Look.")), (ChatMessage.as_assistant("Two."),)
    )
    assert facts(envelope(old)) == Facts(operation="chat", finish_reasons=("stop",), usage=Usage(40, 7))


def test_embeddings_are_read() -> None:
    one = {
        "ai.operationId": "ai.embed.doEmbed",
        "ai.values": [json.dumps("Hi"), json.dumps("Ho")],
        "ai.usage.tokens": 4,
    }
    assert window(envelope(one)) == Window((ChatMessage.as_user("Hi"), ChatMessage.as_user("Ho")))
    assert facts(envelope(one)) == Facts(operation="embeddings", usage=Usage(4))
