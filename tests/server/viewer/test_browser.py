"""The pages in a real Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

import pytest

from read.made import TRACE
from server.viewer import scene
from server.viewer.browser import CHROMIUM, CONTRAST, FOCUSED, NARROW, REACHABLE, WIDE, chromium, window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

    from server.conftest import Sidecar

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt install chromium)"),
]

AGENT = f"/spans/{TRACE}/{scene.AGENT}"
HOSTILE = f"/spans/{scene.HOSTILE_TRACE}/{scene.HOSTILE}"
TABS = ("", "/attempts", "/steps", "/upstream", "/diff", "/copy")
PAGES = [
    "/",
    f"/traces/{TRACE}",
    f"/workflows/{quote(scene.WORKFLOW, safe='')}",
    *(f"{AGENT}{tab}" for tab in TABS),
    *(f"{HOSTILE}{tab}" for tab in TABS),
    f"/spans/{TRACE}/{scene.FAILED}",
    f"/spans/{TRACE}/{scene.FAILED}/attempts",
]
TOKEN = "a-token-of-some-length"
MISSING = f"/spans/{TRACE}/{scene.PARENT}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_every_page_keeps_its_policy_its_width_and_its_contrast(
    viewer: str, browser: Browser, scheme: Literal["light", "dark"], size: dict[str, int]
) -> None:
    with window(browser, viewer, color_scheme=scheme, viewport=size) as (page, watch):
        for path in PAGES:
            page.goto(path)
            page.evaluate("() => document.querySelectorAll('details').forEach((at) => { at.open = true; })")
            assert page.evaluate(CONTRAST) == [], path
            assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0, path
        assert watch.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_form_for_the_token_looks_like_the_pages_and_leads_on(
    start: Callable[..., Sidecar], browser: Browser, scheme: Literal["light", "dark"], size: dict[str, int]
) -> None:
    sidecar = start(token=TOKEN)
    with window(browser, sidecar.address.viewer, color_scheme=scheme, viewport=size) as (page, watch):
        page.goto("/?q=x")
        assert page.evaluate(CONTRAST) == []
        assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
        assert page.locator("header.site").evaluate("(at) => getComputedStyle(at).display") != "block"
        assert watch.faults == []
        page.keyboard.type("not the token")
        page.keyboard.press("Enter")
        page.get_by_text("This is not the token.").wait_for()
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Enter").click()
        page.wait_for_url(f"{sidecar.address.viewer}/?q=x")


def test_a_script_in_a_message_does_nothing(viewer: str, browser: Browser) -> None:
    with window(browser, viewer) as (page, watch):
        for tab in TABS:
            page.goto(f"{HOSTILE}{tab}")
            title = page.title()
            page.evaluate("() => document.querySelectorAll('details').forEach((at) => { at.open = true; })")
            page.wait_for_load_state("networkidle")
            assert page.title() == title != "owned"
            assert page.locator("main script, main iframe, main img[src='x']").count() == 0
        assert watch.faults == []


@pytest.mark.parametrize("path", ["/", AGENT, f"{AGENT}/attempts", f"{AGENT}/diff", f"/traces/{TRACE}", MISSING])
def test_the_keyboard_reaches_everything_in_order_and_one_sees_where_it_is(
    viewer: str, browser: Browser, path: str
) -> None:
    with window(browser, viewer) as (page, _):
        page.goto(path)
        expected = page.evaluate(REACHABLE)
        reached = []
        for _step in range(len(expected) + 1):
            page.keyboard.press("Tab")
            focused = page.evaluate(FOCUSED)
            if focused is None:
                break
            reached.append(focused)
        assert [html for html, _seen in reached] == expected
        assert [html for html, seen in reached if not seen] == []


def test_the_first_key_leads_past_the_head(viewer: str, browser: Browser) -> None:
    with window(browser, viewer) as (page, _):
        page.goto(AGENT)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.evaluate("() => document.activeElement.id") == "main"


def test_a_deep_link_shows_its_message_below_the_head(viewer: str, browser: Browser) -> None:
    with window(browser, viewer) as (page, watch):
        for number in (200, 3):
            page.goto(f"/spans/{scene.LARGE_TRACE}/{scene.LARGE}#message-{number}")
            page.locator(f"#message-{number}").wait_for()
            top = page.evaluate(f"() => document.getElementById('message-{number}').getBoundingClientRect().top")
            bar = page.evaluate("() => document.querySelector('.call-bar').getBoundingClientRect().bottom")
            assert bar <= top < WIDE["height"]
        assert watch.faults == []


def test_however_a_call_is_called_its_head_leaves_room_for_the_page(viewer: str, browser: Browser) -> None:
    with window(browser, viewer, viewport=NARROW) as (page, _):
        page.goto(HOSTILE)
        assert page.locator(".call-bar").evaluate("(at) => at.offsetHeight") < NARROW["height"] / 4


def test_without_a_script_everything_is_there(viewer: str, browser: Browser) -> None:
    with window(browser, viewer, java_script_enabled=False) as (page, watch):
        page.goto("/")
        page.get_by_label("Text in a request or an answer").fill("wind from the west")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name="chat gpt-4o answer").click()
        assert page.url == f"{viewer}{AGENT}"
        assert not page.get_by_text("The trains first, then the weather").is_visible()
        page.locator("summary", has_text="reasoning").click()
        assert page.get_by_text("The trains first, then the weather").is_visible()
        page.get_by_role("link", name="result in 3").click()
        assert page.url.endswith("#message-3")
        for tab, words in (("Attempts", "Timeline"), ("Upstream context", "missing"), ("Diff", "What changed")):
            page.get_by_role("navigation", name="Pages of this call").get_by_role("link", name=tab).click()
            assert page.get_by_text(words).first.is_visible()
        page.get_by_role("link", name="Copy").click()
        assert page.get_by_role("textbox", name="curl").input_value().startswith("curl --globoff -X POST")
        assert page.get_by_role("button", name="Copy").count() == 0
        assert watch.faults == []


def test_with_a_script_a_button_copies(viewer: str, browser: Browser) -> None:
    with window(browser, viewer, permissions=["clipboard-read", "clipboard-write"]) as (page, watch):
        page.goto(f"{AGENT}/copy")
        page.locator("#curl").get_by_role("button", name="Copy").click()
        page.locator("#curl").get_by_role("button", name="Copied").wait_for()
        copied = page.evaluate("() => navigator.clipboard.readText()")
        assert copied == page.get_by_role("textbox", name="curl").input_value()
        assert watch.faults == []


def test_a_picture_of_a_message_is_shown(viewer: str, browser: Browser) -> None:
    with window(browser, viewer) as (page, watch):
        page.goto(AGENT)
        size = page.locator("figure img").evaluate("(at) => [at.naturalWidth, at.naturalHeight]")
        assert size == [96, 40]
        assert watch.faults == []


def test_the_map_of_the_window_leads_to_its_messages(viewer: str, browser: Browser) -> None:
    with window(browser, viewer) as (page, watch):
        page.goto(AGENT)
        page.locator(".map a").nth(2).click()
        assert page.url.endswith("#message-2")
        widths = page.locator(".map rect").evaluate_all("(all) => all.map((at) => at.getBoundingClientRect().width)")
        frame = page.locator(".map").evaluate("(at) => at.getBoundingClientRect().width")
        assert sum(widths) == pytest.approx(frame, abs=1)
        assert watch.faults == []
