from __future__ import annotations

import json
from typing import Any

import pytest

from spanglass.model.message import ChatMessage
from spanglass.wire.base import RequestView, ResponseView
from spanglass.wire.read import read_request, read_response
from wire.made import fold


def test_text_completions_are_read_as_the_same_kind_of_answer() -> None:
    body = {"id": "t", "model": "m", "choices": [{"index": 0, "text": "Hi", "finish_reason": "stop"}]}
    whole = read_response("openai_completions", json.dumps(body).encode(), content_type="application/json", status=200)
    streamed = fold(
        "openai_completions",
        {"id": "t", "model": "m", "choices": [{"index": 0, "text": "H", "finish_reason": None}]},
        {"id": "t", "model": "m", "choices": [{"index": 0, "text": "i", "finish_reason": "stop"}]},
        done=True,
    )
    assert whole == streamed
    assert whole == ResponseView((ChatMessage("assistant", "Hi"),), "m", "t", ("stop",), complete=True)


@pytest.mark.parametrize("prompt", ["Once", ["Once", "Twice"], [1, 2, 3], {"odd": 1}])
def test_a_prompt_is_the_user_message(prompt: Any) -> None:
    view = read_request("openai_completions", json.dumps({"model": "m", "prompt": prompt, "suffix": "."}).encode())
    content = prompt if isinstance(prompt, (str, list)) else [prompt]
    assert view == RequestView("m", (ChatMessage("user", content),), (), {"suffix": "."})


def test_a_stream_may_be_of_bare_values() -> None:
    view = fold("openai_completions", {"value": "H"}, {"value": "i"}, done=True)
    assert view == ResponseView((ChatMessage("assistant", "Hi"),), complete=True)
