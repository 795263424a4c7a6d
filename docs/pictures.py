"""Makes the pictures of the documentation from the viewer's real pages, of the calls that the demo's agent makes.

Invariant: nothing on them is drawn or arranged: an agent runs against the demo's server, a sidecar serves what was
recorded, and a Chromium looks at it. It needs a Chromium, and the packages of the group ``test``:

    python docs/pictures.py            # writes docs/pictures/*.png
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from playwright.sync_api import sync_playwright

from spanglass.read import open_reader
from spanglass.server.config import ServerConfig
from spanglass.server.run import serving
from spanglass.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from spanglass.model.record import Summary

ROOT = Path(__file__).resolve().parent.parent
TO = ROOT / "docs" / "pictures"
_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
#: Where Jaeger's page is said to be, so that its links are on the pictures.
_JAEGER = "http://127.0.0.1:16686"


class Picture(NamedTuple):
    """One picture: the page's path, and how it is looked at."""

    name: str
    path: str
    height: int
    dark: bool = False
    width: int = 1120


def main() -> None:
    """Runs the agent and takes the pictures."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("no Chromium is installed (Debian: apt install chromium)")
    TO.mkdir(exist_ok=True)
    with recorded() as settings, serving(ServerConfig(settings, port=0, otlp_port=0, jaeger_url=_JAEGER)) as at:
        with open_reader(settings) as reader:
            calls = [call for call in reader.find()[::-1] if call.operation == "chat"]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
            for picture in pictures(calls):
                take(browser, at.viewer, picture)
            browser.close()


def pictures(calls: list[Summary]) -> Iterator[Picture]:
    """All pictures: the first call was turned away once, the last has the longest window."""
    first, last = calls[0], calls[-1]
    yield Picture("trace", f"/traces/{last.trace_id}", 440)
    yield Picture("window", f"/spans/{last.ref}", 820)
    yield Picture("window-dark", f"/spans/{last.ref}", 820, dark=True)
    yield Picture("window-narrow", f"/spans/{last.ref}", 780, width=390)
    yield Picture("attempts", f"/spans/{first.ref}/attempts", 660)
    yield Picture("diff", f"/spans/{last.ref}/diff", 560)


def take(browser: Browser, base: str, picture: Picture) -> None:
    """Looks at one page."""
    context: Any = browser.new_context(
        base_url=base,
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.dark else "light",
    )
    page = context.new_page()
    page.goto(picture.path)
    file = TO / f"{picture.name}.png"
    page.screenshot(path=file)
    context.close()
    sys.stdout.write(f"{file.relative_to(ROOT)}: {file.stat().st_size:,} bytes\n")


@contextmanager
def recorded() -> Iterator[Settings]:
    """The settings of a store that holds one run of the demo's agent."""
    sys.path.insert(0, str(ROOT / "examples"))
    import provider

    server = provider.start()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as directory:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("SPANGLASS_", "OTEL_"))}
        environ |= {
            "SPANGLASS_STATE_DIR": directory,
            "OPENAI_BASE_URL": f"http://127.0.0.1:{server.server_port}/v1",
            "OPENAI_API_KEY": "sk-demo-key-that-opens-nothing",
        }
        command = [str(Path(sys.executable).with_name("spanglass")), "run", "--", "python", "examples/react_agent.py"]
        subprocess.run(command, cwd=ROOT, env=environ, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ours
        yield Settings.from_environment({}).override({"state_dir": directory})
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main()
