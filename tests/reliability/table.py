"""What was tried, how often, and what came of it: the rows of the table that `make reliability` prints."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was tried: how many times, how many broke a promise, and in how many seconds."""

    what: str
    tried: int
    violations: int
    seconds: float
    remark: str = ""


def by_itself(run: Callable[[int, int], list[Row]], says: str | None, *, size: int, of: str) -> NoReturn:
    """The command of one check: reads `--size` (of what) and `--seed`, prints a line a row; 1 where a promise broke."""
    parser = argparse.ArgumentParser(description=says)
    parser.add_argument("--size", type=int, default=size, help=of)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rows = run(given.size, given.seed)
    for row in rows:
        sys.stdout.write(
            f"{row.what:32} {row.tried:>6} tried {row.violations:>3} violations {row.seconds:6.1f} s  {row.remark}\n"
        )
    sys.exit(any(row.violations for row in rows))
