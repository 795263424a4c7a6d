"""The real packages of other vendors beside spanglass: one gen_ai span a call, theirs, and the payload under its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from beside.vendor import records, run_beside

if TYPE_CHECKING:
    from pathlib import Path

    from fake_provider import FakeProvider

pytestmark = pytest.mark.slow

VENDORS = [
    *(
        f"{name} {sdk}"
        for name in ("openllmetry", "openinference", "upstream", "logfire")
        for sdk in ("openai", "anthropic")
    ),
    "itself anthropic",
]
#: OpenLLMetry begins and ends the span of a Responses call after it, so there is none to adopt while the call runs.
AFTERWARDS = {("openllmetry openai", "responses"), ("openllmetry openai", "async responses")}


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_call_has_one_span_with_the_payload_under_its_id(
    vendor: str, tmp_path: Path, provider: FakeProvider
) -> None:
    calls = run_beside(vendor, tmp_path, provider)
    kept = records(tmp_path)
    assert [record.state for record in kept] == ["done"] * len(calls)
    for call, record, exchange in zip(calls, kept, provider.exchanges, strict=True):
        assert [(a.request_body, a.response_body) for a in record.attempts] == [(exchange.body, exchange.said)]
        refs = [span["attributes"].get("spanglass.ref") for span in call.call_spans]
        if (vendor, call.shape) in AFTERWARDS:
            assert refs == [record.ref, None], call
            continue
        assert refs == [record.ref], call
        assert call.call_spans[0]["ref"] == record.ref
        assert call.call_spans[0]["scope"] != "spanglass"


@pytest.mark.parametrize("vendor", ["openinference openai", "upstream anthropic"])
def test_own_gives_each_call_a_span_of_its_own_below_theirs(
    vendor: str, tmp_path: Path, provider: FakeProvider
) -> None:
    calls = run_beside(vendor, tmp_path, provider, {"SPANGLASS_SPANS": "own"})
    for call, record in zip(calls, records(tmp_path), strict=True):
        ours = [span for span in call.call_spans if span["scope"] == "spanglass"]
        assert [span["ref"] for span in ours] == [record.ref]
        assert len(call.call_spans) == 2


@pytest.mark.parametrize(("vendor", "theirs"), [("openinference openai", 1), ("nobody openai", 0)])
def test_none_keeps_the_record_under_their_id_or_an_own_one(
    vendor: str, theirs: int, tmp_path: Path, provider: FakeProvider
) -> None:
    calls = run_beside(vendor, tmp_path, provider, {"SPANGLASS_SPANS": "none"})
    kept = records(tmp_path)
    assert [len(call.call_spans) for call in calls] == [theirs] * len(calls)
    assert [span["scope"] for call in calls for span in call.spans if span["scope"] == "spanglass"] == []
    assert [a.request_body for record in kept for a in record.attempts] == [e.body for e in provider.exchanges]
    if theirs:
        assert [call.call_spans[0]["ref"] for call in calls] == [record.ref for record in kept]
