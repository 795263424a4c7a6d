"""Every ``SPANGLASS_*`` variable as one frozen `Settings`; the only reader of the environment.

Invariant: reading never raises and never stops the host. A value that cannot work is replaced by its default and named
in ``Settings.problems``, one line each with what to do; whoever switches spanglass on says them at start-up. Arguments
of `spanglass.install`, unlike variables, are the programmer's own and do raise `ConfigurationError`.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, cast

from spanglass.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Enabled: TypeAlias = Literal["true", "workflows", "false"]
SpanContent: TypeAlias = Literal["preview", "full", "none"]
Spans: TypeAlias = Literal["adopt", "own", "none"]

PREFIX = "SPANGLASS_"
#: Variables of that name that are no settings: the tests' and collector-config.yaml's.
OTHERS = frozenset({f"{PREFIX}RECORDINGS", f"{PREFIX}OTLP_ENDPOINT"})
GiB = 1 << 30
MiB = 1 << 20

_SIZE_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 1 << 10,
    "mib": MiB,
    "gib": GiB,
    "tib": 1 << 40,
}
_AGE_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_SIZE = r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)"
_AGE = r"(\d+(?:\.\d+)?)\s*([smhdw])"
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


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; the table in ``docs/settings.md`` is generated from this class.

    Example:
        >>> Settings.from_environment({"SPANGLASS_ENABLED": "true"}).enabled
        'true'
    """

    enabled: Enabled = "false"
    debug_workflows: tuple[str, ...] = ()
    store: str = ""
    state_dir: Path = Path()
    span_content: SpanContent = "preview"
    spans: Spans = "adopt"
    capture_urls: tuple[CaptureUrl, ...] = ()
    redact_keys: tuple[str, ...] = ()
    redact_patterns: tuple[str, ...] = ()
    journal_max_bytes: int = GiB
    max_body_bytes: int = 64 * MiB
    retention: Retention = NO_RETENTION
    server_token: str = field(default="", repr=False)
    problems: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """The settings that the variables ask for, with a line in ``problems`` for each that cannot work."""
        environ = os.environ if environ is None else environ
        problems: list[str] = []
        values: dict[str, Any] = {}
        for option in OPTIONS:
            raw = environ.get(option.variable)
            if raw is None:
                continue
            try:
                values[option.name] = option.parse(raw.strip())
            except ValueError as why:
                problems.append(f"{option.variable}={raw!r} is ignored: {why}; using {option.default!r}")
        problems += _unknown(environ)
        return _complete(cls(**values, problems=tuple(problems)), environ)

    def override(self, arguments: Mapping[str, Any]) -> Settings:
        """These settings with ``arguments`` (field names, as `spanglass.install` takes them) on top.

        Raises:
            ConfigurationError: an unknown name, or a value that cannot work.
        """
        options = {option.name: option for option in OPTIONS}
        values: dict[str, Any] = {}
        for name, value in arguments.items():
            option = options.get(name)
            if option is None:
                message = f"install() has no setting {name!r}; it takes {', '.join(sorted(options))}"
                raise ConfigurationError(message)
            values[name] = _parse_argument(option, value)
        if "state_dir" in values and "store" not in values and self.store == _default_store(self.state_dir):
            values["store"] = ""
        return _complete(replace(self, **values), {})

    @property
    def journal_dir(self) -> Path:
        """Where the journals of this state directory live."""
        return self.state_dir / "journal"

    @property
    def debug_workflows_file(self) -> Path:
        """The file whose lines are further workflow patterns, read again while the program runs."""
        return self.state_dir / "debug-workflows"


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


def _parse_argument(option: Option, value: object) -> Any:
    try:
        return option.parse(_as_text(value))
    except ValueError as why:
        message = f"install({option.name}={value!r}) cannot work: {why}"
        raise ConfigurationError(message) from None


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


def parse_size(text: str) -> int:
    """A number of bytes: ``67108864``, ``64MiB``, ``10GB``.

    Raises:
        ValueError: it is no size above zero.
    """
    match = re.fullmatch(_SIZE, text)
    if match is None or match[2].lower() not in _SIZE_UNITS:
        message = "it takes a number of bytes, such as 67108864, 64MiB or 10GB"
        raise ValueError(message)
    size = int(float(match[1]) * _SIZE_UNITS[match[2].lower()])
    if size < 1:
        message = "it must be above zero"
        raise ValueError(message)
    return size


def parse_age(text: str) -> float:
    """A length of time in seconds: ``90s``, ``12h``, ``7d``.

    Raises:
        ValueError: it is no length of time above zero.
    """
    match = re.fullmatch(_AGE, text)
    if match is None or float(match[1]) == 0:
        message = "it takes a length of time, such as 90s, 12h or 7d"
        raise ValueError(message)
    return float(match[1]) * _AGE_UNITS[match[2]]


def _parse_retention(text: str) -> Retention:
    age: float | None = None
    size: int | None = None
    for item in _parse_list(text.replace(" ", ",")):
        if re.fullmatch(_AGE, item):
            age = parse_age(item)
        elif re.fullmatch(_SIZE, item):
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


_in_force: Settings | None = None


def in_force() -> Settings:
    """What the last `spanglass.install` of this process settled on, or else what the environment says now.

    So that reading in a program that captures looks where that program writes.
    """
    return _in_force or Settings.from_environment()


def put_in_force(settings: Settings) -> None:
    """Makes ``settings`` what `in_force` gives."""
    global _in_force  # noqa: PLW0603 - one process, one installation
    _in_force = settings


def default_state_dir(environ: Mapping[str, str] | None = None) -> Path:
    """``spanglass`` under the platform's user state directory (XDG, Application Support or LocalAppData)."""
    environ = os.environ if environ is None else environ
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or os.path.expanduser("~"))  # noqa: PTH111 - Path.home() raises
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "spanglass"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "spanglass"
    state_home = environ.get("XDG_STATE_HOME", "")
    base = Path(state_home) if state_home.startswith("/") else home / ".local" / "state"
    return base / "spanglass"


def _default_store(state_dir: Path) -> str:
    return f"sqlite:///{(state_dir / 'spanglass.db').as_posix()}"


def _complete(settings: Settings, environ: Mapping[str, str]) -> Settings:
    state_dir = settings.state_dir if settings.state_dir != Path() else default_state_dir(environ or None)
    store = settings.store or _default_store(state_dir)
    return replace(settings, state_dir=state_dir, store=store)


def _unknown(environ: Mapping[str, str]) -> list[str]:
    known = {option.variable for option in OPTIONS} | OTHERS
    return [
        f"{name} is not a setting of spanglass and is ignored; the settings are {', '.join(sorted(known))}"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known
    ]


def _as_text(value: object) -> str:
    """An argument of ``install`` in the spelling of its variable, so that both go through one parser."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple, set, frozenset)):
        return ",".join(_as_text(item) for item in cast("list[object]", list(value)))
    return str(value)
