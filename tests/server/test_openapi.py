"""The API is what its description says, also for requests that nobody would think of."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from read.made import Made, settings_in, store_calls
from server.conftest import running
from spanglass.server.openapi import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.conftest import Sidecar

CALLS = [Made(workflow="nightly", step="draft"), Made(span_id="a" * 16, state="error", statuses=(429, None))]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    found = settings_in(tmp_path_factory.mktemp("described"))
    store_calls(found, CALLS)
    with running(found) as sidecar:
        yield sidecar


DESCRIPTION = schemathesis.openapi.from_dict(describe("0"))


def test_the_description_is_served(served: Sidecar) -> None:
    assert served.get("/api/openapi.json").json() == {**describe(version("spanglass"))}


GENTLY = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("path", DESCRIPTION)
@GENTLY
@given(data=st.data())
def test_every_endpoint_answers_as_it_is_described(path: str, data: st.DataObject, served: Sidecar) -> None:
    case = data.draw(DESCRIPTION[path]["GET"].as_strategy())
    case.call_and_validate(base_url=served.address.viewer)


@pytest.mark.parametrize("path", ["/api/spans/{ref}", "/api/traces/{trace_id}", "/api/search"])
@GENTLY
@given(data=st.data())
def test_what_is_not_as_described_is_refused(path: str, data: st.DataObject, served: Sidecar) -> None:
    case = data.draw(DESCRIPTION[path]["GET"].as_strategy(generation_mode=GenerationMode("negative")))
    case.call_and_validate(base_url=served.address.viewer)


@pytest.mark.parametrize("path", ["/api/spans/aaaa", "/api/workflows/nightly/steps/draft", "/api/search"])
def test_what_is_found_has_the_shape_that_is_described(served: Sidecar, path: str) -> None:
    template = {"/api/spans/aaaa": "/api/spans/{ref}", "/api/search": path}.get(
        path, "/api/workflows/{workflow_id}/steps/{step_name}"
    )
    answer = served.get(path)
    assert answer.status_code == 200
    DESCRIPTION[template]["GET"].validate_response(answer)
