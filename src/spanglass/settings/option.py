"""What can be set: the name, the parser and the meaning of each setting.

Invariant: a parser gives a value that works, or raises a `ValueError` that says what it takes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from spanglass.settings.quantity import is_age, is_size, parse_age, parse_size

if TYPE_CHECKING:
    from collections.abc import Callable

Enabled: TypeAlias = Literal["true", "workflows", "false"]
SpanContent: TypeAlias = Literal["preview", "full", "none"]
Spans: TypeAlias = Literal["adopt", "own", "none"]

PREFIX = "SPANGLASS_"
#: Variables of that name that are no settings: the tests' and collector-config.yaml's.
OTHERS = frozenset({f"{PREFIX}RECORDINGS", f"{PREFIX}OTLP_ENDPOINT"})

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off", ""})


class CaptureUrl(NamedTuple):
    """A further endpoint to watch: the wire format it speaks (or ``opaque``), and a pattern for its url."""

    format: str
    pattern: str


class Retention(NamedTuple):
    """What pruning keeps: nothing older than ``age_s`` seconds, no more than ``size_bytes`` bytes; None is no bound."""

    age_s: float | None = None
    size_bytes: int | None = None


NO_RETENTION = Retention()


class Option(NamedTuple):
    """One setting: the field, its parser, and what its documentation says."""

    name: str
    parse: Callable[[str], Any]
    values: str
    default: str
    meaning: str

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.name.upper()


def _parse_enabled(text: str) -> Enabled:
    word = text.lower()
    if word in _TRUE:
        return "true"
    if word in _FALSE:
        return "false"
    if word == "workflows":
        return "workflows"
    message = "it takes true, workflows or false"
    raise ValueError(message)


def _choice(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() in words:
            return text.lower()
        message = f"it takes {', '.join(words[:-1])} or {words[-1]}"
        raise ValueError(message)

    return parse


def _parse_list(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _parse_store(text: str) -> str:
    if not text or "://" in text:
        return text
    message = "a store is a url, such as sqlite:////var/lib/spanglass/spanglass.db or memory://"
    raise ValueError(message)


def _parse_state_dir(text: str) -> Path:
    if not text:
        return Path()
    return Path(text).expanduser().absolute()


def _parse_capture_urls(text: str) -> tuple[CaptureUrl, ...]:
    """``format=pattern`` or ``pattern``; a ``=`` that belongs to the pattern's query stays there."""
    found = []
    for item in _parse_list(text):
        name, equals, pattern = item.partition("=")
        named = bool(equals) and re.fullmatch(r"[a-z][a-z0-9_]*", name) is not None
        found.append(CaptureUrl(name, pattern) if named else CaptureUrl("opaque", item))
    return tuple(found)


def _parse_patterns(text: str) -> tuple[str, ...]:
    """Comma separated expressions; a comma inside ``{}``, ``[]`` or ``()`` belongs to its expression."""
    patterns = tuple(part for part in (piece.strip() for piece in _split_outside_brackets(text)) if part)
    for pattern in patterns:
        try:
            matches_nothing = re.compile(pattern).match("") is not None
        except re.error as why:
            message = f"{pattern!r} is no regular expression ({why})"
            raise ValueError(message) from None
        if matches_nothing:
            message = f"{pattern!r} matches the empty text, so it would mask everything"
            raise ValueError(message)
    return patterns


def _split_outside_brackets(text: str) -> list[str]:
    pieces, depth, start, escaped = [], 0, 0, False
    for position, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth = max(0, depth - 1)
        elif char == "," and depth == 0:
            pieces.append(text[start:position])
            start = position + 1
    return [*pieces, text[start:]]


def _parse_retention(text: str) -> Retention:
    age: float | None = None
    size: int | None = None
    for item in _parse_list(text.replace(" ", ",")):
        if is_age(item):
            age = parse_age(item)
        elif is_size(item):
            size = parse_size(item)
        else:
            message = "it takes an age, a size or both, such as 7d, 10GB or 7d,10GB"
            raise ValueError(message)
    return Retention(age, size)


OPTIONS: tuple[Option, ...] = (
    Option(
        "enabled",
        _parse_enabled,
        "`true`, `workflows`, `false`",
        "false",
        "capture every call; only calls inside a `workflow(debug=True)` or one matched below; nothing. Under the "
        "launcher `false` installs nothing; after `install()` in code it means `workflows`",
    ),
    Option(
        "debug_workflows",
        _parse_list,
        "comma list of patterns",
        "",
        "workflows to capture although the rest is off; read again from `debug-workflows` in the state directory while "
        "the program runs, so that one can be switched on in a live process",
    ),
    Option("store", _parse_store, "a store url", "", "where records live; unset, SQLite in the state directory"),
    Option(
        "state_dir",
        _parse_state_dir,
        "a directory",
        "",
        "journals and the default store; unset, `spanglass` under the platform's user state directory. Files are 0600, "
        "the directory 0700",
    ),
    Option(
        "span_content",
        _choice("preview", "full", "none"),
        "`preview`, `full`, `none`",
        "preview",
        "how much of the messages goes on the span: bounded valid JSON, everything, nothing",
    ),
    Option(
        "spans",
        _choice("adopt", "own", "none"),
        "`adopt`, `own`, `none`",
        "adopt",
        "which span a call has: another instrumentation's where there is one, else its own; always its own; none of "
        "ours, and the record is kept all the same",
    ),
    Option(
        "capture_urls",
        _parse_capture_urls,
        "comma list of url patterns",
        "",
        "further endpoints to watch, each `format=pattern` or `pattern` (kept as opaque); `*` and `?` are wildcards",
    ),
    Option("redact_keys", _parse_list, "comma list", "", "further keys whose values are masked"),
    Option("redact_patterns", _parse_patterns, "comma list of expressions", "", "further values that are masked"),
    Option(
        "journal_max_bytes",
        parse_size,
        "bytes",
        "1GiB",
        "bound of the journals; what is over is dropped, counted and said",
    ),
    Option("max_body_bytes", parse_size, "bytes", "64MiB", "bound of one body; what is over is cut and marked"),
    Option(
        "retention",
        _parse_retention,
        "an age, a size or both",
        "",
        "pruned while draining, such as `7d`, `10GB` or `7d,10GB`",
    ),
    Option("server_token", str, "16 characters or more", "", "what requests to `spanglass serve` have to bring"),
)
