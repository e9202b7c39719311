"""`python -m tests.hostile --size 100000 --seed 1`: hostile input and a hostile model; prints one line a check."""

import argparse
import sys

from tests.hostile.checks import CHECKS, FULL, tried

SHOWN = 10
"""Violations of one check that are told in full."""


def main() -> int:
    """Reads the arguments, tries, prints; 1 where anything got through."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--size", type=int, default=FULL, help="mutated Slack requests; all else in proportion")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", choices=["", *CHECKS], help="one check alone")
    given = parser.parse_args()
    broken = 0
    for row, violations in tried(given.size, given.seed, given.only):
        broken += row.violations
        figures = f"{row.tried:>9,} tried {row.violations:>6,} violations {row.seconds:>8.1f} s"
        sys.stdout.write(f"{row.what:44} {figures}  {row.remark}\n")
        for each in violations[:SHOWN]:
            sys.stdout.write(f"    {each}\n")
        sys.stdout.flush()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
