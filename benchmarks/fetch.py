"""Fills a store with records, fetches some by span id, and prints the median and the 99th percentile in ns.

Invariant: the records are of the size of a small agent call, and no two have the same content. It reads through
`spanglass.read`, as the command line does, with the store's file in the page cache.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import texts

from spanglass.model.entry import AttemptEntry, CallFacts, Entry, OutcomeEntry, RequestEntry
from spanglass.read import open_reader
from spanglass.settings import Settings
from spanglass.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

_BATCH = 500
_FETCHES = 2000
_BEGIN = 1_760_000_000_000_000_000


def ids(number: int) -> tuple[str, str]:
    """A trace id and a span id, as random as real ones."""
    rng = random.Random(number)  # noqa: S311 - no secret
    return f"{rng.getrandbits(128):032x}", f"{rng.getrandbits(64):016x}"


def entries(number: int) -> Iterator[Entry]:
    """What one call leaves in a journal."""
    trace_id, span_id = ids(number)
    at = _BEGIN + number * 1_000_000
    call = CallFacts(
        "chat bench-1", at, "bench", format="openai_chat", provider="openai", operation="chat", request_model="bench-1"
    )
    request = {"model": "bench-1", "messages": texts.conversation(number, 3, 200)}
    answer = {"id": span_id, "object": "chat.completion", "model": "bench-1", "choices": [], "note": str(number)}
    url = "https://api.openai.com/v1/chat/completions"
    yield RequestEntry(trace_id, span_id, call, 1, "POST", url, at, body=json.dumps(request).encode())
    yield AttemptEntry(trace_id, span_id, 1, 200, at + 1000, complete=True, body=json.dumps(answer).encode())
    yield OutcomeEntry(trace_id, span_id, call, "done", at + 1000)


def main() -> None:
    """Fills and fetches."""
    directory, records = Path(sys.argv[1]), int(sys.argv[2])
    settings = Settings().override({"state_dir": str(directory)})
    store = open_store(settings.store)
    for first in range(0, records, _BATCH):
        numbers = range(first, min(first + _BATCH, records))
        store.put_many([entry for number in numbers for entry in entries(number)])
    store.close()
    took = []
    rng = random.Random(2)  # noqa: S311 - no secret
    with open_reader(settings) as reader:
        reader.fetch(ids(0)[1])
        for _ in range(_FETCHES):
            _, span_id = ids(rng.randrange(records))
            started = time.perf_counter_ns()
            record = reader.fetch(span_id)
            took.append(time.perf_counter_ns() - started)
            assert record.span_id == span_id
            assert record.messages
    took.sort()
    print(statistics.median(took), took[int(len(took) * 0.99)])


if __name__ == "__main__":
    main()
