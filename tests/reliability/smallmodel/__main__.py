"""`python -m tests.reliability.smallmodel`: tries everything within the bounds, and prints what it was."""

import argparse
import sys

from tests.reliability.smallmodel.explore import explored, shown
from tests.reliability.smallmodel.model import Bounds
from tests.reliability.smallmodel.run import BOUNDS, CI


def main() -> int:
    """Reads the arguments, tries everything, prints; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.smallmodel", description=__doc__)
    parser.add_argument("--whole", action="store_true", help="up to 3 alerts, 2 people and 1 crash together")
    for name in ("alerts", "people", "crashes", "late"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--configuration")
    given = parser.parse_args()
    chosen = {name: value for name, value in vars(given).items() if value is not None and name != "whole"}
    every = [Bounds(**chosen)] if chosen else list(BOUNDS if given.whole else BOUNDS[:CI])
    wrong = 0
    for bounds in every:
        found = explored(bounds)
        sys.stdout.write(f"{shown(found)}\n")
        sys.stdout.flush()
        wrong += len(found.broken)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
