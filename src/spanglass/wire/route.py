"""Which requests are calls to a model, and how each is read.

Invariant: the method and the end of the path decide, so that proxies, gateways and servers on localhost count too; the
host only tells the provider. A GET, a batch, one stored response are no calls. An API that has nothing to do with
models can share a path (``/v1/messages``): where `Route.provider` is None, the caller makes sure with `fits`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

import msgspec

_CHAT, _COUNT, _EMBED, _TEXT, _GENERATE = "chat", "count_tokens", "embeddings", "text_completion", "generate_content"


class Route(NamedTuple):
    """How a request is read.

    Args:
        format: a key of `spanglass.wire.read.FORMATS`; ``opaque`` where the endpoint is known and its format is not.
        provider: the gen_ai name of the provider, by host; None for a host that is not known.
        operation: the gen_ai name of the operation, or ``count_tokens``, which calls a model for no answer but a count.
        model: the model as the path names it, for the bodies that do not.
    """

    format: str
    provider: str | None
    operation: str
    model: str | None = None


class _Rule(NamedTuple):
    pattern: re.Pattern[str]
    format: str
    operation: str
    hosts: tuple[str, ...] = ()


def _rule(pattern: str, format: str, operation: str, *hosts: str) -> _Rule:  # noqa: A002 - the word of the record
    return _Rule(re.compile(pattern), format, operation, hosts)


#: The first that matches the end of the path decides.
_RULES = (
    _rule(r"/openai/deployments/(?P<model>[^/]+)/chat/completions$", "openai_chat", _CHAT),
    _rule(r"/openai/deployments/(?P<model>[^/]+)/completions$", "openai_completions", _TEXT),
    _rule(r"/openai/deployments/(?P<model>[^/]+)/embeddings$", "embeddings", _EMBED),
    _rule(r"/(?:chat|agents)/completions$", "openai_chat", _CHAT),
    _rule(r"/v1/chat$", "openai_chat", _CHAT, "writer"),
    _rule(r"/completions$", "openai_completions", _TEXT),
    _rule(r"/responses(?:/compact)?$", "openai_responses", _CHAT),
    _rule(r"/responses/input_tokens$", "openai_responses", _COUNT),
    _rule(r"/v1/messages$", "anthropic_messages", _CHAT),
    _rule(r"/v1/messages/count_tokens$", "anthropic_messages", _COUNT),
    _rule(r"/v1/complete$", "anthropic_messages", _TEXT),
    _rule(r"/publishers/anthropic/models/count-tokens:rawPredict$", "anthropic_messages", _COUNT),
    _rule(
        r"/publishers/anthropic/models/(?P<model>[^/:]+):(?:streamRawPredict|rawPredict)$", "anthropic_messages", _CHAT
    ),
    _rule(r"/publishers/mistralai/models/(?P<model>[^/:]+):(?:streamRawPredict|rawPredict)$", "openai_chat", _CHAT),
    _rule(r"/model/(?P<model>[^/]*anthropic\.[^/]+)/invoke(?:-with-response-stream)?$", "anthropic_messages", _CHAT),
    _rule(r"/model/(?P<model>[^/]+)/(?:invoke(?:-with-response-stream)?|converse(?:-stream)?)$", "opaque", _CHAT),
    _rule(r"/publishers/google/models/(?P<model>[^/:]*embedding[^/:]*):predict$", "embeddings", _EMBED),
    _rule(r"/publishers/[^/]+/models/(?P<model>[^/:]+):predict$", "opaque", _GENERATE),
    _rule(r"/models/(?P<model>[^/:]+):(?:count|compute)Tokens$", "opaque", _COUNT),
    _rule(r"/models/(?P<model>[^/:]+):(?:e|batchE)mbedContents?$", "embeddings", _EMBED),
    _rule(r"/models/(?P<model>[^/:]+):(?:g|streamG)enerateContent$", "opaque", _GENERATE),
    _rule(r"/interactions$", "opaque", _GENERATE, "gcp.gemini", "gcp.vertex_ai"),
    _rule(r"/(?:multimodal|contextualized)?embeddings$", "embeddings", _EMBED),
    _rule(r"/v[12]/rerank$", "opaque", "rerank", "cohere", "voyage_ai", "together_ai"),
    _rule(r"/v1/conversations(?:/[^/]+)?$", "opaque", _CHAT, "mistral_ai"),
    _rule(r"/ml/v1/text/generation(?:_stream)?$", "opaque", _TEXT, "ibm.watsonx.ai"),
    _rule(r"/models/(?P<model>[^/]+/[^/]+)/pipeline/feature-extraction$", "embeddings", _EMBED, "huggingface"),
    _rule(r"/models/(?P<model>[^/]+/[^/]+)$", "opaque", _TEXT, "huggingface"),
    _rule(r"/v[12]/chat$", "opaque", _CHAT, "cohere"),
    _rule(r"/v[12]/embed$", "embeddings", _EMBED, "cohere"),
    _rule(r"/api/(?:chat|generate)$", "opaque", _CHAT, "ollama"),
    _rule(r"/api/(?:embed|embeddings)$", "embeddings", _EMBED, "ollama"),
)

#: Providers by host; a host counts with all that is under it. Names of today's gen_ai convention where it has one.
_PROVIDERS = {
    "api.openai.com": "openai",
    "openai.azure.com": "azure.ai.openai",
    "openai.azure.us": "azure.ai.openai",
    "openai.azure.cn": "azure.ai.openai",
    "cognitiveservices.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.inference",
    "models.ai.azure.com": "azure.ai.inference",
    "inference.ai.azure.com": "azure.ai.inference",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "codestral.mistral.ai": "mistral_ai",
    "api.deepseek.com": "deepseek",
    "api.x.ai": "x_ai",
    "api.perplexity.ai": "perplexity",
    "api.cohere.com": "cohere",
    "api.cohere.ai": "cohere",
    "ml.cloud.ibm.com": "ibm.watsonx.ai",
    "api.moonshot.ai": "moonshot_ai",
    "api.moonshot.cn": "moonshot_ai",
    "openrouter.ai": "openrouter",
    "api.together.ai": "together_ai",
    "api.together.xyz": "together_ai",
    "api.cerebras.ai": "cerebras",
    "api.fireworks.ai": "fireworks_ai",
    "router.huggingface.co": "huggingface",
    "api-inference.huggingface.co": "huggingface",
    "endpoints.huggingface.cloud": "huggingface",
    "ollama.com": "ollama",
    "api.voyageai.com": "voyage_ai",
    "api.writer.com": "writer",
    "api.z.ai": "z_ai",
    "open.bigmodel.cn": "z_ai",
    "snowflakecomputing.com": "snowflake",
    "inference.heroku.com": "heroku",
    "inference.crusoecloud.com": "crusoe",
    "integrate.api.nvidia.com": "nvidia",
    "api.sambanova.ai": "sambanova",
    "api.deepinfra.com": "deepinfra",
    "models.github.ai": "github",
    "dashscope.aliyuncs.com": "alibaba_cloud",
    "dashscope-intl.aliyuncs.com": "alibaba_cloud",
}
_AWS_BEDROCK = re.compile(r"^bedrock[a-z-]*\.[^/]*\b(?:amazonaws\.com(?:\.cn)?|api\.aws)$")
_VERTEX = re.compile(r"^[a-z0-9-]+-aiplatform\.googleapis\.com$")
_OLLAMA_PORT = ":11434"


@lru_cache(maxsize=2048)
def route(method: str, host: str, path: str) -> Route | None:
    """How the request is read, or None when it is no call to a model.

    Args:
        method: the HTTP method.
        host: the host, with its port or without.
        path: the path, percent-encoded as sent, without the query.

    Example:
        >>> route("POST", "api.openai.com", "/v1/chat/completions")
        Route(format='openai_chat', provider='openai', operation='chat', model=None)
        >>> route("GET", "api.openai.com", "/v1/chat/completions") is None
        True
    """
    if method.upper() != "POST":
        return None
    provider = provider_of(host)
    trimmed = path.rstrip("/")
    for rule in _RULES:
        match = rule.pattern.search(trimmed)
        if match is None or (rule.hosts and provider not in rule.hosts):
            continue
        model = match.groupdict().get("model")
        return Route(rule.format, provider, rule.operation, unquote(model) if model else None)
    return None


def provider_of(host: str) -> str | None:
    """The gen_ai name of the provider behind a host, or None."""
    host = host.lower()
    if host.endswith(_OLLAMA_PORT):
        return "ollama"
    name = host.partition(":")[0]
    while name:
        if name in _PROVIDERS:
            return _PROVIDERS[name]
        if _AWS_BEDROCK.match(name):
            return "aws.bedrock"
        if _VERTEX.match(name):
            return "gcp.vertex_ai"
        name = name.partition(".")[2]
    return None


#: What the body has, of each group one, that makes a path which others use as well one to a model.
_MARKS: dict[str, tuple[tuple[bytes, ...], ...]] = {
    "anthropic_messages": ((b'"messages"',), (b'"model"', b'"role"')),
    "openai_responses": ((b'"model"', b'"input"', b'"prompt"'),),
    "openai_completions": ((b'"prompt"', b'"model"'),),
    "embeddings": ((b'"input"', b'"model"', b'"texts"', b'"inputs"', b'"content"'),),
}


def fits(format: str, body: bytes) -> bool:  # noqa: A002 - the word of the record
    """Whether a body that went to a host which is not known may be one of this format, and not another service's.

    Example:
        >>> fits("anthropic_messages", b'{"messages": [{"to": "+47 22", "content": "Hi"}]}')
        False
    """
    return all(any(mark in body for mark in group) for group in _MARKS.get(format, ()))


#: Under these, prompts travel that nobody answers now: batches, caches, what other tools tell of calls.
_NO_CALLS = re.compile(
    r"/(?:batches|threads|cachedContents|ingest|ingestion|traces|batch)$|:(?:batchGenerateContent|asyncBatchEmbedContent)$"
)
_HEAD, _TAIL = 4096, 1024
_PROMPT_KEYS = (b'"prompt"', b'"input"', b'"inputs"', b'"contents"')


class _Top(msgspec.Struct, gc=False):
    """The keys of a body that tell, unread."""

    messages: msgspec.Raw | None = None
    contents: msgspec.Raw | None = None
    prompt: msgspec.Raw | None = None
    input: msgspec.Raw | None = None
    inputs: msgspec.Raw | None = None


_read_top = msgspec.json.Decoder(_Top).decode


def looks_like_llm(body: bytes, path: str = "") -> bool:
    """Whether a body that goes to an endpoint unknown to `route` plainly is a call to a model.

    Looks at the head and the tail only, which costs about a microsecond at any size; and where they look like one, at
    the keys, because what tells of calls has the same words further in.

    Example:
        >>> looks_like_llm(b'{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}')
        True
        >>> looks_like_llm(b'{"messages": ["to a chat room"]}')
        False
    """
    if not _glance(body) or _NO_CALLS.search(path.rstrip("/")):
        return False
    try:
        top = _read_top(body)
    except (ValueError, RecursionError):  # no JSON as it should be: as it looks
        return True
    prompts = (top.messages, top.contents, top.prompt, top.input, top.inputs)
    return any(prompt is not None for prompt in prompts)


def _glance(body: bytes) -> bool:
    head = body[:_HEAD]
    if head.lstrip()[:1] != b"{":
        return False
    tail = body[-_TAIL:] if len(body) > _HEAD else b""
    named = b'"model"' in head or b'"model"' in tail
    if b'"messages"' in head or b'"messages"' in tail:
        return named or b'"role"' in head
    if b'"contents"' in head and b'"parts"' in head:
        return True
    return named and any(key in head or key in tail for key in _PROMPT_KEYS)
