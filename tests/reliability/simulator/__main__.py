"""`python -m tests.reliability.simulator --schedules 10000 --seed 1`: plays schedules and prints one table."""

import argparse
import os
import sys
from pathlib import Path

from shared.facts import BY_TYPE
from tests.reliability.simulator.kept import Kept, OtherCodeError, code_digest, played
from tests.reliability.simulator.promises import PROMISES
from tests.reliability.simulator.search import Tally, shrunk, told


def main() -> int:
    """Reads the arguments, plays, prints; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.simulator", description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first schedule; the next ones count up from it")
    parser.add_argument("--jobs", "--processes", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--keep", type=Path, help="a file to keep the tally in; a run that has one goes on from there")
    given = parser.parse_args()
    kept = Kept(given.keep, given.seed, code_digest()) if given.keep else None
    try:
        tally = played(given.seed, given.schedules, given.jobs, kept)
    except OtherCodeError as error:
        sys.stderr.write(f"{error}\n")
        return 2
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
        (
            "of a processor",
            f"{tally.processor:.1f}, {1_000 * tally.processor / max(tally.schedules, 1):.1f} ms a schedule",
        ),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"| {name:{width}} | {value} |" for name, value in rows)


if __name__ == "__main__":
    sys.exit(main())
