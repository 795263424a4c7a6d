"""``spanglass generate``: columns that a model writes, over the rows of a file; each call is recorded.

Invariant: what is done is in the output file, row by row, whatever ends the command; run again, it goes on. A row that
fails is counted, written beside the others, and makes the exit code say so.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spanglass.cli.exits import CommandFailure, Exit
from spanglass.cli.options import at_least_one, common, settings_of
from spanglass.cli.progress import progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from spanglass.cli.output import Output
    from spanglass.generation.plan import Plan
    from spanglass.generation.rows import RowsReport


def add_parser(subparsers: Any) -> None:
    """Declares the command."""
    parser = subparsers.add_parser(
        "generate",
        parents=[common()],
        help="let a model write columns, row by row",
        description="Makes the columns that a configuration file describes for each row of a file, and writes the rows "
        "as JSON lines. Run again, it goes on where it was interrupted, and tries the rows again that failed.",
    )
    parser.add_argument("config", metavar="CONFIG", type=Path, help="the columns, the model and the client (.yaml)")
    parser.add_argument("rows", metavar="ROWS", type=Path, help="the rows: .jsonl, .json or .csv")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="where to write (.jsonl)")
    parser.add_argument("--model", metavar="NAME", help="instead of the configuration's model")
    parser.add_argument("--concurrency", metavar="N", type=at_least_one, help="rows under way at the same time")
    parser.add_argument("--traces", action="store_true", help="write the whole trace of every column")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, output: Output) -> int:
    """Generates."""
    from spanglass.capture.instrumentor import install, uninstall

    settings = settings_of(args)
    output.note(settings.problems)
    if args.output.resolve() == args.rows.resolve():
        message = f"{args.output} is the file that the rows are read from; write to another one"
        raise CommandFailure(message, Exit.USAGE)
    install(enabled="true", store=settings.store, state_dir=settings.state_dir)
    try:
        report = _generate(args, output)
    except KeyboardInterrupt:
        output.note([f"interrupted; the rows that are done are in {args.output}: run it again to go on"])
        output.end()
        raise
    finally:
        uninstall()
    if args.json:
        output.json(report.to_dict())
    output.note(_notes(report))
    return Exit.PROBLEM if report.failed else Exit.OK


def _generate(args: argparse.Namespace, output: Output) -> RowsReport:
    from spanglass.generation.plan import read_plan
    from spanglass.generation.rows import generate_file

    plan = _with_options(read_plan(args.config), args)
    with progress(output) as tell:
        return generate_file(
            plan.columns,
            args.rows,
            args.output,
            model=plan.model,
            client=plan.client,
            config=plan.config,
            progress=lambda done, total: tell("rows", done, total or 0),
        )


def _with_options(plan: Plan, args: argparse.Namespace) -> Plan:
    config = plan.config
    if args.concurrency:
        config = replace(config, max_concurrency=args.concurrency)
    if args.traces:
        config = replace(config, debug_override_save_all_column_traces=True)
    return replace(plan, config=config, model=args.model or plan.model)


def _notes(report: RowsReport) -> Iterator[str]:
    from spanglass.read.figures import counted

    resumed = f", {report.resumed:,} there already" if report.resumed else ""
    yield f"{counted(report.made, 'row')} written to {report.path}{resumed}"
    if report.torn:
        yield "the last row that was there was not whole, and was made again"
    if report.failed:
        yield f"{counted(report.failed, 'row')} failed: see {report.failed_path}; run it again to try them again"
