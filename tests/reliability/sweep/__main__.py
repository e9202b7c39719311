"""`python -m tests.reliability.sweep`: every call of the demo's stories, with each of six faults at each."""

import argparse
import sys
import time

from tests.reliability.sweep.run import JOBS, places, run, told_stories
from tests.reliability.sweep.sites import record
from tests.reliability.sweep.stories import STORIES


def main() -> int:
    """Run them and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.sweep", description=__doc__)
    parser.add_argument("--cases", type=int, default=None, help="so many, chosen by the seed (default: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=JOBS, help=f"at a time ({JOBS})")
    parser.add_argument("--story", choices=STORIES, action="append", help="only this one (may be said twice)")
    parser.add_argument("--record", action="store_true", help="write sites.txt anew, and try no fault")
    asked = parser.parse_args()
    if asked.record:
        record(place for story in told_stories(0, 1, 1, STORIES) for place in places(story))
        return 0
    began = time.monotonic()
    rows = run(asked.cases, asked.seed, jobs=asked.jobs, stories=asked.story or STORIES)
    print(f"{sum(row.tried for row in rows)} things tried in {time.monotonic() - began:.0f} s")  # noqa: T201
    return 1 if any(row.violations for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
