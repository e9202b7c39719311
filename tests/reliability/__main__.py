"""`python -m tests.reliability`: tries everything that could break a promise, and prints one table.

With `--long`, at the size of docs/reliability.md, which it writes anew.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tests.reliability.checks import CHECKS, run
from tests.reliability.page import MEASURED, PAGE, ROOT, written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.reliability.table import Row


def main() -> int:
    """Reads the arguments, tries, prints; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("--long", action="store_true", help="as often as docs/reliability.md says, and write that page")
    parser.add_argument("--keep", action="store_true", help="write that page from a run of the usual size")
    parser.add_argument("--only", action="append", choices=sorted(CHECKS), help="these alone (may be repeated)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", action="store_true", help="try nothing, and write the page from what was measured")
    given = parser.parse_args()
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    if not given.page:
        rows = tried(given.only or list(CHECKS), given.seed, long=given.long)
        if any(row.violations for group in rows.values() for row in group):
            return 1
        if given.long or given.keep:
            _keep(rows, given.seed, long=given.long)
    if given.long or given.keep or given.page:
        PAGE.write_text(written(), "utf-8")
    return 0


def tried(names: Sequence[str], seed: int, *, long: bool) -> dict[str, list[Row]]:
    """What came of these checks, each told as soon as it is known: the wide ones in turns, then the others."""
    chosen = [name for name in CHECKS if name in names]
    found = {name: run(name, seed, long=long) for name in chosen if CHECKS[name].wide}
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        beside = [name for name in chosen if not CHECKS[name].wide]
        found |= zip(beside, pool.map(partial(run, seed=seed, long=long), beside), strict=True)
    Console(width=None if sys.stdout.isatty() else 160).print(_table({name: found[name] for name in chosen}))
    return found


def _table(found: dict[str, list[Row]]) -> Table:
    table = Table("check", "what was tried", "how many", "violations", "s", "remark")
    for name, rows in found.items():
        for row in rows:
            style = "bold red" if row.violations else ""
            cells = (name, row.what, f"{row.tried:,}", f"{row.violations}", f"{row.seconds:.1f}", row.remark)
            table.add_row(*cells, style=style)
    return table


def _keep(rows: dict[str, list[Row]], seed: int, *, long: bool) -> None:
    """Keeps what was measured, when, and of which commit; checks that were not tried now keep what they have."""
    path = Path(MEASURED)
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    of = {"seed": seed, "long": long, "on": f"{datetime.now(UTC):%Y-%m-%d}", "commit": _commit()}
    now = {name: {**of, "rows": [asdict(row) for row in group]} for name, group in rows.items()}
    path.write_text(json.dumps(kept | now, indent=1, sort_keys=True) + "\n", "utf-8")


def _commit() -> str:
    """The commit that is checked out; raises CalledProcessError where there is none to name."""
    command = ["git", "rev-parse", "--short=10", "HEAD"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
