"""Columns over rows: as they come, or into a file that an interrupted run goes on with.

Invariant: at most so many rows are under way as the configuration says, and no more are read ahead. A row that is paid
for is not lost: what is under way when a run is interrupted is finished, and written.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from itertools import islice
from operator import length_hint
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spanglass.generation.row import Job, Row
from spanglass.generation.sheet import Sheet, read_rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence

    from spanglass.generation.column import RunConfig, TextColumn
    from spanglass.generation.sheet import Source

    #: Told how many rows of how many are done with; how many is None where it is not known.
    Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class RowsReport:
    """What came of a run into a file.

    Args:
        path: the file.
        made: how many rows this run made.
        resumed: how many an earlier run had made already.
        failed: how many rows could not be made.
        failed_path: the file with those, or None if there are none.
        torn: a row that an earlier run had written in part was cut off, and made again.
    """

    path: Path
    made: int = 0
    resumed: int = 0
    failed: int = 0
    failed_path: Path | None = None
    torn: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


def generate_rows(
    columns: Sequence[TextColumn],
    rows: Source,
    *,
    model: str | None = None,
    client: Any = None,
    config: RunConfig | None = None,
) -> Iterator[Row]:
    """Makes the columns of each row, several rows at a time.

    Args:
        columns: in the order in which they are made; a later one may refer to an earlier one.
        rows: mappings, or the path of a file: JSON lines (``.jsonl``), a JSON list (``.json``) or ``.csv``.
        model: asked for the columns that name none.
        client: as for `generate`; it is used by several threads at once, as SDKs' clients may be.
        config: how many at a time, how often to correct and to begin anew, which traces to keep.

    Returns:
        Each row as soon as it is done with. One that could not be made comes too, with its ``failure``.

    Raises:
        ConfigurationError: columns or rows that cannot work.

    Example:
        >>> from spanglass import TextColumn
        >>> columns = [TextColumn("answer", "How many?", parser=int, with_trace="all")]
        >>> [row] = generate_rows(columns, [{"id": 1}], model="m", client=lambda messages, **_: "7")
        >>> row.values["answer"], [message["role"] for message in row.values["answer__trace"]]
        (7, ['user', 'assistant'])
    """
    job = Job.of(columns, config, model, client)
    return _in_threads(job.make, enumerate(read_rows(rows)), job.config.max_concurrency)


async def generate_rows_async(
    columns: Sequence[TextColumn],
    rows: Source,
    *,
    model: str | None = None,
    client: Any = None,
    config: RunConfig | None = None,
) -> AsyncIterator[Row]:
    """The same in tasks of the running event loop, for clients that are awaited. See `generate_rows`."""
    job = Job.of(columns, config, model, client)
    given = enumerate(read_rows(rows))
    waiting: set[asyncio.Task[Row]] = set()
    try:
        while True:
            room = job.config.max_concurrency - len(waiting)
            waiting |= {asyncio.create_task(job.make_async(*row)) for row in islice(given, room)}
            if not waiting:
                return
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task.result()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def generate_file(
    columns: Sequence[TextColumn],
    rows: Source,
    output: str | Path,
    *,
    model: str | None = None,
    client: Any = None,
    config: RunConfig | None = None,
    progress: Progress | None = None,
) -> RowsReport:
    """Makes the columns of each row, and writes the rows as JSON lines as they are done.

    Called again with the same arguments it goes on: rows that are in the file are not made again; those that failed
    are tried again.

    Args:
        columns: as for `generate_rows`.
        rows: as for `generate_rows`.
        output: the file. Rows that fail are written beside it, to ``name.failed.jsonl``, with the reason, the
            conversation and the calls.
        model: as for `generate_rows`.
        client: as for `generate_rows`.
        config: as for `generate_rows`.
        progress: told how many rows of how many are done with.

    Returns:
        How many rows were made, were there already, and failed.

    Raises:
        ConfigurationError: columns or rows that cannot work, or a file that other columns were written to.
        OSError: a file cannot be read or written.
    """
    job = Job.of(columns, config, model, client)
    tell = progress or (lambda _done, _total: None)
    # A file is read twice: a line in it that is no row is said before anything is asked.
    total = sum(1 for _ in read_rows(rows)) if isinstance(rows, (str, Path)) else length_hint(rows) or None
    with Sheet(Path(output), job.generated) as sheet:
        missing = (row for row in enumerate(read_rows(rows)) if not sheet.has(row[1]))

        def make(index: int, given: Mapping[str, Any]) -> Row:
            row = job.make(index, given)
            sheet.write(row)
            return row

        for _ in _in_threads(make, missing, job.config.max_concurrency):
            tell(sheet.made + sheet.resumed + sheet.failed, total)
    return RowsReport(sheet.path, sheet.made, sheet.resumed, sheet.failed, sheet.failed_path, sheet.torn)


def _in_threads(
    make: Callable[[int, Mapping[str, Any]], Row], rows: Iterable[tuple[int, Mapping[str, Any]]], at_once: int
) -> Iterator[Row]:
    """The rows as they are done; each is made in the context of whoever asks for them."""
    given = iter(rows)
    waiting: set[Future[Row]] = set()
    with ThreadPoolExecutor(at_once, thread_name_prefix="spanglass-rows") as pool:  # waits for what is under way
        while True:
            room = at_once - len(waiting)
            for index, row in islice(given, room):
                waiting.add(pool.submit(copy_context().run, make, index, row))
            if not waiting:
                return
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
