"""What `doctor` looks at, one function an area.

Invariant: a check changes nothing, raises nothing and sends nothing but a connection attempt to the OTLP endpoint that
is set. What is ``wrong`` says what to do; a ``note`` is worth knowing and needs nothing done.
"""

from __future__ import annotations

import os
import platform
import socket
import sys
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit

from spanglass import guard
from spanglass.settings import Retention, Settings
from spanglass.settings.option import OPTIONS
from spanglass.store import without_userinfo

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

Status = Literal["ok", "note", "wrong"]

_REQUIRED = (
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-instrumentation",
    "opentelemetry-distro",
    "opentelemetry-exporter-otlp",
    "wrapt",
    "msgspec",
    "zstandard",
)
_SDKS = ("openai", "anthropic", "groq", "together", "mistralai", "cohere", "ollama", "google-genai", "litellm", "boto3")
_UNWATCHED = ("aiohttp", "requests", "botocore")
_ENTRY_POINTS = {
    "opentelemetry_pre_instrument": "spanglass",
    "opentelemetry_instrumentor": "spanglass",
    "opentelemetry_traces_exporter": "spanglass",
}
_CANARY = b'{"note": "sk-proj-Zx9Qm4Lr7Tn2Vb8Wk5Hc1Yd6Jf3Gs0Pa", "api_key": "canary-value"}'
_OTLP = ("otlp", "otlp_proto_grpc", "otlp_proto_http")
_CONNECT_S = 0.5
_SECRET = frozenset({"server_token"})


class Check(NamedTuple):
    """One finding: what was looked at, how it stands, and what to do if it is wrong."""

    area: str
    name: str
    status: Status
    value: str
    advice: str = ""


def installation() -> Iterator[Check]:
    """Versions of spanglass, of what it needs, and of the SDKs and HTTP libraries beside it."""
    area = "installed"
    yield Check(area, "python", "ok", f"{platform.python_version()} at {sys.executable}")
    for name in ("spanglass", *_REQUIRED):
        found = _version(name)
        if found is None:
            yield Check(
                area, name, "wrong", "not installed", "install spanglass again: pip install --force-reinstall spanglass"
            )
        else:
            yield Check(area, name, "ok", found)
    for group, name in _ENTRY_POINTS.items():
        if name not in {point.name for point in metadata.entry_points(group=group)}:
            yield Check(
                area,
                group,
                "wrong",
                "has no entry point of spanglass",
                "install spanglass again, rather than only copying it",
            )
    sdks = [f"{name} {found}" for name in _SDKS if (found := _version(name)) is not None]
    yield Check(area, "model SDKs", "ok" if sdks else "note", ", ".join(sdks) or "none of those that are known by name")
    unwatched = [f"{name} {found}" for name in _UNWATCHED if (found := _version(name)) is not None]
    if unwatched:
        yield Check(
            area, "not watched", "note", f"{', '.join(unwatched)}: calls over these are not captured by this version"
        )


def patches() -> Iterator[Check]:
    """What would be patched in a program of this environment, and what is patched in this process."""
    try:
        from spanglass.capture.instrumentor import PATCHERS, patched
    except Exception as why:  # noqa: BLE001 - what stops the import is what doctor is asked for
        yield Check(
            "patches", "capture", "wrong", f"cannot be loaded: {type(why).__name__}: {why}", "install spanglass again"
        )
        return
    targets = [name for name in PATCHERS if not name.startswith("opentelemetry.") and _is_installed(name)]
    if targets:
        yield Check("patches", "when imported", "ok", ", ".join(targets))
    else:
        advice = "install the SDK of your model into this environment, or spanglass into the SDK's"
        yield Check("patches", "when imported", "wrong", "no HTTP library that is watched is installed", advice)
    if present := patched():
        yield Check("patches", "in this process", "ok", ", ".join(present))


def redaction(settings: Settings) -> Iterator[Check]:
    """Whether planted credentials are masked, in a body and on a span, and by which engine."""
    tests = {"bodies": _masks_bodies, "spans": _masks_spans}
    if _sdk_is_disabled():
        del tests["spans"]  # there are none
    for name, test in tests.items():
        failed = "a planted credential got through"
        try:
            passed = test(settings)
        except Exception as why:  # noqa: BLE001 - whatever it is, redaction does not work
            passed, failed = False, f"{type(why).__name__}: {why}"
        if passed:
            yield Check("redaction", name, "ok", "planted credentials are masked")
        else:
            advice = "report it with the versions above; until then set SPANGLASS_SPAN_CONTENT=none"
            yield Check("redaction", name, "wrong", failed, advice)
    if _is_installed("hyperscan"):
        yield Check("redaction", "engine", "ok", f"hyperscan {_version('hyperscan')}")
    else:
        told = "re: the same result, slower on large bodies (hyperscan is not installed)"
        yield Check("redaction", "engine", "note", told)


def _masks_bodies(settings: Settings) -> bool:
    from spanglass.redact import Redactor

    redactor = Redactor(keys=settings.redact_keys, patterns=settings.redact_patterns)
    masked, count = redactor.body(_CANARY)
    return count > 1 and b"canary-value" not in masked and b"sk-proj-" not in masked


def _masks_spans(settings: Settings) -> bool:
    from opentelemetry.sdk.trace import TracerProvider

    from spanglass.redact import Redactor
    from spanglass.redact.processor import RedactingSpanProcessor, protects

    provider = TracerProvider()
    redactor = Redactor(keys=settings.redact_keys, patterns=settings.redact_patterns)
    provider.add_span_processor(RedactingSpanProcessor(redactor))
    try:
        return protects(provider)
    finally:
        provider.shutdown()


def settings_in_force(settings: Settings, args: argparse.Namespace) -> Iterator[Check]:
    """Every setting with where it comes from, and what is wrong with the variables."""
    for option in OPTIONS:
        value = getattr(settings, option.name)
        if getattr(args, option.name, None):
            source = f"--{option.name.replace('_', '-')}"
        else:
            source = option.variable if os.environ.get(option.variable) else "default"
        yield Check("settings", option.name, "ok", f"{_without_secrets(option.name, value)} ({source})")
    if settings.enabled == "false":
        told = "off: a program records nothing unless it is started with 'spanglass run' or calls spanglass.install()"
        yield Check("settings", "enabled", "note", told)
    for problem in settings.problems:
        name = problem.partition(" ")[0].partition("=")[0]
        yield Check("settings", name, "wrong", problem, f"correct or unset {name}")


def telemetry() -> Iterator[Check]:
    """The variables of OpenTelemetry that decide where spans go."""
    area = "opentelemetry"
    for name in sorted(name for name in os.environ if name.startswith("OTEL_")):
        shown = "set" if "HEADERS" in name else os.environ[name]
        yield Check(area, name, "ok", shown)
    if _sdk_is_disabled():
        advice = "unset it to see spans; calls are recorded all the same"
        yield Check(area, "spans", "wrong", "OTEL_SDK_DISABLED=true: there are no spans", advice)
        return
    exporters = [word.strip() for word in os.environ.get("OTEL_TRACES_EXPORTER", "").split(",") if word.strip()]
    known = {point.name for point in metadata.entry_points(group="opentelemetry_traces_exporter")} | {"none"}
    for word in exporters:
        if word not in known:
            advice = f"one of {', '.join(sorted(known))}; an unknown one stops all of OpenTelemetry"
            yield Check(area, "OTEL_TRACES_EXPORTER", "wrong", f"there is no exporter {word!r}", advice)
    yield from _endpoint(area, exporters)


def faults() -> Iterator[Check]:
    """Faults of ours that were kept from this process."""
    found = guard.faults()
    for place, count in sorted(found.items()):
        yield Check("faults", place, "wrong", f"{count} absorbed", "please report it with this output")


def _endpoint(area: str, exporters: list[str]) -> Iterator[Check]:
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    endpoint = next((os.environ[name] for name in names if os.environ.get(name)), None)
    if endpoint is None and not any(word in _OTLP for word in exporters):
        yield Check(area, "OTLP endpoint", "note", "none is set: 'spanglass run' looks on 127.0.0.1:4317 and :4318")
        return
    endpoint = endpoint or "http://localhost:4317"
    try:
        parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
        address = (parts.hostname or "localhost", parts.port or {"http": 80, "https": 443}.get(parts.scheme, 4317))
        with socket.create_connection(address, timeout=_CONNECT_S):
            yield Check(area, "OTLP endpoint", "ok", f"{address[0]}:{address[1]} takes connections")
    except (OSError, ValueError) as why:
        advice = (
            "start the collector or Jaeger there, or correct OTEL_EXPORTER_OTLP_ENDPOINT; calls are recorded anyhow"
        )
        yield Check(area, "OTLP endpoint", "wrong", f"{endpoint} cannot be reached: {why}", advice)


def _sdk_is_disabled() -> bool:
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def _without_secrets(name: str, value: object) -> str:
    if name in _SECRET:
        return "set" if value else "unset"
    return without_userinfo(_shown(value)) if name == "store" else _shown(value)


def _shown(value: object) -> str:
    if isinstance(value, tuple) and not isinstance(value, Retention):
        return ", ".join(str(item) for item in value) or "none"
    if isinstance(value, Retention):
        bounds = (
            f"{value.age_s:.0f} s" if value.age_s else "",
            f"{value.size_bytes} bytes" if value.size_bytes else "",
        )
        return ", ".join(filter(None, bounds)) or "none"
    return str(value)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module.partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False
