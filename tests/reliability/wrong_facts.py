"""`python -m tests.reliability.wrong_facts`: gives the policy everything that can be wrong with one fact or limit.

A verdict is broken where it is more permissive than tests/policy_gate/closed.py allows. Exits 1 where one is.
"""

import argparse
import random
import sys
from time import perf_counter

from tests.policy_gate.closed import BASES, asked, attempts, base
from tests.policy_gate.shipped import MODULES
from tests.reliability.table import Row


def tried(size: int, seed: int) -> tuple[Row, list[str]]:
    """`size` wrong inputs drawn by `seed` (0: all), in figures, and those that got more than they may."""
    began, decide = perf_counter(), asked(MODULES)
    every = [attempt for name in BASES for attempt in attempts(name)]
    chosen = random.Random(seed).sample(every, size) if 0 < size < len(every) else every
    broken = [wrong for attempt in chosen if (wrong := attempt.broken(decide))]
    broken += [f"{name} itself" for name in BASES if decide(*base(name)[1:]).verdict != base(name)[0]]
    remark = f"of {len(every)}, from {len(BASES)} inputs: missing, null, of no kind, empty, negative, huge, no number"
    return Row("wrong facts given to the policy", len(chosen), len(broken), perf_counter() - began, remark), broken


def run(size: int, seed: int) -> list[Row]:
    """The same in figures alone."""
    return [tried(size, seed)[0]]


def main() -> int:
    """Reads the arguments, tries, prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.wrong_facts", description=__doc__)
    parser.add_argument("--size", type=int, default=0, help="how many, drawn by the seed; 0 means all")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    row, broken = tried(given.size, given.seed)
    sys.stdout.write("".join(f"{wrong}\n" for wrong in broken))
    sys.stdout.write(f"{row.what}: {row.tried} tried ({row.remark}), {row.violations} broken, {row.seconds:.0f} s\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
