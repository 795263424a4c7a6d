"""Token counts, in every spelling that providers have for them.

Invariant: a count is what the provider wrote, or None; `Usage.input_tokens` includes cached tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.model.record import Usage
from spanglass.wire.base import mapping

if TYPE_CHECKING:
    from spanglass.model import JsonObject


def read_usage(value: Any) -> Usage:
    """The counts of an OpenAI-like ``usage`` object, whose input includes cached tokens.

    Example:
        >>> read_usage({"prompt_tokens": 9, "completion_tokens": 2}).input_tokens
        9
    """
    usage = mapping(value)
    if not usage:
        return Usage()
    given = _details(usage, "prompt_tokens_details", "input_tokens_details", "prompt_token_details")
    made = _details(usage, "completion_tokens_details", "output_tokens_details")
    read = _count(given, "cached_tokens")
    if read is None:
        # deepseek; moonshot and together; mistral; litellm
        read = _count(usage, "prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens", "cache_read_input_tokens")
    written = _count(given, "cache_write_tokens", "cache_creation_tokens")
    if written is None:
        written = _count(usage, "cache_creation_input_tokens")
    reasoned = _count(made, "reasoning_tokens", "thinking_tokens")
    if reasoned is None:
        reasoned = _count(usage, "reasoning_tokens")
    return Usage(
        _count(usage, "prompt_tokens", "input_tokens", "promptTokenCount"),
        _count(usage, "completion_tokens", "output_tokens"),
        read,
        written,
        reasoned,
    )


def read_exclusive_usage(value: Any) -> Usage:
    """The counts of an Anthropic ``usage`` object, whose input is what was neither read from nor written to a cache."""
    usage = mapping(value)
    given = _count(usage, "input_tokens")
    read = _count(usage, "cache_read_input_tokens")
    written = _count(usage, "cache_creation_input_tokens")
    if written is None:
        lives = [count for count in mapping(usage.get("cache_creation")).values() if type(count) is int]
        written = sum(lives) if lives else None
    made = mapping(usage.get("output_tokens_details"))
    return Usage(
        None if given is None else given + (read or 0) + (written or 0),
        _count(usage, "output_tokens"),
        read,
        written,
        _count(made, "thinking_tokens", "reasoning_tokens"),
    )


def _details(usage: JsonObject, *names: str) -> JsonObject:
    for name in names:
        value = usage.get(name)
        if isinstance(value, dict):
            return value
    return {}


def _count(source: JsonObject, *names: str) -> int | None:
    for name in names:
        value = source.get(name)
        if type(value) is int:
            return value
        if type(value) is float and value.is_integer():
            return int(value)
    return None
