"""`python -m tests.reliability.storm --alerts 100000 --seed 1`: a storm, row by row; exits 1 where a promise broke."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.reliability.storm.run import peak, play, run


def main() -> int:
    """Play it and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--services", type=int, default=0, help="with --peak")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peak", action="store_true", help="play it, and say only how many KiB that took")
    asked = parser.parse_args()
    if asked.peak:
        with TemporaryDirectory() as folder:
            play(asked.alerts, asked.services, asked.seed, Path(folder))
        sys.stdout.write(f"{peak()}\n")
        return 0
    rows = run(asked.alerts, asked.seed)
    for row in rows:
        sys.stdout.write(f"{row.what:<55} {row.tried:>9,} {row.violations:>6} {row.seconds:>8.1f}  {row.remark}\n")
    return int(any(row.violations for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
