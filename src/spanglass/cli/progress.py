"""How far a long command is, for a person at a terminal.

Invariant: it is shown on standard error, and only where that is a terminal and nobody asked for JSON; when it ends it
leaves nothing behind.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spanglass.cli.output import Output

    #: Told what is being done, and how many of how many are.
    Progress = Callable[[str, int, int], None]


@contextmanager
def progress(output: Output) -> Iterator[Progress]:
    """Something to tell how far it is."""
    if output.as_json or not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        tasks: dict[str, int] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = int(bar.add_task(what, total=total))
            bar.update(bar.task_ids[tasks[what]], completed=done, total=total)

        yield tell
