"""Measures what spanglass costs against the bare client, and prints it beside the budgets.

Invariant: both sides run in this one run, in turns, against a provider in a process of its own on loopback.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from figures import Figure, as_json, table
from pair import provider
from scenarios import SCENARIOS, Effort


def main() -> int:
    """Runs the scenarios that were asked for."""
    options = _options()
    effort = Effort(0.2 if options.quick else 1.0, options.records or (10_000 if options.quick else 100_000))
    figures: list[Figure] = []
    with provider() as url:
        for name in options.only or SCENARIOS:
            started = time.monotonic()
            sys.stderr.write(f"{name}: {SCENARIOS[name].__doc__} … ")
            sys.stderr.flush()
            figures += SCENARIOS[name](url, effort)
            sys.stderr.write(f"{time.monotonic() - started:.0f} s\n")
    print(table(figures))
    processors = os.cpu_count() or 1
    if os.getloadavg()[1] > processors:
        print(f"\nNOT TO BE TRUSTED: the load was {os.getloadavg()[1]:.1f} on {processors} processors")
    if options.json is not None:
        options.json.write_text(as_json(figures, quick=options.quick), encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    listing = "\n".join(f"  {name:<12}{function.__doc__}" for name, function in SCENARIOS.items())
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        epilog=f"scenarios:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", choices=list(SCENARIOS), metavar="SCENARIO", help="run these alone")
    parser.add_argument("--quick", action="store_true", help="a fifth of the rounds: a first look")
    parser.add_argument("--records", type=int, help="how many records to fetch from (100,000; a million takes minutes)")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the figures, and what they were measured on, here"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
