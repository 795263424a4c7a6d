from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

from spanglass.model.message import ChatMessage
from spanglass.model.record import Usage
from spanglass.wire.base import RequestView, ResponseView
from spanglass.wire.read import read_request, read_response

ENCODED = base64.b64encode(struct.pack("<3f", 0.1, 0.2, 0.3)).decode()


def request(**body: Any) -> RequestView:
    return read_request("embeddings", json.dumps(body).encode())


def answer(body: Any) -> ResponseView:
    return read_response("embeddings", json.dumps(body).encode(), content_type="application/json", status=200)


INPUTS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "a text": ({"input": "one"}, ["one"]),
    "texts": ({"input": ["one", "two"]}, ["one", "two"]),
    "tokens": ({"input": [1, 2]}, [[1, 2]]),
    "texts as tokens": ({"input": [[1, 2], [3]]}, [[1, 2], [3]]),
    "cohere": ({"texts": ["one"]}, ["one"]),
    "google": ({"content": {"parts": [{"text": "one"}]}}, [[{"parts": [{"text": "one"}]}]]),
    "a batch of google's": ({"requests": [{"model": "m"}]}, [[{"model": "m"}]]),
    "vertex": ({"instances": [{"content": "one"}]}, [[{"content": "one"}]]),
    "cohere's, with images": ({"inputs": [{"content": [{"type": "text"}]}]}, [[{"content": [{"type": "text"}]}]]),
    "ollama's first": ({"prompt": "one"}, ["one"]),
    "nothing": ({"input": []}, [[]]),
}


@pytest.mark.parametrize("case", INPUTS)
def test_each_text_is_a_message(case: str) -> None:
    body, contents = INPUTS[case]
    view = request(model="m", dimensions=3, **body)
    messages = tuple(ChatMessage("user", content) for content in contents)
    assert view == RequestView("m", messages, (), {"dimensions": 3})


def vector(index: int, size: int | None) -> dict[str, Any]:
    return {"type": "embedding", "index": index, "dimensions": size}


ANSWERS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "numbers": (
        {"data": [{"index": 0, "embedding": [0.1, 0.2]}, {"index": 1, "embedding": [0.3, 0.4]}]},
        [vector(0, 2), vector(1, 2)],
    ),
    "base64": ({"data": [{"index": 0, "embedding": ENCODED}]}, [vector(0, 3)]),
    "not base64": ({"data": [{"embedding": "A"}, {"embedding": "é"}]}, [vector(0, None), vector(1, None)]),
    "google": ({"embedding": {"values": [0.1]}}, [vector(0, 1)]),
    "a batch of google's": ({"embeddings": [{"values": [0.1]}, {"values": [0.2]}]}, [vector(0, 1), vector(1, 1)]),
    "cohere": ({"embeddings": {"float": [[0.1, 0.2]], "int8": [[1, 2]]}}, [vector(0, 2), vector(1, 2)]),
    "vertex": ({"predictions": [{"embeddings": {"values": [0.1, 0.2], "statistics": {}}}]}, [vector(0, 2)]),
    "watsonx": ({"results": [{"embedding": [0.1, 0.2]}]}, [vector(0, 2)]),
    "cohere's first": ({"embeddings": [[0.1, 0.2]]}, [vector(0, 2)]),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_each_vector_is_a_part_that_says_its_size(case: str) -> None:
    body, parts = ANSWERS[case]
    usage = {"prompt_tokens": 4, "total_tokens": 4}
    view = answer({"model": "m", "usage": usage, **body})
    assert view == ResponseView((ChatMessage("assistant", parts),), "m", None, (), Usage(4), complete=True)


def test_a_total_stands_for_the_input_where_nothing_else_is_counted() -> None:
    assert answer({"data": [], "usage": {"total_tokens": 4}}) == ResponseView(usage=Usage(4), complete=True)
