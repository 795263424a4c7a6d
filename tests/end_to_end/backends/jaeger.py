"""Jaeger's API, and the links that its page makes of a trace.

Source: jaeger-ui's ``link-patterns.ts``, read at version 2.20.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import httpx

from end_to_end.backends.compose import ROOT
from end_to_end.backends.process import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from end_to_end.backends.stack import Stack

_PARAMETER = re.compile(r"#\{([^{}]+)\}")


class Span(NamedTuple):
    """A span as Jaeger tells it."""

    raw: dict[str, Any]
    service: str

    @property
    def name(self) -> str:
        return str(self.raw["operationName"])

    @property
    def ref(self) -> str:
        return f"{self.raw['traceID']}/{self.raw['spanID']}"

    @property
    def tags(self) -> dict[str, Any]:
        return _values(self.raw["tags"])

    @property
    def events(self) -> list[dict[str, Any]]:
        return [_values(log["fields"]) for log in self.raw["logs"]]

    @property
    def parent(self) -> str | None:
        return next((str(ref["spanID"]) for ref in self.raw["references"] if ref["refType"] == "CHILD_OF"), None)

    @property
    def is_call(self) -> bool:
        """Whether it stands for a request to a model."""
        return "gen_ai.request.model" in self.tags or "llm.model_name" in self.tags


class Link(NamedTuple):
    """What a person can click."""

    kind: str
    text: str
    url: str


def spans_of(stack: Stack, service: str, least: int = 1) -> list[Span]:
    """The spans of a service, by their start, once there are as many.

    Raises:
        AssertionError: there are fewer, in the end.
    """

    def ask() -> list[Span] | None:
        found = all_spans(stack, service)
        return found if len(found) >= least else None

    return until(ask, f"{least} spans of {service} are in Jaeger\n{stack.said()}")


def all_spans(stack: Stack, service: str) -> list[Span]:
    """The spans of a service that Jaeger has now, by their start."""
    url = f"http://{stack.host}:16686/api/traces"
    answer = httpx.get(url, params={"service": service, "limit": 1500, "lookback": "1h"}, timeout=30)
    if answer.status_code == httpx.codes.NOT_FOUND:
        return []
    traces = answer.raise_for_status().json()["data"] or []
    found = [Span(span, service) for trace in traces for span in trace["spans"]]
    return sorted(found, key=lambda span: (span.raw["startTime"], span.raw["spanID"]))


def raw_traces(stack: Stack, service: str) -> str:
    """Everything that Jaeger would tell of a service, as one text."""
    url = f"http://{stack.host}:16686/api/traces"
    return httpx.get(url, params={"service": service, "limit": 1500, "lookback": "1h"}, timeout=30).text


def links(stack: Stack, span: Span) -> list[Link]:
    """The links of a span and of its trace, with the address that the sidecar has here."""
    found = list(_links(span))
    return [link._replace(url=link.url.replace("localhost", stack.host)) for link in found]


def _links(span: Span) -> Iterator[Link]:
    for pattern in patterns():
        kind, key = pattern["type"], pattern.get("key", [])
        keys: list[str] = [key] if isinstance(key, str) else key
        if kind == "traces":
            yield from _filled(pattern, {"traceID": span.raw["traceID"]})
        for items in {"tags": [span.tags], "logs": span.events}.get(kind, ()):
            known = {"trace.traceID": span.raw["traceID"], "spanID": span.raw["spanID"], **span.tags, **items}
            for _ in {name for name in items if name in keys}:
                yield from _filled(pattern, known)


def _filled(pattern: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Link]:
    """The link, if every parameter has a value."""
    if all(name in known for name in _PARAMETER.findall(pattern["url"])):
        url = _PARAMETER.sub(lambda found: quote(str(known[found[1]]), safe="!'()*~"), pattern["url"])
        yield Link(pattern["type"], pattern["text"], url)


def patterns() -> list[dict[str, Any]]:
    """The link patterns of the project."""
    loaded: list[dict[str, Any]] = json.loads((ROOT / "deploy" / "jaeger-ui.json").read_text())["linkPatterns"]
    return loaded


def _values(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {item["key"]: item["value"] for item in items}
