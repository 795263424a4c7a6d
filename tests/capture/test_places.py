"""Calls are found by their place in a workflow, however they were made and wherever."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import spanglass
from capture.endpoint import open_endpoint
from spanglass.errors import ConfigurationError, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from capture.endpoint import Endpoint
    from capture.watch import Watch
    from fake_provider import FakeProvider
    from spanglass.model.record import Record


@pytest.fixture
def endpoint(provider: FakeProvider) -> Iterator[Endpoint]:
    opened = open_endpoint("openai", "sync", provider, None)
    yield opened
    opened.client.close()


def ask(endpoint: Endpoint, words: str) -> None:
    endpoint.api.create(**endpoint.ask(messages=[{"role": "user", "content": words}]))


def log(words: str) -> None:
    spanglass.log_response(spanglass.log_request(words), "Hello")


def where(record: Record) -> tuple[Any, ...]:
    return record.step_name, record.step_attempt, record.messages[0].content


def test_nested_steps_have_their_own_calls(endpoint: Endpoint, watch: Watch) -> None:
    watch.install()
    with spanglass.workflow("patent", id="p"):
        with spanglass.step("claims"):
            ask(endpoint, "first")
            with spanglass.step("search"):
                ask(endpoint, "second")
                log("third")
            ask(endpoint, "fourth")
        ask(endpoint, "fifth")
    assert [where(record) for record in spanglass.logs_for_workflow("p")] == [
        ("claims", 1, "first"),
        ("search", 1, "second"),
        ("search", 1, "third"),
        ("claims", 1, "fourth"),
        (None, None, "fifth"),
    ]
    assert where(spanglass.log_for_step("p", "claims")) == ("claims", 1, "fourth")
    assert where(spanglass.context_window(workflow_id="p", step_name="search")) == ("search", 1, "third")


def test_of_a_step_that_is_tried_again_the_most_recent_attempt_is_found(endpoint: Endpoint, watch: Watch) -> None:
    watch.install()

    @spanglass.step("claims")
    def claims(number: int) -> None:
        ask(endpoint, f"try {number}")
        if number < 3:
            raise ValueError(number)

    with spanglass.workflow("patent", id="p"):
        for number in (1, 2, 3):
            with contextlib.suppress(ValueError):
                claims(number)
    assert [where(record) for record in spanglass.logs_for_workflow("p")] == [
        ("claims", number, f"try {number}") for number in (1, 2, 3)
    ]
    assert where(spanglass.log_for_step("p", "claims")) == ("claims", 3, "try 3")


def test_a_workflow_inside_another_is_found_by_its_own_id(endpoint: Endpoint, watch: Watch) -> None:
    watch.install()
    with spanglass.workflow("patent", id="p"), spanglass.step("claims"):
        with spanglass.workflow("search", id="s"), spanglass.step("claims"):
            ask(endpoint, "inner")
        ask(endpoint, "outer")
    found = {name: [where(record) for record in spanglass.logs_for_workflow(name)] for name in ("p", "s")}
    assert found == {"p": [("claims", 1, "outer")], "s": [("claims", 1, "inner")]}


def test_threads_and_processes_add_their_calls_where_they_belong(
    endpoint: Endpoint, provider: FakeProvider, watch: Watch
) -> None:
    watch.install()
    program = """
import json, sys
import openai, spanglass
url, state_dir, sent = sys.argv[1:]
spanglass.install(enabled="true", state_dir=state_dir)
with spanglass.from_carrier(json.loads(sent)), openai.OpenAI(base_url=url, api_key="k") as client:
    client.chat.completions.create(model="m", messages=[{"role": "user", "content": "in a process"}])
"""

    def in_thread() -> None:
        ask(endpoint, "in a thread")

    with spanglass.workflow("patent", id="p"), spanglass.step("claims"), ThreadPoolExecutor(1) as pool:
        pool.submit(spanglass.propagate(in_thread)).result()
        pool.submit(in_thread).result()
        given = [f"{provider.url}/v1", str(watch.state_dir), json.dumps(spanglass.carrier())]
    subprocess.run([sys.executable, "-c", program, *given], check=True, timeout=60)
    assert [where(record) for record in spanglass.logs_for_workflow("p")] == [
        ("claims", 1, "in a thread"),
        ("claims", 1, "in a process"),
    ]


def test_ids_never_leave_the_process_by_themselves(endpoint: Endpoint, provider: FakeProvider, watch: Watch) -> None:
    watch.install()
    with spanglass.workflow("patent", id="very-private-17"), spanglass.step("claims", upstream="also private"):
        ask(endpoint, "Hi")
    (exchange,) = provider.exchanges
    assert "private" not in str(exchange.headers) + exchange.body.decode()


def test_enabled_says_what_a_call_here_and_now_would_be(watch: Watch) -> None:
    assert (spanglass.enabled(), spanglass.enabled_for("patent")) == (False, False)
    spanglass.install(enabled="workflows", state_dir=watch.state_dir, debug_workflows=("patent", "i-*"))
    said = {}
    for name, debug in (("patent", None), ("patent", False), ("other", None), ("other", True)):
        with spanglass.workflow(name, id="x", debug=debug):
            said[name, debug] = spanglass.enabled()
            with spanglass.workflow("inner"), spanglass.step("claims"):
                assert spanglass.enabled() is said[name, debug]
    assert said == {("patent", None): True, ("patent", False): False, ("other", None): False, ("other", True): True}
    assert [spanglass.enabled_for(name) for name in ("patent", "i-17", "other")] == [True, True, False]
    assert not spanglass.enabled()


def test_a_place_without_calls_is_said_to_have_none(endpoint: Endpoint, watch: Watch) -> None:
    watch.install()
    ask(endpoint, "elsewhere")
    assert spanglass.logs_for_workflow("p") == []
    with pytest.raises(NotFound, match="no call was recorded in step 'claims' of workflow 'p'"):
        spanglass.log_for_step("p", "claims")
    with pytest.raises(ConfigurationError, match="either a span id, or workflow_id= and step_name= together"):
        spanglass.context_window(workflow_id="p")
