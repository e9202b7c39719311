"""A long run's tally in a file, share by share, so that a run that was interrupted goes on where it was left."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from local import reference
from tests.reliability.simulator.schedule import a_schedule
from tests.reliability.simulator.search import ENOUGH, SHARE, Failure, Tally, explored

PLAYED = ("shared", "functions", "config", "tests/fakes", "tests/reliability/simulator")
"""What decides how a schedule goes: the product, its starter configuration, and the simulator."""


class OtherCodeError(ValueError):
    """The tally is one of other code than this."""


def code_digest(root: Path = reference.ROOT) -> str:
    """sha256 over every file that decides how a schedule goes, by its name and content."""
    files = sorted(
        path
        for folder in PLAYED
        for path in (root / folder).rglob("*")
        if path.is_file() and "__pycache__" not in str(path)
    )
    digests = (f"{path.relative_to(root)} {sha256(path.read_bytes()).hexdigest()}\n" for path in files)
    return sha256("".join(digests).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Kept:
    """The file: a first line that says of what code and from which seed on it is, then a line for each share.

    `digest` tells the code as it is now.
    """

    path: Path
    seed: int
    digest: str

    def shares(self) -> Iterator[Tally]:
        """What was kept; makes the file where there is none.

        Raises OtherCodeError where it was begun with other code or another seed. What was being written when the run
        was interrupted is not counted, and taken off.
        """
        begun = {"code": self.digest, "seed": self.seed}
        if not self.path.exists():
            self.path.write_text(f"{json.dumps(begun)}\n")
        text = self.path.read_text()
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            self.path.write_text(whole)
        head, *lines = whole.splitlines() or ["{}"]
        if json.loads(head) != begun:
            message = f"{self.path} is of other code or another seed than this run; begin another file"
            raise OtherCodeError(message)
        return map(_read, lines)

    def add(self, share: Tally) -> None:
        """Keeps a share; raises OtherCodeError where the code was changed since the run began."""
        if code_digest() != self.digest:
            message = f"the code was changed while it was played; {self.path} holds what was played before"
            raise OtherCodeError(message)
        failures = [[failure.schedule.seed, failure.broken] for failure in share.failures]
        with self.path.open("a") as file:
            file.write(f"{json.dumps({**vars(share), 'failures': failures})}\n")


def played(seed: int, schedules: int, processes: int, kept: Kept | None) -> Tally:
    """Plays what is not kept of them, and keeps each whole share of it."""
    total, have = Tally(seed), set[int]()
    for share in kept.shares() if kept else ():
        if seed <= share.first < seed + schedules:
            have.add(share.first)
            total.add(share)
    for share in explored(seed, schedules, processes=processes, kept=have) if len(total.failures) < ENOUGH else ():
        total.add(share)
        if kept and share.schedules == SHARE:
            kept.add(share)
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{total.schedules:,} schedules, {total.seconds:.0f} s ")
        if len(total.failures) >= ENOUGH:
            break
    sys.stderr.write("\n" if sys.stderr.isatty() else "")
    total.failures.sort(key=lambda failure: failure.schedule.seed)
    return total


def _read(line: str) -> Tally:
    said = json.loads(line)
    failures = [
        Failure(a_schedule(seed), tuple((name, how) for name, how in broken)) for seed, broken in said["failures"]
    ]
    counted = {name: Counter(said[name]) for name in ("applied", "facts")}
    return Tally(**{**said, **counted, "failures": failures})
