"""The simulator as one of the checks of `make reliability`."""

import os
import sys

from local import reference
from tests.reliability.simulator.kept import Kept, code_digest, played
from tests.reliability.simulator.promises import PROMISES
from tests.reliability.simulator.search import shrunk, told
from tests.reliability.table import Row

LONG = 100_000
"""A run of so many schedules keeps its tally in KEPT, and one that was interrupted goes on from there."""
KEPT = reference.ROOT / "build" / "simulated.jsonl"


def run(size: int, seed: int) -> list[Row]:
    """Plays `size` schedules from `seed` on, on all cores: one row for the schedules, and one for each promise.

    Prints the first that breaks one, made smaller, with its timelines. Raises OtherCodeError where KEPT is of other
    code or another seed.
    """
    kept = Kept(KEPT, seed, code_digest()) if size >= LONG else None
    tally = played(seed, size, os.cpu_count() or 1, kept)
    for failure in tally.failures[:1]:
        sys.stdout.write(f"seed {failure.schedule.seed}, made smaller:\n{told(shrunk(failure))}\n")
    troubles = f"{sum(tally.applied.values()):,} troubles of {len(tally.applied)} kinds"
    said = f"{troubles}; {tally.entries:,} facts of {len(tally.facts)} types; {tally.effects:,} changes of ECS"
    broken = {name: sum(name in failure.promises for failure in tally.failures) for name in PROMISES}
    return [
        Row("schedules", tally.schedules, len(tally.failures), tally.seconds, said),
        *(Row(f"schedules in which {name} is asked", tally.schedules, count, 0.0) for name, count in broken.items()),
    ]
