"""Finds what a model spelled over several events of a stream: ``"sk"``, ``"-pro"``, ``"j-…"``.

Invariant: the fragments of one leaf (same name, same indices) are read as one text; each span found there is masked in
the pieces of the raw literals that it covers, and in nothing else. Nothing is parsed: the raw bytes are the truth.
"""

# ruff: noqa: SIM905 - words read better in lines than in a column

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from functools import lru_cache
from itertools import accumulate, islice
from typing import TYPE_CHECKING

from spanglass.redact.engine import Anchor, make_engine
from spanglass.redact.finding import Span, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

#: The names under which the known formats stream text.
_NAMES = (
    "content text delta arguments partial_json thinking reasoning reasoning_content refusal response "
    "output_text generated_text completion transcript output input data answer message value"
).split()

#: Names whose strings are no part of a streamed text.
_ENVELOPE = frozenset(
    "id object model created created_at type event role name finish_reason native_finish_reason stop_reason "
    "code param done_reason system_fingerprint service_tier obfuscation item_id status call_id tool_call_id "
    "provider format phase signature p encrypted_content stopReason finishReason modelVersion responseId "
    "annotations stop_sequence".split()
)

#: Between a name and its value: one space at most, as nearly everybody writes it; or some white space that few write,
#: which is not looked into. A matcher finds literals in half the time that it takes for ``\s*:\s*``.
_GAP = r"(?:: ?{}|\s|:[\t-\r]|: \s)"

_SAMPLES = 16
#: The longest line of one event, and how much of a longer one is looked at: of many answers written in one line.
_LINE_BYTES, _NEAR_BYTES = 1 << 14, 512
_NAMED_STRING = re.compile(rb'"([^"\\]{1,60})"\s*:\s*"')
_INDEX = re.compile(rb'ndex"\s*:\s*(\d+)')


class StreamFinder:
    """Finds credentials that are spread over events.

    Args:
        find: finds the spans to mask in one text.
        cache_dir: as for `make_engine`.
    """

    def __init__(self, find: Callable[[Text], Iterable[Span]], cache_dir: Path | None) -> None:
        self._find = find
        anchors = [Anchor(f'"{name}"' + _GAP.format('"'), once=True) for name in _NAMES]
        self._engine = make_engine([*anchors, Anchor('ndex"' + _GAP.format("[1-9]"), once=True)], cache_dir)

    def spans(self, data: bytes) -> Iterator[Span]:
        """What to mask in a stream of JSON events, one or more lines each."""
        present = {number for number, _ in self._engine.scan(data)}
        lanes = len(_NAMES) in present and _interleaved(data)
        known = (_NAMES[number].encode() for number in sorted(present) if number < len(_NAMES))
        for name in (*known, *_unknown_names(data)):
            pattern = _fragment(name)
            if lanes:
                for fragments in _lanes(data, pattern):
                    yield from self._spread(data, fragments)
            elif any(True for _ in self._find(Text(b"".join(pattern.findall(data)), strict=True))):
                yield from self._spread(data, [found.span(1) for found in pattern.finditer(data)])

    def _spread(self, data: bytes, fragments: list[tuple[int, int]]) -> Iterator[Span]:
        """The spans of the joined text, as pieces of its fragments."""
        joined = b"".join([data[start:end] for start, end in fragments])
        starts = list(accumulate((end - start for start, end in fragments), initial=0))
        for span in self._find(Text(joined, strict=True)):
            yield from _pieces(fragments, starts, span)


@lru_cache(maxsize=256)
def _fragment(name: bytes) -> re.Pattern[bytes]:
    return re.compile(b'"' + re.escape(name) + rb'"\s*:\s*"([^"\\]*(?:\\.[^"\\]*)*)')


def _interleaved(data: bytes) -> bool:
    """Whether the events of one index may stand between those of another."""
    indices = _INDEX.findall(data)
    return len(set(indices)) > 1 and indices != sorted(indices, key=int)


def _lanes(data: bytes, pattern: re.Pattern[bytes]) -> Iterable[list[tuple[int, int]]]:
    """The fragments of one name apart by the indices that stand beside them in their event's line."""
    lanes: defaultdict[tuple[bytes, ...], list[tuple[int, int]]] = defaultdict(list)
    for found in pattern.finditer(data):
        start, end = found.span(1)
        first, stop = _line_around(data, start, end)
        before, after = data[first:start], data[end:stop]
        lanes[tuple(_INDEX.findall(before) + _INDEX.findall(after))].append((start, end))
    return lanes.values()


def _unknown_names(data: bytes) -> list[bytes]:
    """Names of strings that no known format has, in a sample of the lines."""
    step = max(1, len(data) // _SAMPLES)
    sample = b"".join(_line(data, at) for at in range(0, len(data), step))
    names = Counter(name.decode("utf-8", "replace") for name in _NAMED_STRING.findall(sample))
    for name in (*_ENVELOPE, *_NAMES):
        names.pop(name, None)
    return [name.encode() for name, _ in names.most_common(_SAMPLES)]


def _line(data: bytes, at: int) -> bytes:
    """The line around a place, or what of it is near; of an empty one, the next."""
    first, stop = _line_around(data, at, at + 1)
    return data[first:stop]


def _line_around(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the line begins and ends that a piece is in; or, as far as that is far away, places nearby."""
    first = data.rfind(b"\n", max(0, start - _LINE_BYTES), start) + 1
    if not first and start > _LINE_BYTES:
        first = start - _NEAR_BYTES
    stop = data.find(b"\n", end, end + _LINE_BYTES)
    if stop < 0:
        stop = len(data) if end + _LINE_BYTES >= len(data) else end + _NEAR_BYTES
    return first, stop


def _pieces(fragments: list[tuple[int, int]], starts: list[int], span: Span) -> Iterator[Span]:
    """What of each fragment a span of their joined text covers; the mask stands in the first."""
    at = max(0, bisect_right(starts, span.start) - 1)
    offset, mask = starts[at], span.mask
    for start, end in islice(fragments, at, None):
        first = max(span.start - offset, 0)
        last = min(span.end - offset, end - start)
        if first < last:
            yield Span(start + first, start + last, mask)
            mask = b""
        offset += end - start
        if offset >= span.end:
            return
