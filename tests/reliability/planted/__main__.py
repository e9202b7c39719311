"""`python -m tests.reliability.planted`: plants every bug, one at a time, and prints which check noticed which."""

import argparse
import sys

from tests.reliability.planted.all import Caught, caught, rows


def main() -> int:
    """Reads the arguments, plants, prints; 1 where a bug survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.planted", description=__doc__)
    parser.add_argument("--size", type=int, default=0, help="how many bugs, drawn by the seed; 0 means all")
    parser.add_argument("--seed", type=int, default=1, help="of the draw, and of the first schedule")
    parser.add_argument("--only", default="", help="bugs whose name holds this")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    result = caught(given.size, given.seed, only=given.only, processes=given.processes, told=_progress)
    sys.stdout.write(f"{table(result)}\n\n")
    for row in rows(result):
        sys.stdout.write(f"{row.what}: {row.tried} tried, {row.violations} missed, {row.seconds:.0f} s. {row.remark}\n")
    return 1 if any(row.violations for row in rows(result)) else 0


def table(result: Caught) -> str:
    """Which check noticed which bug, as Markdown."""
    lines = ["| planted bug | noticed by the test | noticed by the simulator | s |", "|---|---|---|---:|"]
    for each in result.found:
        test = each.test.rpartition("::")[2] if each.test else "**MISSED**" if each.bug.tests else "not asked"
        schedule = each.schedule or ("**MISSED**" if each.bug.schedules else "not asked")
        lines.append(f"| {each.bug.name} | {test} | {schedule} | {each.test_seconds + each.schedule_seconds:.0f} |")
    return "\n".join(lines)


def _progress(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
