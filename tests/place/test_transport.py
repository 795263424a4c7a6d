from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import TracerProvider

from spanglass import carrier, from_carrier, propagate, step, workflow
from spanglass.place import Place, current_place
from spanglass.place.place import context_at

if TYPE_CHECKING:
    from collections.abc import Iterator

CLAIMS = Place("patents", "p", step_name="claims", step_attempt=1)


@pytest.fixture
def span() -> Iterator[trace.Span]:
    provider = TracerProvider()
    with provider.get_tracer("test").start_as_current_span("a step of the program") as current:
        yield current
    provider.shutdown()


def span_id() -> int:
    return trace.get_current_span().get_span_context().span_id


def where() -> tuple[Place | None, int]:
    return current_place(), span_id()


def where_at(_number: int) -> tuple[Place | None, int]:
    return where()


def test_threads_lose_the_place_unless_the_function_is_propagated(span: trace.Span) -> None:
    with workflow("patents", id="p"), step("claims"), ThreadPoolExecutor(4) as pool:
        lost = pool.submit(where).result()
        kept = list(pool.map(propagate(where_at), range(8)))
        after = [pool.submit(where).result() for _ in range(8)]
    assert (lost, set(after)) == ((None, 0), {(None, 0)})
    assert kept == [(CLAIMS, span.get_span_context().span_id)] * 8


def test_a_plain_thread_and_an_executor_of_the_loop_take_it_along_too() -> None:
    found: list[Place | None] = []

    def look() -> None:
        found.append(current_place())

    async def in_executor() -> Place | None:
        return await asyncio.get_running_loop().run_in_executor(None, propagate(current_place))

    with workflow("patents", id="p"), step("claims"):
        thread = threading.Thread(target=propagate(look))
        thread.start()
        thread.join(20)
        found.append(asyncio.run(in_executor()))
    assert found == [CLAIMS, CLAIMS]


def test_coroutine_functions_and_generators_are_propagated_as_such() -> None:
    async def coroutine() -> Place | None:
        return current_place()

    def generate() -> Iterator[Place | None]:
        yield current_place()

    with workflow("patents", id="p"), step("claims"):
        functions = propagate(coroutine), propagate(generate)
    assert (asyncio.run(functions[0]()), list(functions[1]())) == (CLAIMS, [CLAIMS])


def test_a_carrier_is_plain_json_and_brings_place_and_trace(span: trace.Span) -> None:
    with workflow("patents", id="p", debug=True), step("claims"):
        sent = json.loads(json.dumps(carrier()))
    context = span.get_span_context()
    assert sent == {
        "traceparent": f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}",
        "spanglass": '{"workflow":"patents","workflow_id":"p","debug":true,"step_name":"claims","step_attempt":1}',
    }
    with otel_free(), from_carrier(sent) as place:
        assert place == Place("patents", "p", debug=True, step_name="claims", step_attempt=1)
        assert trace.get_current_span().get_span_context().trace_id == context.trace_id
        with step("claims") as again:
            assert again.step_attempt == 1


def test_outside_any_place_and_span_a_carrier_is_empty() -> None:
    assert carrier() == carrier(baggage=True) == {}
    with from_carrier({}) as place:
        assert place == Place()
        assert current_place() is None


def test_baggage_stays_here_unless_it_is_asked_for() -> None:
    with otel_free(baggage.set_baggage("user", "anna")), workflow("patents", id="p"):
        alone, along = carrier(), carrier(baggage=True)
        assert baggage.get_all() == {"user": "anna"}
    assert sorted(alone) == ["spanglass"]
    assert sorted(along) == ["baggage", "spanglass"]
    with from_carrier(along) as place:
        assert (place, baggage.get_all()) == (Place("patents", "p"), {"user": "anna"})
    with from_carrier({"baggage": along["baggage"]}) as place:
        assert (place, baggage.get_all()) == (Place("patents", "p"), {"user": "anna"})
    assert baggage.get_all() == {}


def test_a_function_that_handles_messages_can_be_decorated() -> None:
    with workflow("patents", id="p"), step("claims"):
        sent = carrier()
    assert from_carrier({"Spanglass": sent["spanglass"]})(current_place)() == CLAIMS


def test_another_process_goes_on_where_this_one_is(span: trace.Span) -> None:
    program = """
import json, sys
from opentelemetry import trace
from spanglass import from_carrier
with from_carrier(json.loads(sys.argv[1])) as place:
    print(json.dumps([place.workflow_id, place.step_name, trace.get_current_span().get_span_context().trace_id]))
"""
    with workflow("patents", id="p"), step("claims"):
        sent = json.dumps(carrier())
    done = subprocess.run([sys.executable, "-c", program, sent], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == ["p", "claims", span.get_span_context().trace_id]


texts = st.none() | st.text(max_size=30)
places = st.builds(
    Place,
    workflow=texts,
    workflow_id=texts,
    debug=st.none() | st.booleans(),
    step_name=texts,
    step_attempt=st.none() | st.integers(0, 2**40),
)


@given(place=places, with_baggage=st.booleans())
def test_any_place_comes_through_a_carrier_of_ascii_texts(place: Place, *, with_baggage: bool) -> None:
    with otel_free(context_at(place)):
        sent = carrier(baggage=with_baggage)
    assert all(text.isascii() and text.isprintable() for text in sent.values())
    with from_carrier(sent) as found:
        assert found == place
    if with_baggage and "baggage" in sent:
        with from_carrier({"baggage": sent["baggage"]}) as found:
            assert found == place


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
)
known = st.sampled_from(["spanglass", "traceparent", "tracestate", "baggage", "Spanglass", "x"])


@given(sent=st.dictionaries(known, anything | anything.map(json.dumps) | st.text(max_size=60), max_size=4))
def test_whatever_a_carrier_says_it_never_raises(sent: dict[str, Any]) -> None:
    with from_carrier(sent) as place:
        assert isinstance(place, Place)
        assert all(value is None or isinstance(value, str) for value in (place.workflow, place.step_name))
    assert current_place() is None


class otel_free:  # noqa: N801 - used as a verb, like contextlib's
    """A block outside everything around it, or in ``context``."""

    def __init__(self, context: otel_context.Context | None = None) -> None:
        self._context = otel_context.Context() if context is None else context

    def __enter__(self) -> None:
        self._token = otel_context.attach(self._context)

    def __exit__(self, *_: object) -> None:
        otel_context.detach(self._token)
