"""Every ``SPANGLASS_*`` variable as one frozen `Settings`; the only reader of the environment.

Invariant: reading never raises and never stops the host. A value that cannot work is replaced by its default and named
in ``Settings.problems``, one line each with what to do; whoever switches spanglass on says them at start-up. Arguments
of `spanglass.install`, unlike variables, are the programmer's own and do raise `ConfigurationError`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from spanglass.errors import ConfigurationError
from spanglass.settings.option import NO_RETENTION, OPTIONS, OTHERS, PREFIX
from spanglass.settings.quantity import GiB, MiB

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spanglass.settings.option import CaptureUrl, Enabled, Option, Retention, SpanContent, Spans


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


def _parse_argument(option: Option, value: object) -> Any:
    try:
        return option.parse(_as_text(value))
    except ValueError as why:
        message = f"install({option.name}={value!r}) cannot work: {why}"
        raise ConfigurationError(message) from None


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
