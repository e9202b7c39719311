"""The simulator as one of the checks of `make reliability`."""

import os

from tests.reliability.simulator.promises import PROMISES
from tests.reliability.simulator.search import explore_all
from tests.reliability.table import Row


def run(size: int, seed: int) -> list[Row]:
    """Plays `size` schedules from `seed` on, on all cores: one row for the schedules, and one for each promise."""
    tally = explore_all(seed, size, processes=os.cpu_count() or 1)
    troubles = f"{sum(tally.applied.values()):,} troubles of {len(tally.applied)} kinds"
    said = f"{troubles}; {tally.entries:,} facts of {len(tally.facts)} types; {tally.effects:,} changes of ECS"
    broken = {name: sum(name in failure.promises for failure in tally.failures) for name in PROMISES}
    return [
        Row("schedules", tally.schedules, len(tally.failures), tally.seconds, said),
        *(Row(f"schedules in which {name} is asked", tally.schedules, count, 0.0) for name, count in broken.items()),
    ]
