"""What a measurement gives, the bounds that it is read against, and the table of both.

Invariant: a bound is never asserted; the table says whether a figure keeps it, and the reader decides on that machine.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

_PACKAGES = ("spanglass", "openai", "httpx2", "opentelemetry-sdk", "msgspec", "hyperscan", "zstandard")


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Args:
        name: what was measured.
        unit: of all the numbers.
        value: the figure itself; usually what spanglass adds.
        bare, watched: the same without and with spanglass, where that is what was compared.
        budget: the bound that the design sets, or None.
        aim: half of what the fastest existing instrumentation takes, which keeps nothing durable, or None.
        at_least: more is better.
        note: how to read it.
    """

    name: str
    unit: str
    value: float
    bare: float | None = None
    watched: float | None = None
    budget: float | None = None
    aim: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Watched to bare."""
        return self.watched / self.bare if self.bare and self.watched is not None else None

    def keeps(self, bound: float | None) -> str:
        """``yes``, ``no`` or nothing."""
        if bound is None:
            return ""
        return "yes" if (self.value >= bound if self.at_least else self.value <= bound) else "no"


def table(figures: list[Figure]) -> str:
    """The figures as an aligned Markdown table."""
    head = ["what", "unit", "bare", "spanglass", "ratio", "figure", "budget", "kept", "aim", "met"]
    rows = [head, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "| "
        + " | ".join(_aligned(cell, width, at) for at, (cell, width) in enumerate(zip(row, widths, strict=True)))
        + " |"
        for row in rows
    ]
    rule = "|" + "|".join(("-" * (width + 1) + ("-" if at < 2 else ":")) for at, width in enumerate(widths)) + "|"
    notes = [f"- {figure.name}: {figure.note}" for figure in figures if figure.note]
    return "\n".join([lines[0], rule, *lines[1:], "", *notes])


def _row(figure: Figure) -> list[str]:
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    sign = ">= " if figure.at_least else ""
    return [
        figure.name,
        figure.unit,
        _number(figure.bare),
        _number(figure.watched),
        ratio,
        _number(figure.value),
        sign + _number(figure.budget) if figure.budget is not None else "",
        figure.keeps(figure.budget),
        sign + _number(figure.aim) if figure.aim is not None else "",
        figure.keeps(figure.aim),
    ]


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column < 2 else cell.rjust(width)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def as_json(figures: list[Figure], *, quick: bool) -> str:
    """The figures and what they were measured on."""
    value: dict[str, Any] = {
        "machine": {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "processors": os.cpu_count(),
            "load_average": os.getloadavg(),
            "packages": {name: _version(name) for name in _PACKAGES},
            "commit": _commit(),
        },
        "quick": quick,
        "figures": [{**asdict(figure), "ratio": figure.ratio} for figure in figures],
    }
    return json.dumps(value, indent=2) + "\n"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
