"""What the Collector masks is what spanglass masks: the same shapes, the same names, and none of the lookalikes."""

from __future__ import annotations

import json
import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import pytest
import yaml

from end_to_end.backends.compose import ROOT
from redact.shapes import LOOKALIKES, SHAPES, Shape, basic, private_key
from spanglass.redact.key import Keys

CONFIG = ROOT / "collector-config.yaml"


def _load() -> Any:
    spec = spec_from_file_location("deploy_generate", ROOT / "deploy" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


GENERATE = _load()
PROCESSOR = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["processors"]["redaction/credentials"]
VALUES = [re.compile(pattern.replace("$$", "$")) for pattern in PROCESSOR["blocked_values"]]
KEYS = [re.compile(pattern.replace("$$", "$")) for pattern in PROCESSOR["blocked_key_patterns"]]
IGNORED = [re.compile(pattern.replace("$$", "$")) for pattern in PROCESSOR["ignored_key_patterns"]]


def masked(text: str) -> str:
    """As the Collector does it: names in texts first, then shapes."""
    for replacement in GENERATE.replacements():
        text = re.sub(replacement.pattern, re.sub(r"\$\{(\d)\}", r"\\g<\1>", replacement.replacement), text)
    for pattern in VALUES:
        text = pattern.sub(GENERATE.MASK, text)
    return text


def test_the_file_holds_what_is_generated() -> None:
    text = CONFIG.read_text(encoding="utf-8")
    assert GENERATE.rendered(text) == text
    assert [pattern.pattern for pattern in VALUES] == [GENERATE.shapes_pattern()]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.make()[:12])
@pytest.mark.parametrize("around", ["it is {} here", '{{"note": "a\\n{}"}}', "a={}", "%20{}", "({})"])
def test_every_shape_is_masked(shape: Shape, around: str) -> None:
    secret = shape.make()
    left = masked(around.format(secret))
    assert secret[len(shape.kept) :] not in left
    assert secret[-12:] not in left


@pytest.mark.parametrize("text", LOOKALIKES, ids=lambda text: text[:20])
def test_what_only_looks_alike_is_kept(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize("text", [private_key(), json.dumps({"key": private_key()}), f"Basic {basic()}"])
def test_what_has_no_prefix_is_masked(text: str) -> None:
    assert not re.search(r"[A-Za-z0-9+/]{16}", masked(text))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('{"api_key": "plain words", "model": "m"}', '{"api_key": "****", "model": "m"}'),
        (r'{"args": "{\"password\": \"plain\"}"}', r'{"args": "{\"password\": \"****\"}"}'),
        ("{'Authorization': 'plain'}", "{'Authorization': '****'}"),
        ("?client_secret=a1b2&page=3", "?client_secret=****&page=3"),
        ("postgresql://me:plain@host/db", "postgresql://me:****@host/db"),
    ],
)
def test_values_under_a_name_are_masked_and_json_stays_json(text: str, left: str) -> None:
    assert masked(text) == left


@pytest.mark.parametrize(
    "name",
    ["api_key", "http.request.header.authorization", "OPENAI_API_KEY", "hf_token", "x-api-key", "max_tokens", "auth",
     "gen_ai.usage.input_tokens", "next_page_token", "llm.token_count.total", "app.password", "stop_token", "headers"],
)  # fmt: skip
def test_names_are_judged_as_spanglass_judges_them(name: str) -> None:
    blocked = any(pattern.search(name) for pattern in KEYS) and not any(pattern.search(name) for pattern in IGNORED)
    assert blocked is (Keys().scope(name) in ("any", "text"))
