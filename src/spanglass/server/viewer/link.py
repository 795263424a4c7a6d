"""Every address that the viewer's pages lead to, and the only place where one is put together.

Invariant: what a link carries of others is percent-encoded, and a link to somewhere else is http or https.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlencode, urlsplit

from spanglass.errors import ConfigurationError

if TYPE_CHECKING:
    from spanglass.model.record import Summary

#: The pages of a call beside its context window.
Tab = Literal["window", "attempts", "steps", "upstream", "diff", "copy"]
#: Where a message stands.
Where = Literal["messages", "answer"]


class Links:
    """The addresses of the pages.

    Args:
        jaeger_url: where Jaeger's page is, such as ``http://127.0.0.1:16686``; None: no links lead there.

    Raises:
        ConfigurationError: ``jaeger_url`` is no http or https url.

    Example:
        >>> Links("http://127.0.0.1:16686/").workflow("a/b c")
        '/workflows/a%2Fb%20c'
    """

    def __init__(self, jaeger_url: str | None = None) -> None:
        if jaeger_url and urlsplit(jaeger_url).scheme not in ("http", "https"):
            message = f"cannot link to Jaeger at {jaeger_url!r}: give its page's url, such as http://127.0.0.1:16686"
            raise ConfigurationError(message)
        self._jaeger = jaeger_url.rstrip("/") if jaeger_url else None

    def home(self, **criteria: object) -> str:
        """The newest calls, or those that answer to the criteria; what is empty or None says nothing."""
        given = {name: str(value) for name, value in criteria.items() if value not in (None, "")}
        return f"/?{urlencode(given)}" if given else "/"

    def trace(self, trace_id: str) -> str:
        """The calls of a trace."""
        return f"/traces/{quote(trace_id, safe='')}"

    def workflow(self, workflow_id: str) -> str:
        """The calls of a workflow."""
        if not workflow_id.strip("."):  # a browser would take a path of dots for a way up
            return self.home(workflow=workflow_id)
        return f"/workflows/{quote(workflow_id, safe='')}"

    def span(self, call: Summary, tab: Tab = "window") -> str:
        """A call: its context window, or another of its pages."""
        own = f"/spans/{call.ref}"
        return own if tab == "window" else f"{own}/{tab}"

    def message(self, call: Summary, where: Where, index: int, start: int = 0) -> str:
        """One message whole, from a character on."""
        own = f"/spans/{call.ref}/{where}/{index}"
        return f"{own}?from={start}" if start else own

    def body(self, call: Summary, number: int, which: str) -> str:
        """The exact bytes of a request or a response."""
        return f"/spans/{call.ref}/attempts/{number}/{which}"

    def diff(self, call: Summary, other: Summary) -> str:
        """What changed from another call to this one."""
        return f"{self.span(call, 'diff')}?{urlencode({'with': other.ref})}"

    def record(self, call: Summary) -> str:
        """The whole record as JSON."""
        return f"/api/spans/{call.ref}"

    def jaeger(self, call: Summary) -> str | None:
        """The trace in Jaeger with this span found, or None where no Jaeger is known."""
        if self._jaeger is None:
            return None
        return f"{self._jaeger}/trace/{quote(call.trace_id)}?{urlencode({'uiFind': call.span_id})}"

    def jaeger_trace(self, trace_id: str) -> str | None:
        """The trace in Jaeger, or None where no Jaeger is known."""
        return None if self._jaeger is None else f"{self._jaeger}/trace/{quote(trace_id)}"
