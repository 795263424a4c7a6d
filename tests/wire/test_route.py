from __future__ import annotations

import json
from typing import Any

import pytest

from spanglass.wire.read import FORMATS
from spanglass.wire.route import Route, fits, looks_like_llm, route

CHAT = ("openai_chat", "chat")
TEXT = ("openai_completions", "text_completion")
RESPONSES = ("openai_responses", "chat")
MESSAGES = ("anthropic_messages", "chat")
EMBEDDINGS = ("embeddings", "embeddings")
OPAQUE = ("opaque", "chat")

CALLS: list[tuple[str, str, tuple[str, str], str | None, str | None]] = [
    ("api.openai.com", "/v1/chat/completions", CHAT, "openai", None),
    ("API.OpenAI.com:443", "/v1/chat/completions/", CHAT, "openai", None),
    ("eu.api.openai.com", "/v1/responses", RESPONSES, "openai", None),
    ("api.openai.com", "/v1/responses/compact", RESPONSES, "openai", None),
    ("api.openai.com", "/v1/responses/input_tokens", ("openai_responses", "count_tokens"), "openai", None),
    ("api.openai.com", "/v1/completions", TEXT, "openai", None),
    ("api.openai.com", "/v1/embeddings", EMBEDDINGS, "openai", None),
    ("localhost:8000", "/v1/chat/completions", CHAT, None, None),
    ("127.0.0.1", "/chat/completions", CHAT, None, None),
    ("gateway.example.com", "/team/a/openai/v1/chat/completions", CHAT, None, None),
    ("x.openai.azure.com", "/openai/deployments/my%20gpt/chat/completions", CHAT, "azure.ai.openai", "my gpt"),
    ("x.openai.azure.com", "/openai/deployments/d/embeddings", EMBEDDINGS, "azure.ai.openai", "d"),
    ("x.openai.azure.com", "/openai/deployments/d/completions", TEXT, "azure.ai.openai", "d"),
    ("x.openai.azure.com", "/openai/v1/responses", RESPONSES, "azure.ai.openai", None),
    ("x.services.ai.azure.com", "/models/chat/completions", CHAT, "azure.ai.inference", None),
    ("api.anthropic.com", "/v1/messages", MESSAGES, "anthropic", None),
    ("api.anthropic.com", "/v1/messages/count_tokens", ("anthropic_messages", "count_tokens"), "anthropic", None),
    ("api.anthropic.com", "/v1/complete", ("anthropic_messages", "text_completion"), "anthropic", None),
    ("api.deepseek.com", "/anthropic/v1/messages", MESSAGES, "deepseek", None),
    (
        "us-east5-aiplatform.googleapis.com",
        "/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-x@1:streamRawPredict",
        MESSAGES,
        "gcp.vertex_ai",
        "claude-x@1",
    ),
    (
        "aiplatform.googleapis.com",
        "/v1/projects/p/locations/global/publishers/anthropic/models/count-tokens:rawPredict",
        ("anthropic_messages", "count_tokens"),
        "gcp.vertex_ai",
        None,
    ),
    (
        "aiplatform.googleapis.com",
        "/v1/projects/p/locations/l/publishers/google/models/gemini-x:generateContent",
        ("opaque", "generate_content"),
        "gcp.vertex_ai",
        "gemini-x",
    ),
    (
        "generativelanguage.googleapis.com",
        "/v1beta/models/gemini-x:streamGenerateContent",
        ("opaque", "generate_content"),
        "gcp.gemini",
        "gemini-x",
    ),
    (
        "generativelanguage.googleapis.com",
        "/v1beta/models/emb:batchEmbedContents",
        EMBEDDINGS,
        "gcp.gemini",
        "emb",
    ),
    ("generativelanguage.googleapis.com", "/v1beta/openai/chat/completions", CHAT, "gcp.gemini", None),
    (
        "bedrock-runtime.us-east-1.amazonaws.com",
        "/model/us.anthropic.claude-x-v1%3A0/invoke-with-response-stream",
        MESSAGES,
        "aws.bedrock",
        "us.anthropic.claude-x-v1:0",
    ),
    ("bedrock-runtime.eu-west-1.amazonaws.com", "/model/nova/converse", OPAQUE, "aws.bedrock", "nova"),
    ("bedrock-mantle.us-east-1.api.aws", "/v1/chat/completions", CHAT, "aws.bedrock", None),
    ("api.groq.com", "/openai/v1/chat/completions", CHAT, "groq", None),
    ("api.mistral.ai", "/v1/chat/completions", CHAT, "mistral_ai", None),
    ("api.mistral.ai", "/v1/fim/completions", TEXT, "mistral_ai", None),
    ("api.mistral.ai", "/v1/agents/completions", CHAT, "mistral_ai", None),
    ("api.x.ai", "/v1/chat/completions", CHAT, "x_ai", None),
    ("api.writer.com", "/v1/chat", CHAT, "writer", None),
    ("api.cohere.com", "/v2/chat", OPAQUE, "cohere", None),
    ("api.cohere.com", "/v2/embed", EMBEDDINGS, "cohere", None),
    ("localhost:11434", "/api/chat", OPAQUE, "ollama", None),
    ("localhost:11434", "/api/embed", EMBEDDINGS, "ollama", None),
    (
        "us-central1-aiplatform.googleapis.com",
        "/v1/projects/p/locations/l/publishers/google/models/text-embedding-005:predict",
        EMBEDDINGS,
        "gcp.vertex_ai",
        "text-embedding-005",
    ),
    (
        "us-central1-aiplatform.googleapis.com",
        "/v1/projects/p/locations/l/publishers/google/models/imagen-4:predict",
        ("opaque", "generate_content"),
        "gcp.vertex_ai",
        "imagen-4",
    ),
    (
        "generativelanguage.googleapis.com",
        "/v1beta/models/gemini-2.5-flash:countTokens",
        ("opaque", "count_tokens"),
        "gcp.gemini",
        "gemini-2.5-flash",
    ),
    (
        "generativelanguage.googleapis.com",
        "/v1beta/interactions",
        ("opaque", "generate_content"),
        "gcp.gemini",
        None,
    ),
    ("api.voyageai.com", "/v1/multimodalembeddings", EMBEDDINGS, "voyage_ai", None),
    ("api.cohere.com", "/v2/rerank", ("opaque", "rerank"), "cohere", None),
    ("api.mistral.ai", "/v1/conversations/conv_1", OPAQUE, "mistral_ai", None),
    ("us-south.ml.cloud.ibm.com", "/ml/v1/text/generation", ("opaque", "text_completion"), "ibm.watsonx.ai", None),
    ("us-south.ml.cloud.ibm.com", "/ml/v1/text/embeddings", EMBEDDINGS, "ibm.watsonx.ai", None),
    (
        "router.huggingface.co",
        "/hf-inference/models/BAAI/bge-m3/pipeline/feature-extraction",
        EMBEDDINGS,
        "huggingface",
        "BAAI/bge-m3",
    ),
    (
        "router.huggingface.co",
        "/hf-inference/models/google/flan-t5",
        ("opaque", "text_completion"),
        "huggingface",
        "google/flan-t5",
    ),
    ("localhost:11434", "/v1/chat/completions", CHAT, "ollama", None),
]


@pytest.mark.parametrize(("host", "path", "reading", "provider", "model"), CALLS)
def test_a_call_is_known_by_its_path(
    host: str, path: str, reading: tuple[str, str], provider: str | None, model: str | None
) -> None:
    assert route("POST", host, path) == Route(reading[0], provider, reading[1], model)
    assert reading[0] in FORMATS


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/chat/completions"),
        ("GET", "/v1/chat/completions/chatcmpl-1"),
        ("POST", "/v1/chat/completions/chatcmpl-1"),
        ("DELETE", "/v1/responses/resp_1"),
        ("GET", "/v1/responses/resp_1"),
        ("POST", "/v1/responses/resp_1/cancel"),
        ("POST", "/v1/messages/batches"),
        ("POST", "/v1/batches"),
        ("POST", "/v1/files"),
        ("POST", "/v1/threads/t/messages"),
        ("POST", "/messages"),
        ("POST", "/v1/chat"),
        ("POST", "/api/chat"),
        ("GET", "/v1/models"),
        ("POST", "/"),
        ("POST", ""),
    ],
)
def test_other_requests_are_no_calls(method: str, path: str) -> None:
    assert route(method, "api.openai.com", path) is None


@pytest.mark.parametrize("host", ["", "api.openai.com.evil.test", "notapi.openai.example", "openai.com", "."])
def test_a_provider_is_known_by_whole_labels(host: str) -> None:
    assert route("POST", host, "/v1/chat/completions") == Route("openai_chat", None, "chat")


LLM = [
    b'{"model": "m", "messages": [{"role": "user"}]}',
    b'{"messages": [{"role": "user", "content": "' + b"x" * 9000 + b'"}], "model": "m"}',
    b' {"model": "m", "prompt": "Hi"}',
    b'{"input": "Hi", "model": "m"}',
    b'{"contents": [{"parts": [{"text": "Hi"}]}]}',
]
NOT_LLM = [
    b"",
    b"model=m&prompt=x",
    b'[{"model": "m", "messages": []}]',
    b'{"messages": ["hello room"]}',
    b'{"input": "x"}',
    b'{"model": "T-800"}',
    b"\x00\xff",
]


@pytest.mark.parametrize("body", LLM, ids=lambda body: repr(body[:30]))
def test_a_body_with_a_model_and_a_prompt_looks_like_a_call(body: bytes) -> None:
    assert looks_like_llm(body)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/v1/traces/ingest",
            {"data": [{"span_data": {"type": "generation", "model": "m", "input": [{"role": "u"}]}}]},
        ),
        ("/api/public/ingestion", {"batch": [{"body": {"model": "m", "input": "Hi"}}]}),
        ("/runs/batch", {"post": [{"inputs": {"messages": [{"role": "user"}]}, "extra": {"model": "m"}}]}),
        ("/mcp", {"method": "sampling/createMessage", "params": {"messages": [{"role": "user"}]}}),
        ("/v1/messages/batches", {"requests": [{"params": {"model": "m", "messages": [{"role": "user"}]}}]}),
        ("/v1/threads", {"messages": [{"role": "user", "content": "Hi"}]}),
        ("/v1beta/models/gemini:batchGenerateContent", {"contents": [{"parts": [{"text": "Hi"}]}]}),
        ("/v1beta/cachedContents", {"model": "m", "contents": [{"parts": [{"text": "Hi"}]}]}),
    ],
)
def test_what_tells_of_calls_or_is_kept_for_later_is_none(path: str, body: Any) -> None:
    assert not looks_like_llm(json.dumps(body).encode(), path)


@pytest.mark.parametrize(
    ("wire_format", "body", "expected"),
    [
        ("openai_chat", b"{}", True),
        ("anthropic_messages", b'{"model": "m", "system": "' + b"s" * 9_000 + b'", "messages": []}', True),
        ("anthropic_messages", b'{"messages": [{"to": "1"}]}', False),
        ("openai_responses", b'{"input": "Hi"}', True),
        ("openai_responses", b'{"answers": [1]}', False),
        ("openai_completions", b'{"user": 1}', False),
        ("embeddings", b'{"vectors": [1]}', False),
    ],
)
def test_a_path_that_others_use_too_is_a_models_by_its_body(wire_format: str, body: bytes, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    assert fits(wire_format, body) is expected


@pytest.mark.parametrize("body", NOT_LLM, ids=lambda body: repr(body[:30]))
def test_other_bodies_do_not(body: bytes) -> None:
    assert not looks_like_llm(body)
