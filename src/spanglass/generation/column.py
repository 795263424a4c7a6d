"""A column of generated values, and how a run over rows makes them.

Invariant: a column that cannot work is refused when it is made, before anything is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spanglass.errors import ConfigurationError
from spanglass.generation.drive import TRACES, WithTrace
from spanglass.generation.parser import schema_parser
from spanglass.generation.template import Template

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from spanglass.generation.tool import Tool

TRACE_SUFFIX = "__trace"


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column whose values a model writes, one for each row.

    Args:
        name: under which the value is written; the trace, where it is asked for, under ``{name}__trace``.
        prompt: a template: ``{{ topic }}`` is the row's field, or an earlier column, of that name.
        system_prompt: a template, too.
        parser: from the answer's text to the value; whatever it raises is told to the model. Text, if there is none.
        output_schema: instead of a parser, a JSON schema that the answer has to fit.
        with_trace: how much of the conversation is written: ``none``, ``last_message`` or ``all``.
        model: another model than the run's.
        tools: functions that the model may call.
        options: passed to the client with every call, such as ``{"temperature": 0.2}``.

    Raises:
        ConfigurationError: an argument that cannot work, or an extra that is not installed.

    Example:
        >>> column = TextColumn("question", "Ask something about {{ topic }}.")
        >>> sorted(column.fields)
        ['topic']
    """

    name: str
    prompt: str
    system_prompt: str | None = None
    parser: Callable[[str], Any] | None = None
    output_schema: dict[str, Any] | None = None
    with_trace: WithTrace = "none"
    model: str | None = None
    tools: Sequence[Tool | Callable[..., Any]] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    templates: tuple[Template, Template | None] = field(init=False, repr=False, compare=False)
    parse: Callable[[str], Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fault = None
        if not self.name or self.name.endswith(TRACE_SUFFIX):
            fault = f"a column cannot be named {self.name!r}"
        elif self.with_trace not in TRACES:
            fault = f"with_trace={self.with_trace!r} is none of {', '.join(TRACES)}"
        elif self.parser is not None and self.output_schema is not None:
            fault = "give a parser or an output_schema, not both"
        if fault is not None:
            message = f"column {self.name!r}: {fault}"
            raise ConfigurationError(message)
        system = None if self.system_prompt is None else Template(self.system_prompt)
        object.__setattr__(self, "templates", (Template(self.prompt), system))
        parse = self.parser or str if self.output_schema is None else schema_parser(self.output_schema)
        object.__setattr__(self, "parse", parse)

    @property
    def fields(self) -> frozenset[str]:
        """The fields and earlier columns that its templates name."""
        prompt, system = self.templates
        return prompt.fields | (system.fields if system is not None else frozenset())

    @property
    def trace_name(self) -> str:
        """Under which its trace is written."""
        return f"{self.name}{TRACE_SUFFIX}"


@dataclass(frozen=True, slots=True)
class RunConfig:
    """How columns are made.

    Args:
        max_concurrency: rows under way at the same time.
        max_correction_steps: corrections in one conversation.
        max_conversation_restarts: conversations after the first.
        debug_override_save_all_column_traces: write the whole trace of every column, whatever the columns say.

    Raises:
        ConfigurationError: a number that cannot work.
    """

    max_concurrency: int = 8
    max_correction_steps: int = 2
    max_conversation_restarts: int = 0
    debug_override_save_all_column_traces: bool = False

    def __post_init__(self) -> None:
        least = {"max_concurrency": 1, "max_correction_steps": 0, "max_conversation_restarts": 0}
        for name, bound in least.items():
            if type(getattr(self, name)) is not int or getattr(self, name) < bound:
                message = f"{name}={getattr(self, name)!r} is no whole number from {bound} on"
                raise ConfigurationError(message)

    def trace_of(self, column: TextColumn) -> WithTrace:
        """How much of a column's conversation is written."""
        return "all" if self.debug_override_save_all_column_traces else column.with_trace
