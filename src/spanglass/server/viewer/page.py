"""From what is known to a page: the templates, and the pages for references that lead nowhere.

Invariant: templates escape everything that is not markup of ours; a page that could not show what was asked for says
what to do next, with the status that says the same to programs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from spanglass.model.record import isoformat
from spanglass.read import figures
from spanglass.server.viewer import asset
from spanglass.server.viewer.bar import fraction
from spanglass.server.viewer.link import Links
from spanglass.server.viewer.text import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanglass.read.reader import Reader


class Site:
    """What every page is made with.

    Args:
        reader: gives the reader of the calling thread.
        jaeger_url: where Jaeger's page is, or None.

    Raises:
        ConfigurationError: ``jaeger_url`` is no http or https url.
    """

    def __init__(self, reader: Callable[[], Reader], jaeger_url: str | None = None) -> None:
        self.links = Links(jaeger_url)
        self.assets = asset.load()
        self._reader = reader
        self._environment = _environment(self)

    def reader(self) -> Reader:
        """The reader of the calling thread."""
        return self._reader()

    def page(self, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        """A page; ``notes`` are what the reader could not reach, which every page says."""
        html = self._environment.get_template(f"{template}.html").render(**{"notes": (), **context})
        return HTMLResponse(html, status, {"cache-control": "no-store", "referrer-policy": "no-referrer"})


def _environment(site: Site) -> Environment:
    environment = Environment(
        loader=PackageLoader("spanglass.server.viewer"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "shown": shown,
        "duration": figures.duration,
        "size": figures.size,
        "number": figures.number,
        "moment": figures.moment,
        "iso": isoformat,
        "counted": figures.counted,
        "percent": fraction,
    }
    environment.globals |= {
        "links": site.links,
        "asset": {name.replace(".", "_"): item.path for name, item in site.assets.items()},
    }
    return environment
