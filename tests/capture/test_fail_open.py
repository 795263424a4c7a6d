"""A fault anywhere inside spanglass never reaches the program: each internal function is made to raise in turn."""

from __future__ import annotations

import inspect
import logging
import pkgutil
import sys
from contextvars import copy_context
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import spanglass
from capture.endpoint import open_endpoint, run
from capture.shapes import SHAPES
from spanglass import guard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType

    from capture.endpoint import Mode, Sdk
    from capture.watch import Watch
    from fake_provider import FakeProvider

ROOMS = ("capture", "span", "redact", "journal", "export", "wire")
CALLS: list[tuple[str, Sdk, Mode]] = [
    ("200 messages", "openai", "sync"),
    ("create", "openai", "async"),
    ("stream drained", "openai", "sync"),
    ("stream drained", "openai", "async"),
    ("429, then a stream", "openai", "sync"),
    ("closed unread", "openai", "async"),
    ("unserialisable argument", "openai", "sync"),
    ("HTTP 400", "openai", "sync"),
    ("create", "anthropic", "sync"),
    ("stream drained", "anthropic", "async"),
]
#: They stand in the program's own path: all that they do of ours, they do inside a boundary.
BOUNDARIES = {
    "clients.around._fail",
    "clients.around._return",
    "taps.httpx._answer",
    "taps.httpx._fail",
    "taps.httpx_stream.__iter__ (_SyncTee)",
    "taps.httpx_stream.close (_SyncTee)",
    "taps.httpx_stream.__aiter__ (_AsyncTee)",
    "taps.httpx_stream.aclose (_AsyncTee)",
    "taps.httpx_stream.__init__ (_AsyncChunks)",
    "taps.httpx_stream.__aiter__ (_AsyncChunks)",
    "taps.httpx_stream.__anext__ (_AsyncChunks)",
    "taps.httpx_stream._resume (_AsyncChunks)",
    "taps.httpx_stream.aclose (_AsyncChunks)",
    "taps.httpx_stream.__del__ (_Tee)",
}


class Function(NamedTuple):
    """A function of ours, and where it can be replaced."""

    name: str
    owner: Any
    attribute: str
    code: CodeType


@pytest.fixture(autouse=True)
def _absorb(monkeypatch: pytest.MonkeyPatch, _raise_our_own_faults: None) -> None:
    """As in production."""
    monkeypatch.setattr(guard, "reraise", False)


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS)
def test_a_fault_in_any_function_stays_inside(
    room: str, provider: FakeProvider, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = [play(call, provider, watch) for call in CALLS]
    used = functions_used(provider, watch)
    functions = [each for each in functions_of(room) if each.code in used and each.name not in BOUNDARIES]
    assert functions, f"no function of {room} is used in a call"
    complaints = [
        complaint for function in functions for complaint in trial(function, provider, watch, caplog, expected)
    ]
    assert complaints == [], "\n".join(complaints)


def test_the_boundaries_named_here_exist() -> None:
    assert {function.name for function in functions_of("capture")} >= BOUNDARIES


def trial(
    function: Function, provider: FakeProvider, watch: Watch, caplog: pytest.LogCaptureFixture, expected: list[Any]
) -> Iterator[str]:
    """Makes all calls while ``function`` raises; says what is not as it should be."""
    watch.install()
    raised: list[str] = []

    def fault(*_args: Any, **_kwargs: Any) -> Any:
        raised.append(function.name)
        message = "planted"
        raise RuntimeError(message)

    caplog.clear()
    guard.reset()
    with pytest.MonkeyPatch.context() as patch:
        replace_everywhere(patch, function, fault)
        for call, want in zip(CALLS, expected, strict=True):
            seen = play(call, provider, watch)
            if not same(seen, want):
                yield f"{function.name}: {call} saw {seen!s:.300}"
        told = [entry for entry in caplog.records if entry.name == "spanglass" and entry.levelno == logging.ERROR]
    if raised and not guard.faults():
        yield f"{function.name}: raised {len(raised)} times, and nobody counted it"
    if len(told) != len(guard.faults()):
        yield f"{function.name}: {len(told)} lines in the log for the faults {guard.faults()}"
    spanglass.uninstall()


def play(call: tuple[str, Sdk, Mode], provider: FakeProvider, watch: Watch) -> list[Any]:
    """What the program sees of a call; in a context of its own, which a function that should leave it may spoil."""
    name, sdk, mode = call
    provider.reset()
    endpoint = open_endpoint(sdk, mode, provider, watch.provider)
    provider.script(*SHAPES[name].answers(endpoint))
    try:
        return copy_context().run(run, endpoint, SHAPES[name].drive)
    except BaseException as error:  # noqa: BLE001 - whatever comes out is what the program sees
        return [type(error), str(error), type(error.__cause__), type(error.__context__)]


def same(one: Any, other: Any) -> bool:
    """Equal in type and value, all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def functions_used(provider: FakeProvider, watch: Watch) -> set[CodeType]:
    """The code that runs in the program's own thread while calls are made."""
    used: set[CodeType] = set()

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            used.add(frame.f_code)

    watch.install()
    sys.setprofile(note)
    try:
        for call in CALLS:
            play(call, provider, watch)
    finally:
        sys.setprofile(None)
        spanglass.uninstall()
    return used


def functions_of(room: str) -> Iterator[Function]:
    """Every function and method that a room's modules define."""
    package = import_module(f"spanglass.{room}")
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = import_module(info.name)
        classes: list[Any] = [value for value in vars(module).values() if inspect.isclass(value)]
        for owner in (module, *classes):
            if getattr(owner, "__module__", module.__name__) != module.__name__:
                continue
            for attribute, value in list(vars(owner).items()):
                code = code_of(value)
                if code is not None and code.co_filename == module.__file__:
                    owned = f" ({owner.__name__})" if inspect.isclass(owner) else ""
                    place = module.__name__.removeprefix("spanglass.capture.").removeprefix("spanglass.")
                    yield Function(f"{place}.{code.co_name}{owned}", owner, attribute, code)


def code_of(value: Any) -> CodeType | None:
    inner = value.fget if isinstance(value, property) else getattr(value, "__wrapped__", value)
    inner = getattr(inner, "__func__", inner)
    code: CodeType | None = getattr(inner, "__code__", None)
    return code


def replace_everywhere(patch: pytest.MonkeyPatch, function: Function, fault: Any) -> None:
    """Also under the names by which other modules have imported it."""
    original = vars(function.owner)[function.attribute]
    kinds: dict[type, Any] = {property: property, staticmethod: staticmethod, classmethod: classmethod}
    patch.setattr(function.owner, function.attribute, kinds.get(type(original), lambda plain: plain)(fault))
    if not inspect.ismodule(function.owner):
        return
    for name, module in list(sys.modules.items()):
        if name.startswith("spanglass."):
            for attribute, value in list(vars(module).items()):
                if value is original:
                    patch.setattr(module, attribute, fault)
