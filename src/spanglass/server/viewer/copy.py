"""A call to take away: its request as a shell command, as Python, as JSON.

Invariant: nothing here holds a credential: what was masked is read from the environment when it is run, and whatever
else was masked stays masked. What is copied does what it says wherever it is pasted: every value is quoted for its
language, and a body that a terminal could not be trusted with is fetched instead of pasted.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

from spanglass.read.plain import UNSAFE
from spanglass.server.viewer.attempt import as_text
from spanglass.server.viewer.text import laid_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanglass.model.record import Attempt, Record

#: Bodies up to so many bytes are pasted; a shell takes no longer argument (Linux: 128 KiB).
PASTED = 100_000
#: Bodies up to so many bytes are laid out on a page.
_A_PAGE = 3_000_000
#: In which variable the viewer's own token is.
_GUARD = "SPANGLASS_SERVER_TOKEN"
_KEYS = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "azure.ai.openai": "AZURE_OPENAI_API_KEY",
    "gcp.gemini": "GEMINI_API_KEY",
    "mistral_ai": "MISTRAL_API_KEY",
    "x_ai": "XAI_API_KEY",
}
_MASK = re.compile(r"\[REDACTED(?:: [^\]\n]*)?\]|%5BREDACTED(?:%3A[^&#]*?)?%5D", re.IGNORECASE)
#: What says what is sent and how to read it; the rest is the HTTP library's business.
_HEADERS = re.compile(
    r"content-type|accept|authorization|(x-)?api-key|x-goog-api-key|.*-(version|beta|organization|project)"
)
_NOT_ASKED = re.compile(r"x-stainless-.*|user-agent|traceparent")


class Copy(NamedTuple):
    """One way to take the request away."""

    anchor: str
    title: str
    text: str
    note: str = ""

    @property
    def rows(self) -> int:
        """How many lines of it are shown at once."""
        return min(30, self.text.count("\n") + 2)


class Bytes(NamedTuple):
    """Where the exact bytes of the request are; ``guarded``: they are given out for this viewer's token only."""

    url: str
    guarded: bool = False


def copies(record: Record, exact: Bytes) -> list[Copy]:
    """The request of the last attempt that has one, in each way; none where no request is known."""
    attempt = last_request(record)
    if attempt is None:
        return []
    key = key_name(record.provider)
    stream = record.options.get("stream") is True
    return [
        Copy("curl", "curl", as_curl(attempt, key, exact, stream=stream)),
        Copy("python", "Python", as_python(attempt, key, exact, stream=stream)),
        Copy("json", "JSON", as_json(attempt), "the body alone, laid out"),
    ]


def last_request(record: Record) -> Attempt | None:
    """The last attempt whose request is known."""
    return next((attempt for attempt in reversed(record.attempts) if attempt.request_body is not None), None)


def key_name(provider: str | None) -> str:
    """The environment variable in which a provider's key is looked for.

    Example:
        >>> key_name("openai"), key_name("groq"), key_name(None)
        ('OPENAI_API_KEY', 'GROQ_API_KEY', 'API_KEY')
    """
    if not provider:
        return "API_KEY"
    return _KEYS.get(provider) or re.sub(r"[^A-Z0-9]+", "_", provider.upper()).strip("_") + "_API_KEY"


def as_curl(attempt: Attempt, key: str, exact: Bytes, *, stream: bool = False) -> str:
    """A command for a POSIX shell; a body that cannot be pasted is piped from where it is."""
    text = _pasteable(attempt.request_body)
    unbuffered = " --no-buffer" if stream else ""
    lines = [f"curl --globoff{unbuffered} -X {shlex.quote(attempt.method)} {_shell(attempt.url, key)}"]
    lines += [f"  -H {_shell(f'{name}: {value}', key)}" for name, value in _headers(attempt)]
    if text is None:
        lines.append("  --data-binary @-")
        token = f" -H 'Authorization: Bearer '\"${_GUARD}\"" if exact.guarded else ""
        lines[0] = f"curl -sf{token} {shlex.quote(exact.url)} | {lines[0]}"
    else:
        lines.append(f"  --data-binary {shlex.quote(text)}")
    return " \\\n".join(lines) + "\n"


def as_python(attempt: Attempt, key: str, exact: Bytes, *, stream: bool = False) -> str:
    """A program that needs nothing but httpx; a body that cannot be pasted is fetched from where it is."""
    text = _pasteable(attempt.request_body)
    headers = [f"    {name!r}: {_literal(value, key)}," for name, value in _headers(attempt)]
    body = _python_body(text, exact)
    call = [f"    {attempt.method!r},", f"    {_literal(attempt.url, key)},", "    headers=headers,"]
    call += ["    content=body,", "    timeout=600,"]
    ending = (
        ["with httpx.stream(", *call, ") as response:", "    for line in response.iter_lines():", "        print(line)"]
        if stream
        else ["response = httpx.request(", *call, ")", "print(response.status_code, response.text)"]
    )
    return "\n".join(
        ["import json", "import os", "", "import httpx", "", "headers = {", *headers, "}", *body, "", *ending, ""]
    )


def as_json(attempt: Attempt) -> str:
    """The request's body laid out, or its text where it is no JSON; empty where a page cannot hold it."""
    body = attempt.request_body or b""
    text = as_text(body) if len(body) <= _A_PAGE else None
    if text is None:
        return ""
    try:
        return laid_out(json.loads(text))
    except (ValueError, RecursionError):
        return text


def _headers(attempt: Attempt) -> Iterator[tuple[str, str]]:
    for name, value in attempt.request_headers.items():
        wanted = _HEADERS.fullmatch(name.lower()) or "REDACTED" in value
        if wanted and not _NOT_ASKED.fullmatch(name.lower()):
            bearer = "Bearer " if name.lower() == "authorization" and _MASK.fullmatch(value) else ""
            yield name, bearer + value


def _pasteable(body: bytes | None) -> str | None:
    """The body as text, if a shell's line can hold it and a terminal would not act on it."""
    if body is None or len(body) > PASTED:
        return None
    text = as_text(body)
    return None if text is None or UNSAFE.search(text) else text


def _shell(text: str, key: str) -> str:
    """``text`` quoted for a shell, with the variable where something was masked."""
    quoted = [shlex.quote(part) if part else "" for part in _MASK.split(_one_line(text))]
    return f'"${key}"'.join(quoted)


def _literal(text: str, key: str) -> str:
    """``text`` as a Python expression, with the variable where something was masked."""
    first, *others = (repr(part) if part else "" for part in _MASK.split(text))
    pieces = [first]
    for part in others:
        pieces += [f'os.environ["{key}"]', part]
    return " + ".join(piece for piece in pieces if piece) or '""'


def _python_body(text: str | None, exact: Bytes) -> list[str]:
    if text is None:
        token = f', headers={{"Authorization": "Bearer " + os.environ["{_GUARD}"]}}' if exact.guarded else ""
        return [f"body = httpx.get({exact.url!r}{token}).raise_for_status().content  # the exact bytes"]
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return [f"body = {text!r}.encode()"]
    return [f"body = json.dumps({_python(value)})"]


def _python(value: Any, margin: str = "") -> str:
    """A JSON value as a Python expression, over as many lines as it has members."""
    inner = f"{margin}    "
    if isinstance(value, dict) and value:
        members = "".join(f"{inner}{key!r}: {_python(item, inner)},\n" for key, item in value.items())
        return f"{{\n{members}{margin}}}"
    if isinstance(value, list) and value:
        members = "".join(f"{inner}{_python(item, inner)},\n" for item in value)
        return f"[\n{members}{margin}]"
    return f'float("{value}")' if isinstance(value, float) and not math.isfinite(value) else repr(value)


def _one_line(text: str) -> str:
    return UNSAFE.sub("", text).replace("\n", "").replace("\t", " ")
