"""Plants a bug in a copy of the source, and asks the named tests and the simulator whether they notice."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from threading import Timer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROOT = Path(__file__).parents[3]
COPIED = ("shared", "functions", "config", "events", "cli", "local", "infra", "docs", "tests", "pyproject.toml")
"""What the tests and the simulator read; the copy is all that they see of the source."""
LEFT_OUT = shutil.ignore_patterns(".local", ".terraform", "build", ".hypothesis")
SCHEDULES = 300
"""Schedules of the simulator that a bug may take to be noticed."""
SECONDS = 20.0
"""Seconds of one processor that a bug may take to be noticed by the tests, and as many by the simulator."""
HANGS = 300.0
"""Seconds of a busy machine after which a check is ended, and has noticed nothing."""


class NotPlanted(AssertionError):
    """A bug no longer fits the source, or a check says no without it: then it proves nothing."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One text of a file that stands there exactly once, and what is put in its place."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Bug:
    """One mistake that somebody could make, and what has to notice it.

    `tests` are node ids of pytest, of which one at least must fail. Where `schedules` is set, the simulator has to
    notice it as well. `guards` names what stands behind the place of the mistake and is therefore taken away with it.
    """

    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...] = ()
    schedules: bool = False
    guards: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What noticed a bug (empty: nothing did), and how many seconds of one processor each check took."""

    bug: Bug
    test: str
    schedule: str
    seed: int = 0
    test_seconds: float = 0.0
    schedule_seconds: float = 0.0

    @property
    def missed(self) -> tuple[str, ...]:
        """The checks that should have noticed it in time and did not."""
        by_test = self.test and self.test_seconds <= SECONDS
        by_schedule = self.schedule and self.schedule_seconds <= SECONDS
        wrong = ("tests",) if self.bug.tests and not by_test else ()
        return (*wrong, "schedules") if self.bug.schedules and not by_schedule else wrong


def copied(folder: Path, source: Path = ROOT) -> Path:
    """A copy of the source in `folder`; compiled files come along, so that only what is planted is compiled anew."""
    for name in COPIED:
        if (source / name).is_dir():
            shutil.copytree(source / name, folder / name, ignore=LEFT_OUT)
        else:
            shutil.copy2(source / name, folder / name)
    return folder


def edited(edits: Iterable[Edit], tree: Path) -> Mapping[str, str]:
    """The files in `tree` as they are with the edits; raises NotPlanted where a text is not there exactly once."""
    texts: dict[str, str] = {}
    for edit in edits:
        text = texts.get(edit.file) or (tree / edit.file).read_text()
        if text.count(edit.old) != 1:
            raise NotPlanted(f"{edit.file} holds {text.count(edit.old)} times, not once:\n{edit.old}")
        texts[edit.file] = text.replace(edit.old, edit.new)
    return texts


def noticed(bug: Bug, tree: Path, clean: Path, seeds: Sequence[int]) -> Found:
    """Plants the bug in `tree`, a copy that nobody else uses, asks the checks, and takes it out again."""
    texts = edited(bug.edits, clean)
    try:
        for name, text in texts.items():
            (tree / name).write_text(text)
        test, test_seconds = failing_test(bug.tests, tree) if bug.tests else ("", 0.0)
        seed, schedule, schedule_seconds = failing_schedule(seeds, tree) if bug.schedules else (0, "", 0.0)
    finally:
        for name in texts:
            shutil.copy2(clean / name, tree / name)
    return Found(bug, test, schedule, seed, test_seconds, schedule_seconds)


def failing_test(tests: Sequence[str], tree: Path) -> tuple[str, float]:
    """The first of the tests to fail, empty if all pass, and the seconds; raises NotPlanted where they do not run."""
    options = ("-n0", "-p", "no:randomly", "-p", "no:cacheprovider", "-x", "--tb=no", "-rf", "-m", "not emulator")
    code, said, seconds = _run(("-m", "pytest", *tests, *options), tree)
    failed = re.search(r"^FAILED (\S+::.*?)(?: - .*)?$", said, re.MULTILINE)
    if code == 1 and failed:
        return failed[1], seconds
    if code == 0:
        return "", seconds
    raise NotPlanted(f"the tests did not run (pytest ended with {code}):\n{said[-2000:]}")


def failing_schedule(seeds: Sequence[int], tree: Path) -> tuple[int, str, float]:
    """The seed of the first schedule that breaks a promise, and which; 0 and empty if none does. And the seconds.

    A simulator that breaks down has noticed nothing.
    """
    arguments = ("-m", "tests.reliability.planted.schedules", str(SECONDS), *map(str, seeds))
    code, said, seconds = _run(arguments, tree)
    seed, words = json.loads(said.splitlines()[-1]) if code == 0 else (0, "")
    return seed, words, seconds


def _run(arguments: Sequence[str], tree: Path) -> tuple[int, str, float]:
    """Exit code, output and seconds of one processor of this Python, which sees the source in `tree` alone."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "RELIABILITY", "SIMULATED"):
        environment.pop(name, None)
    with TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=tree,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        hangs = Timer(HANGS, os.killpg, (process.pid, signal.SIGKILL))
        hangs.start()
        _, status, usage = os.wait4(process.pid, 0)
        hangs.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return process.returncode, output.read(), usage.ru_utime + usage.ru_stime
