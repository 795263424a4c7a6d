"""The completion hook with the real upstream instrumentations: they fill the store, with or without our own capture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from beside.vendor import records, run_beside

if TYPE_CHECKING:
    from pathlib import Path

    from fake_provider import FakeProvider

pytestmark = pytest.mark.slow

HOOK = {"OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK": "spanglass"}


@pytest.mark.parametrize("vendor", ["upstream openai", "upstream anthropic"])
def test_the_hook_alone_keeps_the_messages_under_the_spans_id(
    vendor: str, tmp_path: Path, provider: FakeProvider
) -> None:
    calls = run_beside(vendor, None, provider, {**HOOK, "SPANGLASS_STATE_DIR": str(tmp_path)})
    kept = {record.ref: record for record in records(tmp_path)}
    for call in calls:
        if "embeddings" in call.shape:
            continue
        record = kept[call.call_spans[0]["ref"]]
        assert [(message.role, message.content) for message in record.messages] == [("user", "Hello")]
        assert [message.role for message in record.output] == ["assistant"]


@pytest.mark.parametrize("vendor", ["upstream openai", "upstream anthropic"])
def test_the_hook_beside_our_own_capture_doubles_nothing(vendor: str, tmp_path: Path, provider: FakeProvider) -> None:
    calls = run_beside(vendor, tmp_path, provider, HOOK)
    kept = records(tmp_path)
    assert [record.ref for record in kept] == [call.call_spans[0]["ref"] for call in calls]
    assert [a.request_body for record in kept for a in record.attempts] == [e.body for e in provider.exchanges]
