"""The pages over stores that are empty, full, busy, or changing while they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from read.made import BEGIN, SECOND, SPAN, TRACE, Made, settings_in, store_calls
from server.viewer.markup import Page
from spanglass.errors import StoreBusy, StoreCorrupt
from spanglass.read import open_reader
from spanglass.server.viewer import routes
from spanglass.server.viewer.page import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from spanglass.read.reader import Reader
    from spanglass.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def ask(settings: Settings) -> Iterator[Callable[[str], Page]]:
    with open_reader(settings) as reader, TestClient(Starlette(routes=routes(Site(lambda: reader)))) as client:

        def page(path: str) -> Page:
            response = client.get(path)
            assert response.status_code in (200, 404), response.text
            return Page(response.text)

        yield page


def test_an_empty_store_says_how_to_fill_it(ask: Callable[[str], Page], settings: Settings) -> None:
    words = ask("/").words()
    assert f"Nothing is recorded yet in {settings.store}" in words
    assert "spanglass run -- python app.py" in words
    assert "Nothing is recorded yet" in ask(f"/traces/{TRACE}").words()


def test_the_newest_calls_lead_to_all_the_older_ones(ask: Callable[[str], Page], settings: Settings) -> None:
    spans = [f"{number:016x}" for number in range(0x1000, 0x1000 + 120)]
    store_calls(settings, [Made(span, at=BEGIN + SECOND * (number // 3)) for number, span in enumerate(spans)])
    seen: list[str] = []
    path = "/?model=gpt-4o"
    while path:
        found = ask(path)
        seen += [link.rpartition("/")[2] for link in found.links() if link.startswith("/spans/")]
        path = next(
            (element.attributes["href"] for element in found.elements if element.attributes.get("rel") == "next"), ""
        )
    assert sorted(set(seen)) == spans
    assert len(seen) <= len(spans) + 4  # those that began in one ns with the first of a page may stand on both


def test_what_stayed_the_same_is_shortened_and_says_by_how_much(ask: Callable[[str], Page], settings: Settings) -> None:
    long = "".join(f"Line {number} stays as it is. " for number in range(200))
    before = [{"role": "user", "content": f"{long}Answer in German."}]
    after = [{"role": "user", "content": f"{long}Answer in French."}]
    calls = [Made("a" * 16, messages=before), Made("b" * 16, messages=after, at=BEGIN + SECOND)]
    store_calls(settings, calls)
    found = ask(f"/spans/{TRACE}/{'b' * 16}/diff")
    assert [element.tag for element in found.elements if element.tag in ("ins", "del")] == ["del", "ins"]
    assert f"… {len(long) + len('Answer in ') - 240:,} characters the same …" in found.words()


def test_turns_that_the_provider_keeps_are_said_to_be_missing_here(
    ask: Callable[[str], Page], settings: Settings
) -> None:
    store_calls(settings, [Made(format="openai_responses", more={"previous_response_id": "resp_1"})])
    assert "MORE THAN THIS previous_response_id: the provider added" in ask(f"/spans/{TRACE}/{SPAN}").words()


@pytest.mark.parametrize("path", ["messages/7", "answer/1"])
def test_a_message_that_is_not_there_is_said_to_be_so(
    ask: Callable[[str], Page], settings: Settings, path: str
) -> None:
    store_calls(settings, [Made()])
    number = path.rpartition("/")[2]
    assert f"has no message {number} there; it has 1, counted from 0" in ask(f"/spans/{TRACE}/{SPAN}/{path}").words()


class Failing:
    """A reader whose store fails."""

    notes: tuple[str, ...] = ()

    def __init__(self, settings: Settings, fault: Exception | None) -> None:
        self.settings = settings
        self._fault = fault

    def __getattr__(self, name: str) -> Callable[..., list[Any]]:
        def read(*_: Any, **__: Any) -> list[Any]:
            if self._fault is not None:
                raise self._fault
            return []

        return read


def failing(settings: Settings, fault: Exception | None) -> TestClient:
    reader: Any = Failing(settings, fault)

    def given() -> Reader:
        found: Reader = reader
        return found

    return TestClient(Starlette(routes=routes(Site(given))))


@pytest.mark.parametrize("path", ["/", f"/traces/{TRACE}", f"/spans/{TRACE}/{SPAN}", f"/spans/{TRACE}/{SPAN}/copy"])
def test_a_busy_store_asks_to_come_again(settings: Settings, path: str) -> None:
    response = failing(settings, StoreBusy("it is locked <b>")).get(path)
    assert (response.status_code, response.headers["retry-after"]) == (503, "2")
    assert "The store is busy it is locked <b>" in Page(response.text).words()


def test_a_damaged_store_is_said_to_be_damaged(settings: Settings) -> None:
    response = failing(settings, StoreCorrupt("it is damaged")).get("/")
    assert (response.status_code, "retry-after" in response.headers) == (500, False)
    assert "The store cannot be read it is damaged" in Page(response.text).words()


def test_a_trace_that_is_pruned_while_it_is_read_is_unknown(settings: Settings) -> None:
    response = failing(settings, None).get(f"/traces/{TRACE}")
    assert response.status_code == 404
    assert f"belongs to the trace {TRACE}" in Page(response.text).words()
