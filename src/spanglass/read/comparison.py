"""A call beside others: what it was handed and did not pass on, and what changed since the call before.

Invariant: what a call is compared with is found by its place alone: in its workflow, or in its trace if it is in none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.errors import NotFound
from spanglass.model.record import Record
from spanglass.read import diff as differences
from spanglass.read import transit as transits
from spanglass.read.reader import current_reader

if TYPE_CHECKING:
    from spanglass.model.record import Summary
    from spanglass.read.diff import Diff
    from spanglass.read.reader import Reader
    from spanglass.read.transit import Transit

#: In so many earlier calls a sentence is looked for, the latest ones.
EARLIER = 500


def earlier_calls(reader: Reader, call: Summary, limit: int = EARLIER) -> list[Summary]:
    """The calls before one in its workflow, or without one in its trace: the latest ``limit``, newest first.

    Raises:
        StoreError: the store cannot be read.
    """
    return reader.find(**_place(call), until=call.started_at, limit=limit)


def previous_call(reader: Reader, call: Summary) -> Summary:
    """The last call of the same operation (chat, embeddings) before one, in its workflow or else in its trace.

    Raises:
        NotFound: it is the first one there.
        StoreError: the store cannot be read.
    """
    for before in earlier_calls(reader, call):
        if before.operation == call.operation:
            return before
    where = "trace" if call.workflow_id is None else f"workflow {call.workflow_id!r}"
    message = f"{call.span_id} is the first call of its {where}, so there is none before it; name two calls to compare"
    raise NotFound(message)


def transit_of(reader: Reader, call: Summary) -> Transit:
    """What of a call's upstream context reached its prompt, with the answers of the calls before it as sources.

    The calls before it are read when `Transit.origins` is first asked. A workflow of very many calls is looked through
    only as far back as `EARLIER`, and `Reader.notes` says so.

    Raises:
        NotFound: it was pruned meanwhile.
        StoreError: the store cannot be read.
    """
    record = call if isinstance(call, Record) else reader.read(call)
    before = earlier_calls(reader, record, EARLIER + 1)
    if len(before) > EARLIER:
        reader.notes.append(f"only the latest {EARLIER} calls before this one are looked at for where a text came from")
    return transits.transit(record, earlier=(reader.read(found) for found in before[:EARLIER]))


def transit(call: str | Record) -> Transit:
    """What of a call's upstream context reached its prompt, leaf by leaf, and where a sentence of it came from.

    Args:
        call: a reference as `spanglass.fetch` takes it, or a record.

    Returns:
        The fate of each leaf (whole, cut, altered, missing, or too short to tell) with where it is and a score;
        `Transit.origins` finds the upstream leaf or the earlier answer that a sentence came from.

    Raises:
        ConfigurationError, NotFound, Ambiguous, StoreError: as `spanglass.fetch`.
    """
    reader = current_reader()
    return transit_of(reader, reader.fetch(call) if isinstance(call, str) else call)


def diff(before: str | Record, after: str | Record | None = None) -> Diff:
    """What changed between the context windows of two calls: messages, tools and options.

    Args:
        before: the earlier call, a reference or a record; or, alone, the later one, and what it is compared with is the
            call before it in its workflow, or in its trace if it is in none.
        after: the later call.

    Raises:
        NotFound: no call answers to a reference, or there is none before it.
        ConfigurationError, Ambiguous, StoreError: as `spanglass.fetch`.
    """
    reader = current_reader()
    first = reader.fetch(before) if isinstance(before, str) else before
    if after is None:
        return differences.diff(reader.read(previous_call(reader, first)), first)
    return differences.diff(first, reader.fetch(after) if isinstance(after, str) else after)


def _place(call: Summary) -> dict[str, Any]:
    return {"trace_id": call.trace_id} if call.workflow_id is None else {"workflow_id": call.workflow_id}
