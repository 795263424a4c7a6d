"""Switches spanglass on and off: by `install`, and by OpenTelemetry's entry points.

Invariant: installing is idempotent, `uninstall` restores the very objects that were there, and nothing here raises into
a host that is starting up, except for arguments of `install` that cannot work.
"""

from __future__ import annotations

import atexit
import logging
import sys
from typing import TYPE_CHECKING, Any

import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from spanglass.capture.clients import stainless
from spanglass.capture.session import Session, activate, active
from spanglass.capture.taps import httpx
from spanglass.guard import Boundary
from spanglass.settings import Settings, put_in_force

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import ModuleType

    from opentelemetry.trace import TracerProvider

_LOG = logging.getLogger("spanglass")
_PATCH = Boundary("instrumentor.patch")
_UNPATCH = Boundary("instrumentor.unpatch")
_PRE_INSTRUMENT = Boundary("instrumentor.pre_instrument")

_patches: dict[str, list[tuple[Any, str, Any]]] = {}
_hooked: set[str] = set()
_said: set[str] = set()


def install(*, tracer_provider: TracerProvider | None = None, **settings: Any) -> None:
    """Watches every call to a model that this process makes from now on.

    Args:
        tracer_provider: where spans go; None follows the global provider, whether it is set before or after this.
        **settings: any `spanglass.settings.Settings` field, such as ``enabled="true"``; they win over the variables.

    Raises:
        ConfigurationError: an argument that cannot work.

    Example:
        >>> import spanglass
        >>> spanglass.install(enabled="true")
        >>> spanglass.uninstall()
    """
    found = Settings.from_environment()
    wanted = found.override({"enabled": "workflows" if found.enabled == "false" else found.enabled} | settings)
    present = active()
    if present is None or tracer_provider is not None or (settings and present.settings != wanted):
        _begin(wanted, tracer_provider)
    for name in PATCHERS:
        _patch_when_imported(name)


def uninstall() -> None:
    """Stops watching, moves what was recorded to the store, and restores every object that was patched."""
    session = active()
    if session is not None:
        activate(None)
        _close(session)
    atexit.unregister(_exit)
    _said.clear()
    for name in list(_patches):
        for target, attribute, handle in _patches.pop(name):
            with _UNPATCH:
                wrapt.unwrap_object(target, attribute, handle, missing_ok=True)


def patched() -> list[str]:
    """What is patched now, as ``module.Class.method``."""
    return sorted(f"{name}.{attribute}" for name, patches in _patches.items() for _, attribute, _ in patches)


def pre_instrument() -> None:
    """Entry point ``opentelemetry_pre_instrument``: puts the processors in, before any instrumentation begins a span.

    The launcher always calls it, so ``SPANGLASS_ENABLED`` gates it. What is patched is `SpanglassInstrumentor`'s
    business, so that ``OTEL_PYTHON_DISABLED_INSTRUMENTATIONS`` is obeyed.
    """
    with _PRE_INSTRUMENT:
        settings = Settings.from_environment()
        if settings.enabled == "false":
            _say(settings)
        elif active() is None:
            _begin(settings, None)


class SpanglassInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Entry point ``opentelemetry_instrumentor``: the same switch in the form that OpenTelemetry's tools know."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """None: what is patched depends on what the program imports."""
        return ()

    def _instrument(self, **kwargs: Any) -> None:
        with _PRE_INSTRUMENT:
            _install_from_environment(kwargs.get("tracer_provider"))

    def _uninstrument(self, **_kwargs: Any) -> None:
        uninstall()


def _install_from_environment(tracer_provider: TracerProvider | None = None) -> None:
    settings = Settings.from_environment()
    if settings.enabled == "false":
        _say(settings)
    else:
        install(tracer_provider=tracer_provider)


def _begin(settings: Settings, tracer_provider: TracerProvider | None) -> None:
    """Puts a session in force, in place of the one that is."""
    present = active()
    if present is not None:
        _close(present)
    _say(settings)
    session = Session(settings, tracer_provider)
    activate(session)
    put_in_force(settings)
    session.protect()
    atexit.unregister(_exit)
    atexit.register(_exit)


def _say(settings: Settings) -> None:
    """Each problem with the variables is said once, though the launcher comes by twice."""
    for problem in settings.problems:
        if problem not in _said:
            _said.add(problem)
            _LOG.warning("spanglass: %s", problem)


def _patch_when_imported(name: str) -> None:
    if name in sys.modules:
        _patch(sys.modules[name])
    elif name not in _hooked:
        _hooked.add(name)
        wrapt.register_post_import_hook(_patch, name)


def _patch(module: ModuleType) -> None:
    """Also called by the import system, where a fault of ours would break the host's import: hence the boundary."""
    with _PATCH:
        if active() is not None and module.__name__ not in _patches:
            _patches[module.__name__] = PATCHERS[module.__name__](module)


def _follow_provider(module: ModuleType) -> list[tuple[Any, str, Any]]:
    """A provider that is set later is protected before its first span, not only at the first call."""

    def set_tracer_provider(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        result = wrapped(*args, **kwargs)
        with _PATCH:
            session = active()
            if session is not None:
                session.protect()
                atexit.unregister(_exit)
                atexit.register(_exit)
        return result

    name = "set_tracer_provider"
    return [(module, name, wrapt.wrap_function_wrapper(module, name, set_tracer_provider))]


PATCHERS: dict[str, Callable[[ModuleType], list[tuple[Any, str, Any]]]] = {
    **dict.fromkeys(httpx.MODULES, httpx.install),
    **dict.fromkeys(stainless.MODULES, stainless.install),
    "opentelemetry.trace": _follow_provider,
}


def _close(session: Session, *, drain: bool = True) -> None:
    with _UNPATCH:
        session.close(drain=drain)


def _exit() -> None:
    """At exit, before OpenTelemetry shuts its provider down: what is open ends, what is journaled is moved on.

    Not after Ctrl-C: whoever reads next moves it, and Python, which then ends by the signal itself, forgets that it has
    to as soon as a string is compiled (`Py_RunMain`), which the first use of a store does.
    """
    session = active()
    if session is not None:
        activate(None)
        _close(session, drain=getattr(sys, "last_type", None) is not KeyboardInterrupt)
