"""Which calls a command is about: the options that narrow a list, and what they ask of a store.

Invariant: every command that lists calls takes the same options, with the same meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from spanglass.cli.options import moment, named
from spanglass.errors import ConfigurationError, NotFound
from spanglass.model.record import State

if TYPE_CHECKING:
    import argparse

    from spanglass.model.record import Summary
    from spanglass.read.reader import Reader


def add_call(parser: argparse.ArgumentParser) -> None:
    """Declares the argument by which a person names one call."""
    parser.add_argument(
        "call",
        metavar="CALL",
        nargs="?",
        default="-",
        type=named,
        help="a span id as 'spanglass ls' shows it, or WORKFLOW/STEP for its latest; without it, or '-', the newest",
    )


def add_criteria(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--since", metavar="WHEN", type=moment, help="begun since: an age (10m, 12h, 7d) or a UTC time")
    parser.add_argument("--state", choices=get_args(State), help="only calls that ended so")
    parser.add_argument(
        "--model", metavar="NAME", type=named, help="only calls that asked for, or were answered by, this model"
    )
    parser.add_argument("--workflow", metavar="ID", type=named, help="only calls of this workflow")
    parser.add_argument("--step", metavar="NAME", type=named, help="only calls of this workflow step")
    parser.add_argument(
        "--trace", metavar="TRACE", type=named, help="only calls of this trace: its id, or the start of it"
    )


def criteria(reader: Reader, args: argparse.Namespace) -> dict[str, Any]:
    """What the options ask for, as `Reader.find` takes it."""
    return {
        "trace_id": reader.trace_id(args.trace) if args.trace else None,
        "workflow_id": args.workflow,
        "step_name": args.step,
        "state": args.state,
        "model": args.model,
        "since": args.since,
    }


def find_call(reader: Reader, name: str) -> Summary:
    """The call that a person names: a reference, ``WORKFLOW/STEP``, or ``-`` for the newest.

    Raises:
        ConfigurationError, NotFound, Ambiguous, StoreError: as `Reader.fetch`.
    """
    if name == "-":
        return reader.newest()
    workflow, slash, step = name.rpartition("/")
    try:
        return reader.resolve(name)
    except (ConfigurationError, NotFound) as why:
        found = reader.find(workflow_id=workflow, step_name=step, limit=1) if slash and workflow and step else []
        if not found and slash and isinstance(why, ConfigurationError):
            message = (
                f"{name!r} is neither a reference to a call nor a step of a workflow that has calls; "
                "'spanglass ls --workflow ID' lists the calls of a workflow"
            )
            raise NotFound(message) from None
        if not found:
            raise
        return found[0]
