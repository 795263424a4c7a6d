from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from redact.shapes import LOOKALIKES, SHAPES, basic, private_key
from spanglass.redact import REDACTED, Redactor
from spanglass.redact.engine import Anchor, HyperscanEngine, ReEngine, make_engine

if TYPE_CHECKING:
    from pathlib import Path

hyperscan = pytest.importorskip("hyperscan", reason="there is no wheel of hyperscan for this Python")

KEY = SHAPES[0].make()
FAST = Redactor()
ANCHORS = FAST._anchors
BOTH = HyperscanEngine(hyperscan, ANCHORS, None), ReEngine(ANCHORS)

_PIECES = [shape.make() for shape in SHAPES] + list(LOOKALIKES) + [private_key(), f"basic {basic()}"]
_WORDS = [
    "token",
    '"token"',
    "password",
    "api_key",
    "headers",
    "auth",
    '"',
    "'",
    ":",
    "=",
    " ",
    "{",
    "[",
    "]",
    "\\",
    "\\/",
]
_WORDS += [
    "\\u0073k-",
    "://",
    "u:p@h",
    "?sig=",
    "&key=",
    "\n",
    "logprob",
    ",",
    "0123456789",
    "abcdefghijkl",
    "}",
    "é",
    "sk-",
    "X",
]
TEXTS = st.lists(st.sampled_from(_WORDS) | st.sampled_from(_PIECES) | st.text(max_size=8), max_size=24).map("".join)


@settings(deadline=None)
@given(TEXTS)
@example('{"token": "abc", "logprobs": 1}')
@example('"token":"')
def test_both_engines_find_the_same(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    fast, slow = (set(engine.scan(data)) for engine in BOTH)
    once = {number for number, anchor in enumerate(ANCHORS) if anchor.once}
    assert {hit for hit in fast if hit[0] not in once} == {hit for hit in slow if hit[0] not in once}
    assert {hit[0] for hit in fast} == {hit[0] for hit in slow}


def test_without_hyperscan_the_result_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    body = "\n".join(_PIECES).encode()
    expected = FAST.body(body)
    monkeypatch.setitem(sys.modules, "hyperscan", None)
    slow = Redactor()
    assert slow.body(body) == expected
    assert isinstance(getattr(slow._scan, "__self__", None), ReEngine)


def test_importing_the_package_imports_neither_hyperscan_nor_opentelemetry() -> None:
    code = (
        "import sys, spanglass.redact as r; r.Redactor();"
        "print([name for name in ('hyperscan', 'opentelemetry', 'msgspec') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _cached(directory: Path) -> list[Path]:
    return sorted(directory.glob("redact-*.hsdb"))


def test_the_compiled_database_is_kept_for_its_owner_only_and_used_again(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    assert Redactor(cache_dir=directory).text(f"a {KEY}") == (f"a {REDACTED}", 1)
    (kept,) = _cached(directory)
    assert (kept.stat().st_mode & 0o777, directory.stat().st_mode & 0o777) == (0o600, 0o700)
    before = kept.stat().st_mtime_ns
    assert Redactor(cache_dir=directory).text(f"a {KEY}") == (f"a {REDACTED}", 1)
    assert (_cached(directory), kept.stat().st_mtime_ns) == ([kept], before)
    assert list(directory.iterdir()) == [kept]


@pytest.mark.parametrize("damage", [b"", b"not a database", None])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, damage: bytes | None) -> None:
    Redactor(cache_dir=tmp_path).text("x")
    (kept,) = _cached(tmp_path)
    whole = kept.read_bytes()
    kept.write_bytes(whole[:1000] + b"\xff" * 64 + whole[1064:] if damage is None else damage)
    assert Redactor(cache_dir=tmp_path).text(f"a {KEY}") == (f"a {REDACTED}", 1)
    assert kept.read_bytes() == whole


def test_another_set_of_keys_has_another_cache(tmp_path: Path) -> None:
    Redactor(cache_dir=tmp_path).text("x")
    assert Redactor(keys=["ssn"], cache_dir=tmp_path).body(b'{"SSN": "1"}') == (b'{"SSN": "[REDACTED]"}', 1)
    assert len(_cached(tmp_path)) == 2


def test_a_cache_directory_that_cannot_be_made_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert Redactor(cache_dir=tmp_path / "file" / "state").text(f"a {KEY}") == (f"a {REDACTED}", 1)


def test_threads_scan_at_the_same_time() -> None:
    redactor = Redactor()
    body = b'{"x": "%s"}' % (KEY.encode() + b" and words" * 5000)
    results: list[int] = []
    threads = [
        threading.Thread(target=lambda: results.extend(redactor.body(body)[1] for _ in range(20))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [1] * 160


def test_a_scan_that_breaks_into_a_scan_of_its_own_thread_works() -> None:
    engine = make_engine([Anchor("a"), Anchor("b")])
    assert isinstance(engine, HyperscanEngine)
    inner: list[object] = []

    def note(*_: object) -> None:
        inner.append(engine.scan(b"xb"))

    engine.scan(b"")
    engine._database.scan(b"a", note, 0, None, engine._local.scratch)
    assert inner == [[(1, 2)]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_masks_as_its_parent_does() -> None:
    redactor = Redactor()
    redactor.text("warm")
    child = os.fork()
    if child == 0:
        os._exit(0 if redactor.text(f"a {KEY}") == (f"a {REDACTED}", 1) else 1)
    signal.alarm(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
