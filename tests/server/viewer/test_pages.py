from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

import pytest

from read.made import TRACE
from server.viewer import scene
from server.viewer.conftest import JAEGER
from server.viewer.markup import Page

if TYPE_CHECKING:
    import httpx

AGENT = f"/spans/{TRACE}/{scene.AGENT}"
RETRIED = f"/spans/{TRACE}/{scene.RETRIED}"
HOSTILE = f"/spans/{scene.HOSTILE_TRACE}/{scene.HOSTILE}"
TABS = ("", "/attempts", "/steps", "/upstream", "/diff", "/copy")
PAGES = [
    "/",
    f"/traces/{TRACE}",
    f"/workflows/{quote(scene.WORKFLOW, safe='')}",
    f"/workflows/{quote(scene.EVIL, safe='')}",
    *(f"{call}{tab}" for call in (AGENT, HOSTILE) for tab in TABS),
    f"{AGENT}/messages/1",
    f"{AGENT}/answer/0",
    f"/?q={quote(scene.EVIL)}&model={quote(scene.EVIL)}&state={quote(scene.EVIL)}&since={quote(scene.EVIL)}",
    f"{AGENT}/upstream?sentence={quote(scene.EVIL)}",
    f"{AGENT}/diff?with={quote(scene.EVIL)}",
    f"/spans/{quote(scene.EVIL, safe='')}",
    f"/traces/{quote(scene.EVIL, safe='')}",
]


def page(client: httpx.Client, path: str, status: int = 200) -> Page:
    response = client.get(path)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return Page(response.text)


def test_the_window_is_shown_message_by_message_with_its_tokens(client: httpx.Client) -> None:
    words = page(client, AGENT).words()
    assert "Context window 7 messages, 1,874 tokens as reported, each by estimate" in words
    assert "0 system ~" in words
    assert "You plan journeys. Say what you think before each tool call." in words
    assert "2 assistant ~" in words
    assert "reasoning 45 characters The trains first, then the weather in Bergen." in words
    assert "Answer stop, 7 tokens 0 assistant Take the 08:25; it is in Bergen at 14:57." in words
    assert "get_weather(city: string, unit?: string)" in words
    assert "temperature 0.2" in words


def test_a_tool_call_and_its_result_lead_to_each_other(client: httpx.Client) -> None:
    found = page(client, AGENT)
    words = found.words()
    assert '→ find_trains {"origin": "Oslo", "destination": "Bergen"} result in 3 call_1' in words
    assert "3 tool find_trains, asked for in 2 call_1" in words
    assert "→ book_seat no result in this window call_3" in words
    assert {"#message-2", "#message-3", "#message-4"} <= set(found.links())
    assert "answers nobody, which no message of this window asked for" in page(client, HOSTILE).words()


def test_masked_values_are_marked_and_listed(client: httpx.Client) -> None:
    found = page(client, AGENT)
    marks = [element for element in found.elements if element.tag == "mark"]
    assert [mark.attributes for mark in marks] == [{"class": "masked"}] * 2
    assert "Masked 1 value, before anything was written" in found.words()
    assert {"#message-3", "#message-6", f"{AGENT}/attempts#attempt-1"} <= set(found.links())


def test_what_went_wrong_and_what_is_missing_stand_before_everything(client: httpx.Client) -> None:
    words = page(client, f"/spans/{TRACE}/{scene.FAILED}").words()
    error, missing, window = (words.index(text) for text in ("ERROR openai.Int", "NOT WHOLE", "Context window 2"))
    assert error < missing < window
    killed = page(client, f"/spans/{scene.KILLED_TRACE}/{scene.KILLED}").words()
    assert "KILLED the process ended during this call" in killed
    assert "No answer arrived." in killed


def test_a_request_that_no_format_reads_is_shown_as_it_was_sent(client: httpx.Client) -> None:
    words = page(client, f"/spans/{scene.LONE_TRACE}/{scene.LONE}").words()
    assert "No messages could be read from the request as opaque. Its body as it was sent (exact bytes):" in words
    assert '"inputs": {' in words
    assert "There are no messages in it. Its body as it arrived (exact bytes):" in words


def test_attempts_are_shown_with_their_waits_and_reasons(client: httpx.Client) -> None:
    words = page(client, f"{RETRIED}/attempts").words()
    assert "Timeline 3 attempts" in words
    assert "Attempt 2 after a wait of 500 ms (retry-after: 1) · took 1 s" in words
    assert "httpx.ConnectError connection refused" in words
    assert "the response has no body in the record" in words
    assert "Authorization [REDACTED]" in words


@pytest.mark.parametrize("which", ["request", "response"])
def test_bodies_come_as_their_exact_bytes_and_as_nothing_but_text(client: httpx.Client, which: str) -> None:
    response = client.get(f"{AGENT}/attempts/1/{which}")
    made = next(call for call in scene.CALLS if call.span_id == scene.AGENT)
    assert response.content == getattr(made, which)
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_a_binary_body_comes_as_a_file(client: httpx.Client) -> None:
    lone = f"/spans/{scene.LONE_TRACE}/{scene.LONE}"
    response = client.get(f"{lone}/attempts/1/response")
    assert response.content == b"\x00\x01 not even UTF-8: \xff"
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"] == f'attachment; filename="{scene.LONE}-1-response.bin"'
    assert "It is binary; the link saves it as a file." in page(client, f"{lone}/attempts").words()


def test_a_body_that_is_not_there_is_said_to_be_so(client: httpx.Client) -> None:
    assert "of attempt 2 has no body" in page(client, f"{RETRIED}/attempts/2/response", 404).words()
    assert "has no attempt 9; its attempts: 1, 2, 3" in page(client, f"{RETRIED}/attempts/9/request", 404).words()


def test_steps_are_shown_with_their_data(client: httpx.Client) -> None:
    words = page(client, f"{AGENT}/steps").words()
    assert "generate_thought 2026-09-21 14:13:26.000Z · 120 ms" in words
    assert '"thought": "I need the trains first"' in words
    assert "No steps were recorded with this call." in page(client, f"{RETRIED}/steps").words()


def test_what_was_handed_over_and_lost_is_marked(client: httpx.Client) -> None:
    found = page(client, f"{AGENT}/upstream")
    words = found.words()
    assert "brief whole in message 0" in words
    assert "claims[0] missing It rains in Bergen from noon on every day of autumn" in words
    assert "claims[1] cut, 80 % arrived in message 4 Wind from the west tomorrow" in words
    lost = [element for element in found.elements if element.attributes.get("class") == "lost"]
    assert len(lost) == 2
    assert f"{AGENT}#message-4" in found.links()
    assert "Nothing was recorded as handed over." in page(client, f"{RETRIED}/upstream").words()


def test_a_sentence_of_the_prompt_is_traced_to_the_answer_it_came_from(client: httpx.Client) -> None:
    found = page(client, f"{AGENT}/upstream?sentence=First+I+need+the+trains")
    assert "the answer of plan 100 % exact First I need the trains" in found.words()
    assert f"{RETRIED}#answer" in found.links()
    nothing = page(client, f"{AGENT}/upstream?sentence=Completely+unheard+of+words+everywhere")
    assert "none of the 1 call before, has half of its words" in nothing.words()


def test_a_call_is_compared_with_the_one_before_it_in_its_workflow(client: httpx.Client) -> None:
    words = page(client, f"{AGENT}/diff").words()
    assert f"from chat gpt-4o plan {scene.RETRIED[:8]}" in words
    assert "The first 2 messages are the same." in words
    assert "2 assistant added" in words
    assert "removed stream false" in words
    assert "added response_format" in words


def test_a_call_is_compared_with_any_other(client: httpx.Client) -> None:
    same = page(client, f"{RETRIED}/diff?with={scene.FAILED[:6]}").words()
    assert "messages 2 → 2" in same
    assert "The model was given the same in both calls." in page(client, f"{RETRIED}/diff?with={scene.RETRIED}").words()
    assert "no call in" in page(client, f"{RETRIED}/diff?with=dead").words()
    assert "No call of its workflow or trace came before this one" in page(client, f"{RETRIED}/diff").words()


def test_a_trace_is_a_tree_beside_its_time(client: httpx.Client) -> None:
    found = page(client, f"/traces/{TRACE}")
    words = found.words()
    assert "3 calls · 13 s · 2,486 tokens in, 14 out · 2 done · 1 error" in words
    assert f"a span that is no call {scene.PARENT[:8]} chat gpt-4o plan done" in words
    classes = [element.attributes.get("class", "") for element in found.elements]
    depths = [name for name in classes if "depth-" in name]
    assert depths == ["what depth-0", "what depth-1", "what depth-1", "what depth-2"]
    assert f"{JAEGER}/trace/{TRACE}" in found.links()


def test_a_workflow_lists_its_steps_in_the_order_of_their_calls(client: httpx.Client) -> None:
    words = page(client, f"/workflows/{quote(scene.WORKFLOW, safe='')}").words()
    assert words.index("plan chat") < words.index("answer chat") < words.index("review chat")
    assert "belongs to the workflow 'unknown'" in page(client, "/workflows/unknown", 404).words()


def test_a_span_leads_to_its_trace_in_jaeger(client: httpx.Client) -> None:
    assert f"{JAEGER}/trace/{TRACE}?uiFind={scene.AGENT}" in page(client, AGENT).links()


@pytest.mark.parametrize("path", [f"/spans/{scene.AGENT[:5]}", f"/spans/{TRACE[:6]}/{scene.AGENT[:4]}"])
def test_the_start_of_an_id_leads_to_the_whole_address(client: httpx.Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.headers["location"]) == (307, AGENT)


def test_the_start_of_a_trace_id_leads_to_the_trace(client: httpx.Client) -> None:
    response = client.get(f"/traces/{TRACE[:6]}")
    assert (response.status_code, response.headers["location"]) == (307, f"/traces/{TRACE}")


def test_an_ambiguous_reference_lists_its_candidates(client: httpx.Client) -> None:
    found = page(client, f"/spans/{scene.KILLED[:6]}", 300)
    assert "Several calls answer to this" in found.words()
    twins = {f"/spans/{scene.KILLED_TRACE}/{scene.KILLED}", f"/spans/{scene.TWIN_TRACE}/{scene.TWIN}"}
    assert twins == {link for link in found.links() if link.startswith("/spans/")}
    traces = page(client, f"/traces/{scene.KILLED_TRACE[:4]}", 300)
    assert {f"/traces/{scene.KILLED_TRACE}", f"/traces/{scene.TWIN_TRACE}"} <= set(traces.links())


def test_what_is_no_reference_is_said_to_be_none(client: httpx.Client) -> None:
    words = page(client, f"/traces/{TRACE}0", 400).words()
    assert "This is no reference to a call" in words


def test_a_span_without_a_record_leads_to_the_calls_below_it(client: httpx.Client) -> None:
    found = page(client, f"/spans/{TRACE}/{scene.PARENT}", 404)
    assert "This span is no request to a model itself, but it is the parent of 2 calls:" in found.words()
    assert {AGENT, RETRIED, f"/traces/{TRACE}"} <= set(found.links())
    beside = page(client, f"/spans/{TRACE}/{'8' * 16}", 404)
    assert "Only requests to a model have a record. The trace has 3 such calls" in beside.words()


def test_an_unknown_span_says_what_to_do(client: httpx.Client) -> None:
    words = page(client, f"/spans/{'3' * 32}/{'8' * 16}", 404).words()
    assert "It has not arrived yet." in words
    assert "spanglass doctor" in words


@pytest.mark.parametrize(
    ("query", "spans"),
    [
        (f"model={quote(scene.EVIL)}", [scene.HOSTILE]),
        ("q=wind+from+the+west", [scene.AGENT]),
        ("state=error", [scene.FAILED]),
        (f"workflow={quote(scene.WORKFLOW)}&step=plan", [scene.RETRIED]),
        ("until=2026-09-21T14:13:21&since=2026-09-21T14:13:19Z", [scene.RETRIED]),
        ("q=never+said", []),
    ],
)
def test_calls_are_searched_for(client: httpx.Client, query: str, spans: list[str]) -> None:
    found = page(client, f"/?{query}")
    assert [link.rpartition("/")[2] for link in found.links() if link.startswith("/spans/")] == spans


def test_a_search_that_cannot_be_read_is_said_and_kept_in_the_form(client: httpx.Client) -> None:
    found = page(client, "/?since=yesterday&state=lost")
    words = found.words()
    assert "'lost' is no state; the states are started, done" in words
    assert "since: 'yesterday' is neither an age such as 90s" in words
    assert "yesterday" in [element.attributes.get("value") for element in found.elements]


def test_a_long_message_is_folded_and_has_pages_of_its_own(client: httpx.Client) -> None:
    huge = f"/spans/{scene.HUGE_TRACE}/{scene.HUGE}"
    found = page(client, huge)
    assert "498,400 more characters: all of it" in found.words()
    assert f"{huge}/messages/0" in found.links()
    pieces, path = "", f"{huge}/messages/0"
    while path:
        part = page(client, path)
        pieces += max(part.text.split(), key=len)
        path = next((link for link in part.links() if link > path and "?from=" in link), "")
    assert pieces == "x" * 500_000


def test_every_message_of_a_large_window_has_its_anchor(client: httpx.Client) -> None:
    made = next(call for call in scene.CALLS if call.span_id == scene.LARGE)
    ids = page(client, f"/spans/{scene.LARGE_TRACE}/{scene.LARGE}").ids()
    assert {f"message-{index}" for index in range(len(made.messages))} <= ids


@pytest.mark.parametrize("path", PAGES)
def test_no_page_holds_anything_but_its_own_markup(client: httpx.Client, path: str) -> None:
    found = Page(client.get(path).text)
    scripts = [element.attributes for element in found.elements if element.tag == "script"]
    assert [list(attributes) for attributes in scripts] == [["src", "defer"]]
    for tag, attributes in found.elements:
        assert tag not in ("iframe", "object", "embed", "base", "style", "form") or tag == "form"
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (tag, attributes)
        for name in ("href", "src", "action"):
            target = urlsplit(attributes.get(name, ""))
            assert target.scheme in ("", "data") or target.netloc == urlsplit(JAEGER).netloc, (tag, attributes)
        if tag == "img":
            assert attributes["src"].startswith("data:image/png;base64,")


@pytest.mark.parametrize("path", PAGES)
def test_no_page_may_be_kept_framed_or_scripted(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]


def test_what_cannot_be_seen_is_shown(client: httpx.Client) -> None:
    found = page(client, HOSTILE)
    assert r"bidi \u{202e}gnp.exe\u{202c} \u{1b}[31mred\u{0} zero\u{200b}width" in found.words()
    assert not set(found.text) & set(f"\u202e\x1b\x00\u200b{scene.TAGGED}")


def test_every_link_leads_somewhere_and_every_fragment_to_its_place(client: httpx.Client) -> None:
    waiting, pages = ["/"], dict[str, Page | None]()
    fragments: set[tuple[str, str]] = set()
    while waiting:
        path = waiting.pop()
        if path in pages:
            continue
        response = client.get(path, follow_redirects=True)
        assert response.status_code == 200, (path, response.text[:2000])
        html = response.headers["content-type"].startswith("text/html")
        found = pages[path] = Page(response.text) if html else None
        for link in found.links() if found else ():
            target = urlsplit(urljoin(path, link))
            if not target.netloc:
                where = target._replace(fragment="").geturl()
                waiting.append(where)
                fragments.add((where, target.fragment))
    broken = [(path, name) for path, name in fragments if name and (found := pages[path]) and name not in found.ids()]
    assert broken == []
    assert len(pages) > 60


def test_the_style_sheet_and_the_script_may_be_kept_for_ever_under_their_names(client: httpx.Client) -> None:
    found = page(client, "/")
    names = [element.attributes.get("href", element.attributes.get("src", "")) for element in found.elements]
    static = [name for name in names if name.startswith("/static/")]
    answers = [client.get(name) for name in static]
    types = [answer.headers["content-type"] for answer in answers]
    assert types == ["text/css; charset=utf-8", "text/javascript; charset=utf-8"]
    assert {answer.headers["cache-control"] for answer in answers} == {"public, max-age=31536000, immutable"}
    assert client.get("/static/viewer.css").status_code == 404
