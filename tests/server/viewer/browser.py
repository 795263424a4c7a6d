"""A real Chromium, kept away from the network, that notes whatever a page does and should not."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Dialog, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: Every text on the page whose contrast with the ground behind it is less than 4.5, as [ratio, colours, text].
CONTRAST = """() => {
  const channel = (value) => ((value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (at) => {
    for (; at; at = at.parentElement) {
      const found = parse(getComputedStyle(at).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return parse(getComputedStyle(document.documentElement).backgroundColor);
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const parent = walker.currentNode.parentElement;
    if (!text || parent.closest("svg, script, datalist")) continue;
    const [front, back] = [parse(getComputedStyle(parent).color), ground(parent)];
    const [high, low] = [light(front), light(back)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) poor.push([ratio.toFixed(2), String(front), String(back), text.slice(0, 40)]);
  }
  return poor;
}"""
#: What the keyboard should reach, in the order of the document.
REACHABLE = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
  .filter((at) => at.tabIndex >= 0 && at.checkVisibility())
  .map((at) => at.outerHTML.slice(0, 120))"""
FOCUSED = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const style = getComputedStyle(at);
  return [at.outerHTML.slice(0, 120), style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0];
}"""
_REPORT_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));"""


@dataclass
class Watch:
    """What a page did that it should not: errors, dialogs, and requests to anywhere but the viewer."""

    base: str
    faults: list[str] = field(default_factory=list)

    def attach(self, page: Page) -> None:
        """Notes what the page does from now on."""
        page.on("console", lambda message: self._console(message.type, message.text))
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("dialog", self._dialog)
        page.on("request", lambda request: self._request(request.url))

    def _console(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.faults.append(f"console: {text}")

    def _dialog(self, dialog: Dialog) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, url: str) -> None:
        if not url.startswith((f"{self.base}/", "data:")):
            self.faults.append(f"request: {url}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, without a profile of anybody's."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_QUIET)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser: Browser, base: str, **options: Any) -> Iterator[tuple[Page, Watch]]:
    """A page in a context of its own, watched; ``options`` are playwright's."""
    context = browser.new_context(base_url=base, **{"viewport": WIDE, **options})
    context.set_default_timeout(30_000)
    watch = Watch(base)
    try:
        page = context.new_page()
        page.add_init_script(_REPORT_VIOLATIONS)
        watch.attach(page)
        yield page, watch
    finally:
        context.close()
