"""From a request that a tap saw to an attempt of a call: is it one to a model, is it wanted, whose attempt is it.

Invariant: what is not for a model costs one cached look-up; what is, is written ahead before `begin` returns.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry.context import get_current

from spanglass.capture.call import Call
from spanglass.capture.exchange import Server, content_type_of
from spanglass.capture.scope import current_scope
from spanglass.wire.route import Route, fits, looks_like_llm, provider_of, route

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from spanglass.capture.attempt import Attempt
    from spanglass.capture.exchange import Outgoing
    from spanglass.capture.scope import Scope
    from spanglass.capture.session import Session
    from spanglass.settings import CaptureUrl

#: Whose API a format is, where neither the host nor the SDK tells.
_PROVIDERS = {
    "openai_chat": "openai",
    "openai_completions": "openai",
    "openai_responses": "openai",
    "embeddings": "openai",
    "anthropic_messages": "anthropic",
}


def begin(session: Session, outgoing: Outgoing, context: Context) -> Attempt | None:
    """The attempt that ``outgoing`` is, written ahead; or None if it is not to be captured."""
    found = find_route(session, outgoing)
    if found is None or not session.watching(context):
        return None
    scope = current_scope()
    if scope is not None and not scope.takes():
        scope = None
    call = None if scope is None else scope.call
    masked = None
    if outgoing.body is not None:
        content_type = content_type_of(outgoing.headers) or "application/json"
        number = 1 if call is None else call.attempt_count + 1
        masked = session.recorder.mask(outgoing.body, content_type, "request_body", number)
    if call is None:
        body = None if masked is None else masked.body
        found = found if found.provider is not None else _with_provider(found, scope and scope.package)
        if scope is None:
            call = Call(session, found, outgoing.started_at, outgoing.server, body, context, scoped=False)
        else:
            call = Call(session, found, scope.started_at, outgoing.server, body, context, scoped=True)
            scope.call = call
    return call.begin_attempt(outgoing, masked)


def begin_unsent(scope: Scope, method: str, url: str, model: str | None) -> Call | None:
    """The call of a request that an SDK could not even build; or None if it is not to be captured."""
    parts = urlsplit(url)
    server = Server(parts.hostname or "", parts.port)
    found = route(method.upper(), server.address, parts.path)
    if found is None or not scope.session.watching():
        return None
    found = _with_provider(found, scope.package)._replace(model=found.model or model)
    return Call(scope.session, found, scope.started_at, server, None, get_current(), scoped=True)


def find_route(session: Session, outgoing: Outgoing) -> Route | None:
    """The wire format of a request: by the user's own patterns, by its path, or by the look of its body."""
    if session.settings.capture_urls:
        named = _configured(session.settings.capture_urls, outgoing.url)
        if named is not None:
            return named
    host, body = outgoing.server.address, outgoing.body
    found = route(outgoing.method, host, outgoing.path)
    if body is None:
        return found
    if found is None:
        if looks_like_llm(body, outgoing.path):
            return Route("opaque", provider_of(host), _operation(outgoing.path, body))
    elif found.provider is None:
        return found if fits(found.format, body) else None
    elif found.format == "opaque" and found.provider == "aws.bedrock" and b'"anthropic_version"' in body:
        return found._replace(format="anthropic_messages")  # behind a name of the account's own
    return found


def _configured(patterns: tuple[CaptureUrl, ...], url: str) -> Route | None:
    """Patterns are shell-style, over the url without its query; one without wildcards is a prefix."""
    bare = url.partition("?")[0]
    for name, pattern in patterns:
        wild = pattern if any(char in pattern for char in "*?[") else f"{pattern}*"
        if fnmatchcase(bare, wild) or fnmatchcase(url, wild):
            return Route(name, None, "embeddings" if name == "embeddings" else "chat")
    return None


def _operation(path: str, body: bytes) -> str:
    """What an endpoint of no known format does: a chat, if that is what is sent; else its own name, as in its path."""
    if b'"messages"' in body or b'"contents"' in body:
        return "chat"
    name = path.rstrip("/").rpartition("/")[2]
    return name if name.replace("-", "").replace("_", "").isalpha() else "chat"


@lru_cache(maxsize=256)
def _with_provider(found: Route, package: str | None) -> Route:
    """The route with a provider: its own, or the one that the SDK's package, or else the format, tells."""
    return found._replace(provider=found.provider or package or _PROVIDERS.get(found.format))
