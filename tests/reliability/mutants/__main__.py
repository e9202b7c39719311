"""`python -m tests.reliability.mutants`: changes the product one thing at a time; prints what no test noticed."""

import argparse
import os
import sys
from collections import defaultdict
from time import perf_counter

from tests.reliability.mutants import Tried, drawn, hinted, keep_hints, row, survivors, tried


def main() -> int:
    """Reads the arguments, tries, prints; 1 where too few were noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.mutants", description=__doc__)
    parser.add_argument("--size", type=int, default=0, help="how many mutants, drawn by the seed; 0 means all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="files whose name holds this")
    parser.add_argument("--hinted", action="store_true", help="ask only the tests that noticed their kind before")
    parser.add_argument("--reach", default="", help="a file that keeps which tests run what, to measure it once")
    parser.add_argument("--keep", action="store_true", help="keep who noticed what as hints, of files tried whole")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    listed, began = survivors(), perf_counter()

    def told(each: Tried) -> None:
        if not each.by:
            known = listed.get(each.mutant.name, "not listed")
            sys.stdout.write(f"unnoticed ({known}; {each.why}): {each.mutant.lines[0]}: {each.mutant.name}\n")
            sys.stdout.flush()

    chosen = drawn(given.size, given.seed, given.only)
    hints = hinted() if given.hinted else None
    found = tried(chosen, hints=hints, reach=given.reach, processes=given.processes, told=told)
    by_file: dict[str, list[Tried]] = defaultdict(list)
    for each in found:
        by_file[each.mutant.file].append(each)
    for file, group in sorted(by_file.items()):
        caught = sum(bool(each.by) for each in group)
        sys.stdout.write(f"{file:44} {caught:>5} of {len(group):>5} {caught / len(group):7.1%}\n")
    ended = sum(each.by.startswith(("signal", "its end")) for each in found)
    if given.keep:
        keep_hints(found)
    total = row(found, perf_counter() - began)
    sys.stdout.write(f"{total.what}: {total.remark}; {ended} ended it or never ended; {total.seconds:.0f} s\n")
    return 1 if total.violations else 0


if __name__ == "__main__":
    sys.exit(main())
