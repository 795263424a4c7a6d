from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from spanglass.errors import ConfigurationError
from spanglass.model.record import Summary, Usage
from spanglass.server.viewer.bar import between, stacked
from spanglass.server.viewer.calls import neighbours, sums
from spanglass.server.viewer.link import Links
from spanglass.server.viewer.search import parse

CALL = Summary("4" * 32, "a" * 16)


@given(st.integers(), st.integers(), st.integers(), st.integers())
def test_a_bar_never_leaves_its_frame_and_is_never_nothing(begin: int, end: int, first: int, last: int) -> None:
    bar = between(begin, end, first, last)
    assert bar.start >= 0
    assert bar.length > 0
    assert bar.start + bar.length <= 100.001


@given(st.lists(st.integers(0, 10**9), min_size=1).filter(any))
def test_stacked_bars_fill_the_frame(parts: list[int]) -> None:
    bars = stacked(parts)
    begins = [sum(bar.length for bar in bars[:at]) for at in range(len(bars))]
    assert [bar.start for bar in bars] == pytest.approx(begins, abs=0.1)
    assert sum(bar.length for bar in bars) == pytest.approx(100, abs=0.1)


def test_links_carry_whatever_they_are_given() -> None:
    links = Links("https://jaeger.example/base/")
    assert links.home(q="a&b=c", model="", state=None) == "/?q=a%26b%3Dc"
    assert links.workflow("a/../b?#") == "/workflows/a%2F..%2Fb%3F%23"
    assert links.workflow("..") == "/?workflow=.."
    assert links.jaeger(CALL) == f"https://jaeger.example/base/trace/{CALL.trace_id}?uiFind={CALL.span_id}"
    assert Links().jaeger(CALL) is None
    assert Links().jaeger_trace(CALL.trace_id) is None


def test_a_jaeger_that_is_no_web_page_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="javascript:alert"):
        Links("javascript:alert(1)")


def test_a_search_is_read_whole() -> None:
    search = parse(QueryParams("q=+a+&model=m&workflow=w&step=s&state=done&until=2023-11-14T22:13:20&before=5"))
    assert search.criteria == {
        "text": "a",
        "model": "m",
        "workflow_id": "w",
        "step_name": "s",
        "state": "done",
        "until": 5,
    }
    assert search.problems == ()
    since = parse(QueryParams("since=1h")).criteria["since"]
    assert 0 <= time.time_ns() - since - 3600 * 10**9 < 60 * 10**9


@pytest.mark.parametrize("before", ["", "x", "-1", "1e9", "9" * 20, "²"])
def test_a_page_that_is_no_number_is_the_first(before: str) -> None:
    assert not parse(QueryParams({"before": before})).restricted


def test_sums_count_calls_and_what_they_cost() -> None:
    none = sums([CALL])
    assert (none.calls, none.spans, none.duration_ns, none.states) == (1, 1, None, (("started", 1),))


def test_an_agents_span_is_no_request_and_its_tokens_are_those_of_its_calls() -> None:
    agent = Summary(CALL.trace_id, "1" * 16, format="envelope", operation="invoke_agent", usage=Usage(9, 9))
    first, second = (replace(CALL, span_id=digit * 16, format="openai_chat", usage=Usage(2, 1)) for digit in "ab")
    found = sums([agent, first, second])
    assert (found.calls, found.spans, found.input_tokens, found.output_tokens) == (2, 3, 4, 2)
    assert neighbours(second, [agent, first, second]) == (2, 2, first, None)
    assert neighbours(agent, [agent, first, second]) == (1, 3, None, first)


def test_a_call_alone_has_no_neighbours() -> None:
    found = neighbours(CALL, [CALL])
    assert (found.place, found.total, found.previous, found.following) == (1, 1, None, None)
