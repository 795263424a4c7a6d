"""Recorded exchanges of real providers, driven through the real clients: bytes exact, answers folded to their truth.

Invariant: the truth is computed by the recordings' own code, which knows nothing of spanglass.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import spanglass
from capture.watch import Watch, fetch, told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from spanglass.model.message import ChatMessage
    from spanglass.model.record import Record

DIRECTORY = Path(os.environ.get("SPANGLASS_RECORDINGS") or Path(__file__).parents[2].parent / "shared" / "recordings")
VARIANTS = ("sync", "async", "raw", "streaming_response", "helper")
CLIENTS = ("openai", "anthropic")
HTTP_ERROR = 400


def load_replay() -> ModuleType | None:
    """The recordings' own module, or None where there are no recordings."""
    path = DIRECTORY / "replay.py"
    if not path.exists():
        return None
    if "replay" in sys.modules:
        return sys.modules["replay"]
    spec = importlib.util.spec_from_file_location("replay", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["replay"] = importlib.util.module_from_spec(spec)  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


REPLAY: Any = load_replay()
EXCHANGES = {each["id"]: each for each in REPLAY.load(drivable=True) if each["client"] in CLIENTS} if REPLAY else {}
CASES = [(name, variant) for name, each in EXCHANGES.items() for variant in VARIANTS if variant in each["variants"]]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CASES, reason=f"no recordings in {DIRECTORY}; SPANGLASS_RECORDINGS says where they are"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with REPLAY.ReplayServer() as running:
        yield running


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    made = Watch(tmp_path_factory.mktemp("recordings"))
    made.install()
    yield made
    spanglass.uninstall()
    made.provider.shutdown()


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_recording(name: str, variant: str, server: Any, watch: Watch) -> None:
    exchange = EXCHANGES[name]
    watch.exporter.clear()
    out = server.play(exchange, variant)
    (span,) = watch.gen_ai_spans()
    record = fetch(span)

    assert [attempt.request_body for attempt in record.attempts] == [sent.body for sent in out.sent]
    assert record.attempts[-1].response_body == REPLAY.body_bytes(exchange)
    assert record.attempts[-1].status == exchange["response_status"]
    if variant != "helper":  # a helper may refuse an answer long after its call is over
        assert record.state == ("error" if out.error is not None else "done")
    assert (record.missing, record.redactions > 0) == ((), True)
    text = told(span, record)
    assert REPLAY.SECRET not in text
    assert_every_string_is_there(record, exchange, out.sent[-1].json)
    if exchange["response_status"] < HTTP_ERROR:
        assert_folded(record, REPLAY.truth(exchange))
    else:
        assert record.error is not None


def test_the_secret_is_nowhere_on_disk(watch: Watch) -> None:
    assert REPLAY.SECRET.encode() not in watch.files()


def assert_every_string_is_there(record: Record, exchange: Any, sent: Any) -> None:
    """Messages, tools and options hold all that the request said; a part's type is told in the common words."""
    held = json.dumps([[m.to_dict() for m in record.messages], record.tools, record.options, record.request_model])
    for place, string in REPLAY.request_strings({**exchange, "request_json": sent}):
        if place.endswith(".type"):
            continue
        assert json.dumps(string)[1:-1] in held or json.dumps(string)[1:-1] in json.dumps(held), place


def assert_folded(record: Record, want: Any) -> None:
    assert "".join(text_of(message) for message in record.output if message.role == "assistant") == want.text
    assert [parsed_call(call) for message in record.output for call in message.tool_calls or ()] == want.tool_calls
    assert "".join(message.reasoning_content or "" for message in record.output) == want.reasoning
    assert (record.response_id, record.response_model) == (want.response_id or None, want.model or None)
    assert list(record.finish_reasons) == want.finish
    usage = want.usage or {}
    assert record.usage.output_tokens == usage.get("completion_tokens", usage.get("output_tokens"))
    cached = sum(usage.get(key) or 0 for key in ("cache_creation_input_tokens", "cache_read_input_tokens"))
    given = usage.get("prompt_tokens", usage.get("input_tokens"))
    assert record.usage.input_tokens == (None if given is None else given + cached)


def text_of(message: ChatMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    return "".join(part.get("text") or "" for part in message.content or () if isinstance(part, dict))


def parsed_call(call: dict[str, Any]) -> tuple[str, Any]:
    function = call["function"]
    try:
        return function["name"], json.loads(function["arguments"])
    except ValueError:
        return function["name"], function["arguments"]
