"""The example of a workflow with a loss in transit, run as its reader would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from spanglass.read.reader import Reader
from spanglass.settings import Settings

if TYPE_CHECKING:
    from spanglass.model.record import Record

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[2] / "examples"


class Ran(NamedTuple):
    """What the example printed, and what is recorded of it."""

    out: str
    records: list[Record]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The example beside its provider, both as programs of their own."""
    home = tmp_path_factory.mktemp("patent")
    environ = {"PATH": os.environ.get("PATH", ""), "HOME": str(home), "SPANGLASS_STATE_DIR": str(home / "state")}
    serve = [sys.executable, str(EXAMPLES / "provider.py")]
    with subprocess.Popen(serve, env=environ, stdout=subprocess.PIPE, text=True) as provider:
        try:
            assert provider.stdout is not None
            environ |= {"OPENAI_BASE_URL": provider.stdout.readline().strip(), "OPENAI_API_KEY": "none"}
            command = [sys.executable, "-W", "error", str(EXAMPLES / "patent_workflow.py"), "patent-17"]
            done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
        finally:
            provider.kill()
    assert (done.returncode, done.stderr) == (0, "")
    with Reader(Settings.from_environment(environ)) as reader:
        return Ran(done.stdout, reader.logs_for_workflow("patent-17"))


def test_every_step_is_found_with_what_was_handed_to_it(ran: Ran) -> None:
    assert [(record.step_name, record.step_attempt, record.state) for record in ran.records] == [
        ("features", 1, "done"),
        ("claims", 1, "done"),
        ("description", 1, "done"),
    ]
    features, claims, description = ran.records
    made = str(claims.output[0].content).splitlines()
    assert features.upstream_context is None
    assert [attempt.status for attempt in features.attempts] == [429, 200]
    assert claims.upstream_context == {"features": str(features.output[0].content).splitlines()}
    assert description.upstream_context == {**claims.upstream_context, "claims": made}
    assert len(made) == 3


def test_the_claim_that_the_prompt_left_out_is_found(ran: Ran) -> None:
    told = ran.out.splitlines()[-3:]
    prompt = str(ran.records[-1].messages[-1].content)
    assert [line.startswith("LOST IN TRANSIT") for line in told] == [False, False, True]
    assert [line[20:] in prompt for line in told] == [True, True, False]
