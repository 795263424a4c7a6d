"""A program in another language: what its instrumentation sends, written by hand after OTLP's published JSON schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from server.made import JSON

if TYPE_CHECKING:
    from server.conftest import Sidecar

TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"


def attribute(key: str, value: str | int) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value} if isinstance(value, str) else {"intValue": str(value)}}


#: As OpenLLMetry's instrumentation for JavaScript writes a chat with a tool.
REQUEST = {
    "resourceSpans": [
        {
            "resource": {
                "attributes": [
                    attribute("service.name", "trip-planner"),
                    attribute("telemetry.sdk.language", "nodejs"),
                    attribute("telemetry.sdk.name", "opentelemetry"),
                ]
            },
            "scopeSpans": [
                {
                    "scope": {"name": "@traceloop/instrumentation-openai", "version": "0.22.1"},
                    "spans": [
                        {
                            "traceId": TRACE,
                            "spanId": SPAN,
                            "name": "openai.chat",
                            "kind": 3,
                            "startTimeUnixNano": "1790000000000000000",
                            "endTimeUnixNano": "1790000001250000000",
                            "attributes": [
                                attribute("gen_ai.system", "OpenAI"),
                                attribute("llm.request.type", "chat"),
                                attribute("gen_ai.request.model", "gpt-4o-mini"),
                                attribute("gen_ai.response.model", "gpt-4o-mini-2024-07-18"),
                                attribute("gen_ai.usage.prompt_tokens", 31),
                                attribute("gen_ai.usage.completion_tokens", 9),
                                attribute("gen_ai.prompt.0.role", "system"),
                                attribute("gen_ai.prompt.0.content", "You plan journeys."),
                                attribute("gen_ai.prompt.1.role", "user"),
                                attribute("gen_ai.prompt.1.content", "Do I need <b>an umbrella</b> in Bergen?"),
                                attribute("gen_ai.completion.0.role", "assistant"),
                                attribute("gen_ai.completion.0.content", "Take one: it rains from noon."),
                                attribute("gen_ai.completion.0.finish_reason", "stop"),
                            ],
                            "status": {},
                        }
                    ],
                }
            ],
        }
    ]
}


def test_a_span_of_a_program_in_javascript_is_a_page_that_can_be_read(sidecar: Sidecar) -> None:
    assert sidecar.post("/v1/traces", json.dumps(REQUEST).encode(), JSON).status_code == 200
    record = sidecar.record(SPAN)
    assert (record["service"], record["request_model"], record["duration_ns"]) == (
        "trip-planner",
        "gpt-4o-mini",
        1_250_000_000,
    )
    assert [(message["role"], message["content"]) for message in record["messages"]] == [
        ("system", "You plan journeys."),
        ("user", "Do I need <b>an umbrella</b> in Bergen?"),
    ]
    page = sidecar.get(f"/spans/{TRACE}/{SPAN}")
    assert page.status_code == 200
    for shown in ("You plan journeys.", "&lt;b&gt;an umbrella&lt;/b&gt;", "Take one: it rains from noon.", "1.25 s"):
        assert shown in page.text
    assert "openai.chat" in sidecar.get(f"/traces/{TRACE}").text
