"""``spanglass export``: what was recorded, as a dataset to train on.

Invariant: a row is written as soon as it is made; a file is put in place whole, or not at all. What is left out is
said.
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spanglass.cli.criteria import add_criteria, criteria
from spanglass.cli.exits import Exit
from spanglass.cli.options import at_least_one, common, reader_of
from spanglass.cli.output import harmless
from spanglass.cli.progress import progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from spanglass.cli.output import Output
    from spanglass.read.dataset import Dataset, DatasetReport
    from spanglass.read.reader import Reader

FORMATS = ("openai", "sharegpt", "trl-sft", "trl-dpo")


def add_parser(subparsers: Any) -> None:
    """Declares the command."""
    parser = subparsers.add_parser(
        "export",
        parents=[common()],
        help="write conversations as a dataset: chats, or preference pairs",
        description="Writes what was recorded as a dataset, one row a line: a chat for each conversation that ended "
        "well, or (trl-dpo) a pair for each answer that was refused and the one that stood. Rows are masked, come "
        "once, and name their calls as span_ids.",
    )
    parser.add_argument("--format", choices=FORMATS, default="openai", help="the shape of the rows (%(default)s)")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="a file, instead of standard output")
    parser.add_argument("--limit", metavar="N", type=at_least_one, help="at most so many rows")
    add_criteria(parser)
    parser.add_argument("--failed", action="store_true", help="conversations that did not end well, too")
    parser.add_argument("--corrections", action="store_true", help="in chats, also what was refused, and why")
    parser.add_argument("--no-reasoning", action="store_true", help="leave the model's reasoning out")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, output: Output) -> int:
    """Writes a dataset."""
    with reader_of(args, output) as reader, progress(output) as tell:
        try:
            dataset = _dataset(reader, args, tell)
            lines = islice(dataset.lines(), args.limit)
            if args.output is None:
                _write(lines, output)
            else:
                from spanglass.read.jsonlines import write_lines

                write_lines(args.output, lines)
        finally:
            output.note(reader.notes)
    report = dataset.report
    if args.output is not None and args.json:
        output.json({"path": str(args.output), "format": args.format, **report.to_dict()})
    output.note(_notes(report, args.output))
    return Exit.OK


def _dataset(reader: Reader, args: argparse.Namespace, tell: Any) -> Dataset:
    from spanglass.read.dataset import Dataset
    from spanglass.read.shape import Style

    return Dataset(
        reader,
        args.format,
        failed=args.failed,
        style=Style(reasoning=not args.no_reasoning, corrections=args.corrections),
        progress=tell,
        **criteria(reader, args),
    )


def _write(lines: Iterator[str], output: Output) -> None:
    """JSON lines, or with ``--json`` one JSON list; either way a row as soon as it is there."""
    if not output.as_json:
        sys.stdout.writelines(f"{harmless(line, sys.stdout)}\n" for line in lines)
        return
    before = "["
    for line in lines:
        sys.stdout.write(f"{before}\n{harmless(line, sys.stdout)}")
        before = ","
    sys.stdout.write("\n]\n" if before == "," else "[]\n")


def _notes(report: DatasetReport, path: Path | None) -> Iterator[str]:
    from spanglass.read.figures import counted

    if path is not None:
        made_of = f"{counted(report.rows, 'row')} of {counted(report.conversations, 'conversation')}"
        yield f"{made_of} written to {path}"
    elif not report.rows:
        yield "no row: no recorded conversation makes one"
    if report.left_out:
        yield f"left out: {', '.join(f'{count:,} {reason}' for reason, count in report.left_out.items())}"
    if report.duplicates:
        yield f"{counted(report.duplicates, 'row')} said the same as another, and came once"
    if report.masked:
        yield f"{counted(report.masked, 'value')} masked that the store still has; the settings now ask for more"
