from __future__ import annotations

import json

from dialect.made import call, envelope
from spanglass.dialect.openinference import facts, values, window
from spanglass.dialect.view import Facts, Window
from spanglass.model.message import ChatMessage
from spanglass.model.record import Usage

TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
# By the attributes of its specification, as openinference-instrumentation-openai writes them.
CALL = {
    "openinference.span.kind": "LLM",
    "llm.system": "openai",
    "llm.provider": "azure",
    "llm.model_name": "gpt-4o",
    "llm.response.model_name": "gpt-4o-2024",
    "llm.invocation_parameters": json.dumps({"model": "gpt-4o", "temperature": 0.5, "messages": []}),
    "llm.input_messages.0.message.role": "system",
    "llm.input_messages.0.message.content": "Be brief.",
    "llm.input_messages.1.message.role": "user",
    "llm.input_messages.1.message.contents.0.message_content.type": "text",
    "llm.input_messages.1.message.contents.0.message_content.text": "Look.",
    "llm.input_messages.1.message.contents.1.message_content.type": "image",
    "llm.input_messages.1.message.contents.1.message_content.image.image.url": "data:image/png;base64,aGk=",
    "llm.input_messages.2.message.role": "assistant",
    "llm.input_messages.2.message.tool_calls.0.tool_call.id": "c1",
    "llm.input_messages.2.message.tool_calls.0.tool_call.function.name": "find",
    "llm.input_messages.2.message.tool_calls.0.tool_call.function.arguments": '{"q": 1}',
    "llm.input_messages.3.message.role": "tool",
    "llm.input_messages.3.message.content": "2",
    "llm.input_messages.3.message.tool_call_id": "c1",
    "llm.input_messages.3.message.name": "find",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.contents.0.message_content.type": "reasoning",
    "llm.output_messages.0.message.contents.0.message_content.text": "Hm.",
    "llm.output_messages.0.message.contents.1.message_content.type": "text",
    "llm.output_messages.0.message.contents.1.message_content.text": "Two.",
    "llm.tools.0.tool.json_schema": json.dumps(TOOL),
    "llm.token_count.prompt": 40,
    "llm.token_count.completion": 7,
    "llm.token_count.total": 47,
    "llm.token_count.prompt_details.cache_read": 3,
    "llm.token_count.completion_details.reasoning": 2,
    "input.value": '{"messages": [{"role": "user", "content": "again"}]}',
    "input.mime_type": "application/json",
    "output.value": "again",
}


def test_flattened_messages_tools_and_options_are_read() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    assert window(envelope(CALL)) == Window(
        (
            ChatMessage.as_system("Be brief."),
            ChatMessage.as_user([{"type": "text", "text": "Look."}, image]),
            ChatMessage.as_assistant(tool_calls=[call("c1", "find", '{"q": 1}')]),
            ChatMessage.as_tool("2", tool_call_id="c1", name="find"),
        ),
        (ChatMessage.as_assistant([{"type": "text", "text": "Two."}], reasoning_content="Hm."),),
        (TOOL,),
        {"temperature": 0.5},
    )


def test_the_attributes_say_who_what_and_how_much() -> None:
    assert facts(envelope(CALL)) == Facts("azure", "chat", "gpt-4o", "gpt-4o-2024", usage=Usage(40, 7, 3, None, 2))


def test_input_and_output_values_are_a_last_resort() -> None:
    assert values(envelope(CALL)) == Window((ChatMessage.as_user("again"),), (ChatMessage.as_assistant("again"),))


def test_text_completions_and_embeddings_are_read() -> None:
    completion = {"llm.prompts.0.prompt.text": "Once upon", "llm.choices.0.completion.text": " a time"}
    assert window(envelope(completion)) == Window(
        (ChatMessage.as_user("Once upon"),), (ChatMessage.as_assistant(" a time"),)
    )
    embedding = {
        "openinference.span.kind": "EMBEDDING",
        "embedding.model_name": "text-embedding-3",
        "embedding.embeddings.0.embedding.text": "Hi",
        "embedding.embeddings.0.embedding.vector": [0.5],
    }
    assert window(envelope(embedding)) == Window((ChatMessage.as_user("Hi"),))
    assert facts(envelope(embedding)) == Facts(operation="embeddings", request_model="text-embedding-3")


def test_a_function_call_of_before_there_were_tools_is_a_tool_call() -> None:
    old = {
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.function_call_name": "find",
        "llm.output_messages.0.message.function_call_arguments_json": "{}",
    }
    assert window(envelope(old)).output == (ChatMessage.as_assistant(tool_calls=[call(None, "find", "{}")]),)
