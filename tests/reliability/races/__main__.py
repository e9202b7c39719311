"""`python -m tests.reliability.races --rounds 1000 --threads 8`; exits 1 where anything was done twice or left over."""

import argparse
import os
import sys


def main() -> int:
    """Run them all and print a line for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.races", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1_000, help="rounds of each race on each store (1000)")
    parser.add_argument("--threads", type=int, default=8, help="workers that are let loose at one moment (8)")
    asked = parser.parse_args()
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    from tests.reliability.races.run import run  # noqa: PLC0415 - the environment comes first

    return 1 if any(row.violations for row in run(asked.rounds, threads=asked.threads)) else 0


if __name__ == "__main__":
    sys.exit(main())
