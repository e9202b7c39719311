"""`python -m tests.reliability.planted.schedules SECONDS SEED…`: plays schedules until one breaks a promise.

Prints, as JSON, the seed and the promises that it broke; 0 and nothing where none did in that time.
"""

import json
import sys
from time import process_time

from tests.reliability.simulator.search import explore

AT_ONCE = 10


def main(seconds: float, seeds: list[int]) -> tuple[int, str]:
    """The first failure: its seed, and what was broken."""
    while seeds and process_time() < seconds:
        tally = explore(seeds[:AT_ONCE], enough=1)
        seeds = seeds[AT_ONCE:]
        for failure in tally.failures:
            return failure.schedule.seed, f"seed {failure.schedule.seed}: {', '.join(sorted(failure.promises))}"
    return 0, ""


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(float(sys.argv[1]), [int(each) for each in sys.argv[2:]])) + "\n")
