"""Measures, prints the table, and writes docs/benchmarks.md."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from local.bench import growth, imports, incidents, page, turns
from local.demo import stories
from local.stack import ROOT

if TYPE_CHECKING:
    from local.bench.incidents import Cost
    from local.bench.measure import Figure

STATE = ROOT / ".local" / "bench"


def main() -> int:
    """Measure every figure, or the ones asked for; the exit status is 0 whether or not the bounds are met."""
    parser = argparse.ArgumentParser(prog="python -m local.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, under a minute; writes no page")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md", help="where the page is written")
    asked = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 200)
    began = time.monotonic()
    figures, costs = _quick(STATE) if asked.quick else _whole(STATE)
    page.show(figures, console)
    took = time.monotonic() - began
    console.print(f"{took:.0f} s in all")
    if not asked.quick:
        asked.out.write_text(page.written(figures, costs, "make bench", took), "utf-8")
    return 0


def _whole(state_dir: Path) -> tuple[list[Figure], list[Cost]]:
    seen = incidents.measure(state_dir, alarms=20, rounds=5)
    figures = [*turns.measure(seen.failed, 200), *growth.measure(10_000), *imports.measure(7), *seen.figures]
    return figures, seen.costs


def _quick(state_dir: Path) -> tuple[list[Figure], list[Cost]]:
    seen = incidents.measure(state_dir, alarms=3, rounds=1, plays=(stories.search,))
    some = {"alert_intake", "slack_api"}
    figures = [*turns.measure(seen.failed, 20), *growth.measure(100, 15), *imports.measure(2, some), *seen.figures]
    return figures, seen.costs


if __name__ == "__main__":
    sys.exit(main())
