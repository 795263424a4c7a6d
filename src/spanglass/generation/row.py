"""One row: its columns one after the other, each with what the earlier ones made.

Invariant: a row is whole or it is a failure that says which column, why, and which calls; there is nothing in between.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from spanglass.errors import ConfigurationError, GenerationError
from spanglass.generation.column import RunConfig, TextColumn
from spanglass.generation.drive import generate, generate_async
from spanglass.place import step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from spanglass.model import JsonObject
    from spanglass.model.message import ChatMessage


@dataclass(frozen=True, slots=True)
class RowFailure:
    """Why a row could not be made.

    Args:
        column: the column that failed.
        error: what was raised.
        trace: the conversation, as far as there is one.
        refs: the calls that were recorded, as ``trace_id/span_id``.
    """

    column: str
    error: Exception
    trace: tuple[ChatMessage, ...] = ()
    refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A row that is done with.

    Args:
        index: its place among the rows that were given, from 0.
        given: its fields as they were given.
        values: the same with the generated columns; as far as it came, if it failed.
        failure: why it failed, or None.
    """

    index: int
    given: JsonObject
    values: JsonObject
    failure: RowFailure | None = None


class Job(NamedTuple):
    """What is to be done to every row, and with what."""

    columns: tuple[TextColumn, ...]
    config: RunConfig
    model: str | None
    client: Any

    @classmethod
    def of(cls, columns: Sequence[TextColumn], config: RunConfig | None, model: str | None, client: Any) -> Job:
        """The job, checked.

        Raises:
            ConfigurationError: columns that cannot work together, or a column without a model.
        """
        names: set[str] = set()
        ahead = {column.name for column in columns}
        for column in columns:
            if column.name in names:
                message = f"two columns are named {column.name!r}"
                raise ConfigurationError(message)
            later = sorted(column.fields & ahead)
            if later:
                message = f"column {column.name!r} refers to {later[0]!r}, which is made only after it; put it first"
                raise ConfigurationError(message)
            if column.model is None and model is None:
                message = f"column {column.name!r} has no model; give it one, or one to the run"
                raise ConfigurationError(message)
            names.add(column.name)
            ahead.discard(column.name)
        return cls(tuple(columns), config or RunConfig(), model, client)

    @property
    def generated(self) -> frozenset[str]:
        """The names that every finished row has beyond those that were given."""
        traced = {column.trace_name for column in self.columns if self.config.trace_of(column) != "none"}
        return frozenset({column.name for column in self.columns} | traced)

    def make(self, index: int, given: Mapping[str, Any]) -> Row:
        """The row, made here and now; whatever goes wrong is its failure."""
        making = _Making(self, given)
        for column in making.columns():
            with making.turn(column):
                making.take(column, generate(**making.arguments(column)))
        return making.row(index)

    async def make_async(self, index: int, given: Mapping[str, Any]) -> Row:
        """The same, awaited."""
        making = _Making(self, given)
        for column in making.columns():
            with making.turn(column):
                making.take(column, await generate_async(**making.arguments(column)))
        return making.row(index)


class _Making:
    """A row under way."""

    def __init__(self, job: Job, given: Mapping[str, Any]) -> None:
        self._job = job
        self._given = dict(given)
        self._values = dict(given)
        self._failure: RowFailure | None = None

    def columns(self) -> Iterator[TextColumn]:
        """The columns to be made, one after the other; none after one that failed."""
        for column in self._job.columns:
            if self._failure is None:
                yield column

    @contextmanager
    def turn(self, column: TextColumn) -> Iterator[None]:
        """One column is made inside, in the step of its name; what is raised there is the row's failure."""
        try:
            with step(column.name):
                yield
        except Exception as error:  # noqa: BLE001 - it is the row's, which fails with it
            self._failure = _failure(column, error)

    def arguments(self, column: TextColumn) -> dict[str, Any]:
        """What the column's value is generated from."""
        taken = sorted({column.name, column.trace_name} & self._values.keys())
        if taken:
            message = f"the row has a field {taken[0]!r} already; give the column another name"
            raise ValueError(message)
        prompt, system = column.templates
        config = self._job.config
        return {
            **column.options,
            "prompt": prompt.render(self._values),
            "system_prompt": None if system is None else system.render(self._values),
            "parser": column.parse,
            "model": column.model or self._job.model,
            "client": self._job.client,
            "tools": column.tools,
            "max_correction_steps": config.max_correction_steps,
            "max_conversation_restarts": config.max_conversation_restarts,
            "with_trace": config.trace_of(column),
        }

    def take(self, column: TextColumn, generated: tuple[Any, list[ChatMessage]]) -> None:
        """The column's value is made."""
        self._values[column.name], trace = generated
        if self._job.config.trace_of(column) != "none":
            self._values[column.trace_name] = [message.to_dict() for message in trace]

    def row(self, index: int) -> Row:
        """The row as it has become."""
        return Row(index, self._given, self._values, self._failure)


def _failure(column: TextColumn, error: Exception) -> RowFailure:
    if isinstance(error, GenerationError):
        return RowFailure(column.name, error, tuple(error.trace), error.refs)
    ref = getattr(error, "spanglass_ref", None)
    return RowFailure(column.name, error, refs=() if ref is None else (ref,))
