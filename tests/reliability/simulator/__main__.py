"""`python -m tests.reliability.simulator --schedules 10000 --seed 1`: plays schedules and prints one table."""

import argparse
import os
import sys

from shared.facts import BY_TYPE
from tests.reliability.simulator.promises import PROMISES
from tests.reliability.simulator.search import Tally, explore_all, shrunk, told


def main() -> int:
    """Reads the arguments, plays, prints; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.simulator", description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first schedule; the next ones count up from it")
    parser.add_argument("--jobs", "--processes", type=int, default=os.cpu_count() or 1, help="processes")
    given = parser.parse_args()
    tally = explore_all(given.seed, given.schedules, processes=given.jobs, told=_progress)
    sys.stderr.write("\n" if sys.stderr.isatty() else "")
    sys.stdout.write(f"{table(tally)}\n")
    for failure in tally.failures[:1]:
        sys.stdout.write(
            f"\nseed {failure.schedule.seed} broke {', '.join(sorted(failure.promises))}; made smaller:\n\n"
        )
        sys.stdout.write(f"{told(shrunk(failure))}\n")
    return 1 if tally.failures else 0


def table(tally: Tally) -> str:
    """What was tried, how often, and what it broke, as Markdown."""
    broken = {name: sum(name in failure.promises for failure in tally.failures) for name in PROMISES}
    unseen = sorted(set(BY_TYPE) - set(tally.facts))
    rows = [
        ("schedules", f"{tally.schedules:,}"),
        ("facts appended", f"{tally.entries:,} of {len(tally.facts)} types"),
        ("types never seen", ", ".join(unseen) or "none"),
        ("effects on ECS", f"{tally.effects:,}"),
        ("messages and e-mails", f"{tally.messages:,}"),
        *((name, f"{count:,}") for name, count in sorted(tally.applied.items(), key=lambda each: (-each[1], each[0]))),
        *((f"{name} broken", f"{count}") for name, count in broken.items()),
        ("seconds", f"{tally.seconds:.1f}"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"| {name:{width}} | {value} |" for name, value in rows)


def _progress(tally: Tally) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{tally.schedules:,} schedules, {tally.seconds:.0f} s ")


if __name__ == "__main__":
    sys.exit(main())
