"""One pass over a text for all expressions at once: which of them end where.

Invariant: both engines give the same answer for the same text. Hyperscan is the fast one; where it cannot be imported,
`re` finds the same, slower. Nothing is imported or compiled before the first scan.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

#: Which expression, by its number, and the place right after its match.
Hit: TypeAlias = tuple[int, int]


class Anchor(NamedTuple):
    """An expression whose matches end in one place each, wherever they begin; ``once``: whether it matches at all."""

    expression: str
    caseless: bool = False
    once: bool = False


class Engine(Protocol):
    """What finds anchors in a text."""

    def scan(self, data: bytes) -> Sequence[Hit]:
        """Every end of every anchor, in no order; of an anchor asked for ``once``, at least one if there is any."""
        ...


def make_engine(anchors: Sequence[Anchor], cache_dir: Path | None = None) -> Engine:
    """The fastest engine at hand.

    Args:
        anchors: the expressions; a hit names one by its index.
        cache_dir: where a compiled database is kept for the next process; None keeps none.
    """
    try:
        import hyperscan
    except ImportError:
        return ReEngine(anchors)
    return HyperscanEngine(hyperscan, anchors, cache_dir)


class ReEngine:
    """The engine of the standard library."""

    def __init__(self, anchors: Sequence[Anchor]) -> None:
        flags = (re.IGNORECASE if anchor.caseless else 0 for anchor in anchors)
        self._searches = tuple(
            (number, re.compile(anchor.expression.encode(), flag).search, anchor.once)
            for number, (anchor, flag) in enumerate(zip(anchors, flags, strict=True))
        )

    def scan(self, data: bytes) -> Sequence[Hit]:
        """See `Engine.scan`."""
        hits: list[Hit] = []
        for number, search, once in self._searches:
            found = search(data)
            while found:
                hits.append((number, found.end()))
                found = None if once else search(data, found.start() + 1)
        return hits


class HyperscanEngine:
    """The engine of Hyperscan: one pass for all expressions. A scratch belongs to one thread; fork copies it whole."""

    def __init__(self, hyperscan: Any, anchors: Sequence[Anchor], cache_dir: Path | None) -> None:
        self._hyperscan = hyperscan
        self._database = _load(hyperscan, anchors, cache_dir)
        self._scan: Callable[..., None] = self._database.scan
        self._local = threading.local()

    def scan(self, data: bytes) -> Sequence[Hit]:
        """See `Engine.scan`."""
        hits: list[Hit] = []
        try:
            scratch = self._local.scratch
        except AttributeError:
            scratch = self._local.scratch = self._hyperscan.Scratch(self._database)
        try:
            self._scan(data, _note, 0, hits, scratch)
        except self._hyperscan.ScratchInUseError:
            # A finalizer or a signal handler of this very thread broke into its scan.
            self._scan(data, _note, 0, hits, self._hyperscan.Scratch(self._database))
        return hits


def _note(number: int, _start: int, end: int, _flags: int, hits: list[Hit]) -> None:
    hits.append((number, end))


def _load(hyperscan: Any, anchors: Sequence[Anchor], cache_dir: Path | None) -> Any:
    """The compiled database: from the cache, or compiled and put there. A cache that cannot be used is no fault."""
    path = cache_dir / _cache_name(hyperscan, anchors) if cache_dir else None
    if path:
        with suppress(OSError, hyperscan.error):
            return hyperscan.loadb(path.read_bytes(), hyperscan.HS_MODE_BLOCK)
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    flags = [
        hyperscan.HS_FLAG_CASELESS * anchor.caseless | hyperscan.HS_FLAG_SINGLEMATCH * anchor.once for anchor in anchors
    ]
    database.compile([anchor.expression.encode() for anchor in anchors], list(range(len(anchors))), len(anchors), flags)
    if path:
        with suppress(OSError, hyperscan.error):
            _keep(path, hyperscan.dumpb(database))
    return database


def _cache_name(hyperscan: Any, anchors: Sequence[Anchor]) -> str:
    made_by = (
        hyperscan.__version__,
        sys.implementation.cache_tag,
        platform.system(),
        platform.machine(),
        tuple(anchors),
    )
    return f"redact-{hashlib.sha256(repr(made_by).encode()).hexdigest()[:24]}.hsdb"


def _keep(path: Path, database: bytes) -> None:
    """Writes the file whole or not at all, readable by its owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(database)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
