"""All planted bugs, or a share of them: the checks without a bug first, then with one after the other."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from time import perf_counter

from tests.reliability.planted.bugs import BUGS
from tests.reliability.planted.plant import (
    SCHEDULES,
    Bug,
    Found,
    NotPlanted,
    copied,
    edited,
    failing_schedule,
    failing_test,
    noticed,
)
from tests.reliability.table import Row


@dataclass(frozen=True, slots=True)
class Caught:
    """What noticed each bug, in how many seconds of the clock."""

    found: tuple[Found, ...]
    seconds: float


def caught(
    size: int = 0,
    seed: int = 1,
    *,
    only: str = "",
    processes: int = 2,
    told: Callable[[str], object] = lambda _: None,
) -> Caught:
    """Plants `size` of the bugs, drawn by `seed` (0: all); schedules count up from `seed`.

    Raises NotPlanted where a bug no longer fits the source, or what noticed it says no without it as well.
    """
    bugs = chosen(size, seed, only)
    began = perf_counter()
    with TemporaryDirectory(prefix="planted-") as folder:
        clean = copied(_made(Path(folder) / "clean"))
        for bug in bugs:
            edited(bug.edits, clean)
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(processes):
            trees.put(copied(_made(Path(folder) / f"tree-{number}"), clean))
        _fair(bugs, clean)
        seeds = range(seed, seed + SCHEDULES)

        def plant(bug: Bug) -> Found:
            tree = trees.get()
            try:
                found = noticed(bug, tree, clean, seeds)
            finally:
                trees.put(tree)
            told(f"{'MISSED' if found.missed else 'caught'}: {bug.name} ({found.test or '-'}; {found.schedule or '-'})")
            return found

        with ThreadPoolExecutor(processes) as pool:
            found = tuple(pool.map(plant, bugs))
        _sound([each.seed for each in found if each.seed], clean)
    return Caught(found, perf_counter() - began)


def chosen(size: int, seed: int, only: str = "") -> tuple[Bug, ...]:
    """The bugs of this draw, in their usual order."""
    named = [bug for bug in BUGS if only in bug.name]
    drawn = random.Random(seed).sample(named, size) if 0 < size < len(named) else named
    return tuple(bug for bug in BUGS if bug in drawn)


def rows(result: Caught) -> list[Row]:
    """The same in figures: by the tests, and by the simulator."""
    found = result.found
    asked = [each for each in found if each.bug.schedules]
    seconds = max([0.0, *(each.test_seconds + each.schedule_seconds for each in found)])
    return [
        Row(
            "planted bugs, by the tests named for them",
            len(found),
            sum("tests" in each.missed for each in found),
            result.seconds,
            f"at most {seconds:.0f} s of one processor each, with the simulator where it is asked",
        ),
        Row(
            f"planted bugs, by at most {SCHEDULES} schedules",
            len(asked),
            sum("schedules" in each.missed for each in asked),
            sum(each.schedule_seconds for each in asked),
            "of those that schedules can bring about",
        ),
    ]


def run(size: int, seed: int) -> list[Row]:
    """`size` bugs drawn by `seed` (0: all), in figures."""
    return rows(caught(size, seed))


def _fair(bugs: Sequence[Bug], clean: Path) -> None:
    """The named tests pass without a bug."""
    tests = sorted({test for bug in bugs for test in bug.tests})
    failed, _ = failing_test(tests, clean)
    if failed:
        raise NotPlanted(f"{failed} fails without a bug")


def _sound(seeds: Sequence[int], clean: Path) -> None:
    """The schedules that noticed a bug break nothing without one."""
    seed, broken, _ = failing_schedule(sorted(set(seeds)), clean) if seeds else (0, "", 0.0)
    if seed:
        raise NotPlanted(f"{broken} without a bug")


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
