from __future__ import annotations

from typing import Any

import pytest

from spanglass.model.record import Usage
from spanglass.wire.usage import read_exclusive_usage, read_usage

INCLUSIVE: dict[str, tuple[dict[str, Any], Usage]] = {
    "openai chat": (
        {
            "prompt_tokens": 9,
            "completion_tokens": 4,
            "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
        Usage(9, 4, 3, None, 2),
    ),
    "openai responses": (
        {
            "input_tokens": 9,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 5},
            "output_tokens": 4,
            "output_tokens_details": {"reasoning_tokens": 2},
        },
        Usage(9, 4, 0, 5, 2),
    ),
    "deepseek": ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 3, "prompt_cache_miss_tokens": 6}, Usage(9, None, 3)),
    "together": ({"prompt_tokens": 9, "completion_tokens": 1, "cached_tokens": 2}, Usage(9, 1, 2)),
    "mistral": ({"prompt_tokens": 9, "num_cached_tokens": 8, "prompt_token_details": None}, Usage(9, None, 8)),
    "litellm": (
        {"prompt_tokens": 9, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2},
        Usage(9, None, 3, 2),
    ),
    "perplexity": ({"prompt_tokens": 9, "completion_tokens": 4, "reasoning_tokens": 3}, Usage(9, 4, None, None, 3)),
    "google": ({"promptTokenCount": 9}, Usage(9)),
    "whole floats": ({"prompt_tokens": 9.0, "completion_tokens": 4.0}, Usage(9, 4)),
    "nonsense": ({"prompt_tokens": "9", "completion_tokens": True, "prompt_tokens_details": []}, Usage()),
    "nothing": ({}, Usage()),
}
EXCLUSIVE: dict[str, tuple[dict[str, Any], Usage]] = {
    "no cache": ({"input_tokens": 9, "output_tokens": 4}, Usage(9, 4)),
    "cache": (
        {"input_tokens": 9, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20, "output_tokens": 4},
        Usage(129, 4, 100, 20),
    ),
    "cache by life": (
        {"input_tokens": 9, "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 6}},
        Usage(20, None, None, 11),
    ),
    "thinking": ({"input_tokens": 9, "output_tokens_details": {"thinking_tokens": 7}}, Usage(9, None, None, None, 7)),
    "output only": ({"output_tokens": 4, "cache_read_input_tokens": 3}, Usage(None, 4, 3)),
}


@pytest.mark.parametrize("vendor", INCLUSIVE)
def test_reads_the_counts_of_every_spelling(vendor: str) -> None:
    given, expected = INCLUSIVE[vendor]
    assert read_usage(given) == expected


@pytest.mark.parametrize("case", EXCLUSIVE)
def test_adds_cached_tokens_to_an_input_that_excludes_them(case: str) -> None:
    given, expected = EXCLUSIVE[case]
    assert read_exclusive_usage(given) == expected
