"""The simulator as one of the checks of `make reliability`."""

import os
import sys

from tests.reliability.simulator.promises import PROMISES
from tests.reliability.simulator.search import explore_all, shrunk, told
from tests.reliability.table import Row


def run(size: int, seed: int) -> list[Row]:
    """Plays `size` schedules from `seed` on, on all cores: one row for the schedules, and one for each promise.

    Prints the first that breaks one, made smaller, with its timelines.
    """
    tally = explore_all(seed, size, processes=os.cpu_count() or 1)
    for failure in tally.failures[:1]:
        sys.stdout.write(f"seed {failure.schedule.seed}, made smaller:\n{told(shrunk(failure))}\n")
    troubles = f"{sum(tally.applied.values()):,} troubles of {len(tally.applied)} kinds"
    said = f"{troubles}; {tally.entries:,} facts of {len(tally.facts)} types; {tally.effects:,} changes of ECS"
    broken = {name: sum(name in failure.promises for failure in tally.failures) for name in PROMISES}
    return [
        Row("schedules", tally.schedules, len(tally.failures), tally.seconds, said),
        *(Row(f"schedules in which {name} is asked", tally.schedules, count, 0.0) for name, count in broken.items()),
    ]
