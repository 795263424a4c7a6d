"""What the steps before handed to a call, in the record of that call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import spanglass
from capture.endpoint import open_endpoint
from capture.watch import fetch
from spanglass import guard
from spanglass.wire import wording

if TYPE_CHECKING:
    import pytest

    from capture.watch import Watch
    from fake_provider import FakeProvider


def call(provider: FakeProvider) -> None:
    endpoint = open_endpoint("openai", "sync", provider, None)
    endpoint.api.create(**endpoint.ask())
    endpoint.client.close()


def upstreams(watch: Watch) -> list[Any]:
    return [fetch(span).upstream_context for span in watch.gen_ai_spans()]


def test_every_call_of_a_step_has_what_was_handed_to_the_step(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    with spanglass.workflow("patents"):
        call(provider)
        with spanglass.step("claims", upstream={"title": "A lamp", "claims": ("1", "2")}):
            call(provider)
            call(provider)
            spanglass.log_upstream_context(["later"])
            call(provider)
    claims = {"title": "A lamp", "claims": ["1", "2"]}
    assert upstreams(watch) == [None, claims, claims, ["later"]]


def test_a_record_with_an_upstream_context_is_plain_json(provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    with spanglass.step("claims", upstream={"tool": object, "score": float("nan"), 7: b"\xff"}):
        call(provider)
    (span,) = watch.gen_ai_spans()
    shown = json.loads(json.dumps(fetch(span).to_dict()))["upstream_context"]
    assert shown == {"tool": "<class 'object'>", "score": "NaN", "7": "data:application/octet-stream;base64,/w=="}


def test_it_is_encoded_once_for_a_step_and_not_for_each_call(
    provider: FakeProvider, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[Any] = []

    def counted(value: Any) -> bytes:
        encoded.append(value)
        return wording.to_json(value)

    monkeypatch.setattr("spanglass.capture.surroundings.to_json", counted)
    watch.install()
    with spanglass.step("claims", upstream="a lamp"):
        assert encoded == []
        call(provider)
        call(provider)
        with spanglass.step("search"):
            call(provider)
    assert encoded == ["a lamp"]
    assert upstreams(watch) == ["a lamp"] * 3


def test_a_fault_in_it_costs_the_call_nothing(
    provider: FakeProvider, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "reraise", False)
    monkeypatch.setattr("spanglass.capture.surroundings.to_json", lambda _: 1 / 0)
    watch.install()
    with spanglass.step("claims", upstream="a lamp"):
        call(provider)
    (span,) = watch.gen_ai_spans()
    record = fetch(span)
    assert (record.state, record.upstream_context) == ("done", None)
    assert guard.faults() == {"surroundings.upstream": 1}


def test_one_that_is_over_the_bound_is_cut_and_says_so(provider: FakeProvider, watch: Watch) -> None:
    watch.install(max_body_bytes=1000)
    with spanglass.step("claims", upstream={"text": "a" * 2000}):
        call(provider)
    (span,) = watch.gen_ai_spans()
    record = fetch(span)
    assert record.upstream_context == '{"text":"' + "a" * 991
    assert record.missing == ("upstream_context: the last 1,011 bytes are over SPANGLASS_MAX_BODY_BYTES=1000",)
    assert not record.complete
