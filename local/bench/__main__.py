"""Measures, prints the table, and writes docs/benchmarks.md."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from local.bench import growth, imports, incidents, page, turns
from local.stack import ROOT


def main() -> int:
    """Measure every figure, or the ones asked for; the exit status is 0 whether or not the bounds are met."""
    parser = argparse.ArgumentParser(prog="python -m local.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, under a minute; writes no page")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md", help="where the page is written")
    asked = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 200)
    began = time.monotonic()
    sizes = QUICK if asked.quick else FULL
    seen = incidents.measure(ROOT / ".local" / "bench", sizes["alarms"], sizes["rounds"])
    figures = [
        *turns.measure(seen.failed, sizes["turns"]),
        *growth.measure(sizes["repeats"]),
        *imports.measure(sizes["processes"]),
        *seen.figures,
    ]
    page.show(figures, console)
    took = time.monotonic() - began
    console.print(f"{took:.0f} s in all")
    if not asked.quick:
        asked.out.write_text(page.written(figures, seen.costs, "make bench", took), "utf-8")
    return 0


FULL = {"alarms": 20, "rounds": 5, "turns": 200, "repeats": 10_000, "processes": 7}
QUICK = {"alarms": 3, "rounds": 1, "turns": 30, "repeats": 100, "processes": 1}

if __name__ == "__main__":
    sys.exit(main())
